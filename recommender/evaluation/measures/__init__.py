"""Measures of rankings, lists and click logs."""
