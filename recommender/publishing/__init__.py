"""Published lists: atomic, versioned publishing to JSONL, Parquet or SQL, and reading back."""

from recommender.publishing.protocol import KeptVersion, Publisher
from recommender.publishing.published import PublishedLists, open_publisher

__all__ = ["KeptVersion", "PublishedLists", "Publisher", "open_publisher"]
