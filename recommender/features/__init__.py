"""What is computed of texts: vectors, terms and their weights."""
