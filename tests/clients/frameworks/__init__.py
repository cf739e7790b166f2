"""The adapters for frameworks, and what they share."""
