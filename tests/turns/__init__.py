"""Turns: what is said, the model's reply, and all that can come between."""
