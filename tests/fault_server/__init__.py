"""Turns before a stand-in for a model that somebody else wrote, and that fails on command."""
