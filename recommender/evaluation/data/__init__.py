"""Judged sets: articles with judgments or clicks."""
