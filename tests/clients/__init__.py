"""Tests of the clients in clients/, against Parley as a process of its own."""
