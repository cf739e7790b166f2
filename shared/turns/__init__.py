"""Turns: something is said, a model replies; both are stored once, and the reply is paid for once."""
