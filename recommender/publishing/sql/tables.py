"""The tables of published lists, the view of the current ones, and how they are read and changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from recommender.errors import PublishError, SnapshotError
from recommender.storage.database import cause, redacted

try:
    from psycopg import Error as _CopyError
except ImportError:
    _CopyError = sa.exc.SQLAlchemyError
FAILURES = (sa.exc.SQLAlchemyError, _CopyError)  # COPY bypasses SQLAlchemy, so its errors are those of the driver

META = sa.MetaData()
VERSIONS = sa.Table(
    "recommender_versions",
    META,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("current", sa.Boolean, nullable=False),
    sa.Column("manifest", sa.Text, nullable=False),
)
LISTS = sa.Table(
    "recommender_lists",
    META,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("article_id", sa.Text, primary_key=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("section", sa.Text),
    sa.Column("published_at", sa.DateTime),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("image_url", sa.Text),
    sa.Column("outlet", sa.Text),
)
STORY = ("title", "url", "section", "published_at", "line", "image_url", "outlet")
ITEMS = sa.Table(
    "recommender_items",
    META,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("list_of", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, primary_key=True),
    sa.Column("reserve", sa.Boolean, nullable=False),
    sa.Column("article_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("section", sa.Text),
    sa.Column("published_at", sa.DateTime),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("source", sa.String(32), nullable=False),
    sa.Column("score", sa.Float(53), nullable=False),
    sa.Column("components", sa.Text, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("image_url", sa.Text),
    sa.Column("outlet", sa.Text),
)
LATER = ("image_url", "outlet", "versions")  # columns that tables of earlier versions lack
OVERLAY = sa.Table(
    "recommender_tombstones",
    META,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("ids", sa.Text, nullable=False),
)
TAKEN_BACK = sa.Table(
    "recommender_unpublished",
    META,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Column("ids", sa.Text, nullable=False),
    sa.Column("versions", sa.Text),
)


VIEW = "current_lists"
PARTS = "contributions"  # kept with the components, so that the table stays as it is
CURRENT_LISTS = sa.text(rf"""
CREATE OR REPLACE VIEW {VIEW} AS
WITH entries AS (
    SELECT number, action IN ('withdraw', 'withhold', 'block') AS adds,
        CASE WHEN action IN ('withdraw', 'restore') THEN 'withdrawn'
             WHEN action IN ('withhold', 'release') THEN 'withheld' ELSE 'blocked' END AS kind,
        CASE jsonb_typeof(entry) WHEN 'array' THEN entry ->> 0 ELSE entry #>> '{{}}' END AS item,
        CASE jsonb_typeof(entry) WHEN 'array' THEN entry ->> 1 END AS story
    FROM recommender_tombstones, jsonb_array_elements(ids\:\:jsonb) AS entry
    WHERE action NOT IN ('pin', 'unpin', 'boost', 'unboost')
), stones AS (
    SELECT kind, item, story FROM (
        SELECT DISTINCT ON (kind, item, story) * FROM entries ORDER BY kind, item, story, number DESC
    ) AS last WHERE adds
), taken_back AS (
    SELECT item FROM (
        SELECT DISTINCT ON (item) number, hidden, item
        FROM recommender_unpublished, jsonb_array_elements_text(ids\:\:jsonb) AS item ORDER BY item, number DESC
    ) AS last WHERE hidden
), live AS (
    SELECT items.*, (versions.manifest\:\:jsonb ->> 'k')\:\:int AS k,
        row_number() OVER (PARTITION BY items.list_of ORDER BY items.rank) AS place
    FROM recommender_items AS items JOIN recommender_versions AS versions ON items.seq = versions.seq
    WHERE versions.current AND NOT EXISTS (
        SELECT FROM stones WHERE (kind = 'withdrawn' AND item IN (items.list_of, items.article_id))
            OR (kind = 'withheld' AND item = items.list_of)
            OR (kind = 'blocked' AND item = items.article_id AND (story IS NULL OR story = items.list_of))
    ) AND NOT EXISTS (SELECT FROM taken_back WHERE item IN (items.list_of, items.article_id))
)
SELECT list_of AS story_id, place AS rank, article_id, title, url, section, published_at, line, source, score,
    components\:\:jsonb, reasons\:\:jsonb,
    CASE WHEN count(*) OVER list < k THEN 'short'
         WHEN bool_or(source IN ('more', 'window', 'caps', 'same_section', 'recent')) OVER list THEN 'filled'
         ELSE 'ok' END AS status, image_url, outlet
FROM live WHERE place <= k WINDOW list AS (PARTITION BY list_of)
""")
"""The view of the current lists, in which reserves take the places of withdrawn and blocked items.

It leaves out pins and boosts of the overlay: an item that is only pinned has no row.
"""


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Open a connection that reads one snapshot of the database, even while a version is published."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    try:
        with engine.connect().execution_options(**options) as connection:
            yield connection
    except sa.exc.SQLAlchemyError as error:
        raise SnapshotError(f"cannot read the published lists in {place_name(engine)}: {cause(error)}") from error


@contextmanager
def changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Open a transaction that changes the database."""
    try:
        with engine.execution_options(writes=True).begin() as connection:
            yield connection
    except FAILURES as error:
        raise PublishError(f"cannot write to {place_name(engine)}: {cause(error)}; it stays as it was") from error


def place_name(engine: sa.Engine) -> str:
    """Return the name of a database for messages, without its password."""
    return redacted(engine.url.render_as_string(hide_password=True))


def missing_columns(connection: sa.Connection, table: sa.Table) -> tuple[str, ...]:
    """Return the columns that a table lacks because an earlier version of the library made it."""
    present = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    return tuple(name for name in LATER if name in table.columns and name not in present)
