"""From ranked candidates to the items of a list."""
