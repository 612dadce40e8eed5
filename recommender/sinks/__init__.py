"""Published lists: atomic, versioned publishing to JSONL, Parquet or SQL, and reading back."""

from recommender.sinks.base import PublishedLists, Publisher, open_publisher

__all__ = ["PublishedLists", "Publisher", "open_publisher"]
