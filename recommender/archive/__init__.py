"""A fitted archive, the lists made of it, and how it is saved."""
