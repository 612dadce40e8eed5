"""Candidates of each story by vector search."""
