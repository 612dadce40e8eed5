"""The command line: thin, and the only package that prints."""
