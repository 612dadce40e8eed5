"""Faults from outside: `python -m tests.faults --runs N --seed S`."""
