"""Candidates of each story, found by words and meaning."""
