"""Published lists in a SQL database; tables and view are in `docs/sql.md`."""

from recommender.publishing.sql.publisher import SqlPublisher
from recommender.publishing.sql.reader import kept_versions, open_sql

__all__ = ["SqlPublisher", "kept_versions", "open_sql"]
