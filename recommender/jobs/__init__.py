"""Batch jobs: precompute, refresh, purge."""
