"""Benchmarks: run from a checkout, with the data folder as an argument."""
