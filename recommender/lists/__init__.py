"""Lists as values and as records, with their reasons."""
