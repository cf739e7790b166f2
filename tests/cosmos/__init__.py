"""What only the Cosmos DB adapter promises: lost answers, interleavings, stored shapes, costs."""
