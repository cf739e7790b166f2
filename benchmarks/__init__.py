"""What Parley costs, counted on the wire: run `make bench`."""
