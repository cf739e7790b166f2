"""Whole chats, by every peer that can hold one, on messages as they are: what a turn costs, and a short life."""
