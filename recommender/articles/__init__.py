"""Articles and the catalog that holds them as columns."""
