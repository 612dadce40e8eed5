"""A simulated year of a newsroom: `python -m tests.soak`."""
