"""A hostile client: everything that could be sent to Parley and should not be."""
