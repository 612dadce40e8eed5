"""Published lists: atomic, versioned publishing to JSONL, Parquet or SQL, and reading back."""

from recommender.sinks.protocol import Publisher
from recommender.sinks.published import PublishedLists, open_publisher

__all__ = ["PublishedLists", "Publisher", "open_publisher"]
