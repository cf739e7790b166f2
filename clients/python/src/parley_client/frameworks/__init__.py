"""What all adapters for frameworks share; each adapter is a module of its own beside this package."""
