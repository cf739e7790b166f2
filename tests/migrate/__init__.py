"""The importers: what they make of each earlier system, of broken input, and of being stopped half-way."""
