"""The routes of the systems that Parley replaces, in their own shapes, thin over the same services."""
