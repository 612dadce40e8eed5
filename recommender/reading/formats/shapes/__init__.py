"""Rows as systems answer them -> rows with columns of known names: one file a system, registered in `SHAPES`."""

from __future__ import annotations

from collections.abc import Callable, Collection

from recommender.reading.formats.shapes import (
    apart,
    apple_news,
    arc,
    brightspot,
    contentful,
    drupal,
    elasticsearch,
    feed_entry,
    ghost,
    guardian,
    inner,
    joomla,
    json_ld,
    livingdocs,
    long_names,
    new_york_times,
    news_api,
    ninjs,
    sanity,
    spip,
    trafilatura,
    typo3,
    wordpress,
)
from recommender.reading.formats.shapes.shape import Row, Shape

SHAPES: tuple[Shape, ...] = (
    elasticsearch.SHAPE,
    drupal.SHAPE,
    drupal.STRAPI,
    contentful.SHAPE,
    guardian.SHAPE,
    json_ld.SHAPE,
    wordpress.REST,
    wordpress.GRAPHQL,
    wordpress.TABLE,
    ghost.SHAPE,
    brightspot.SHAPE,
    sanity.SHAPE,
    arc.SHAPE,
    new_york_times.SHAPE,
    ninjs.SHAPE,
    feed_entry.SHAPE,
    news_api.SHAPE,
    trafilatura.SHAPE,
    typo3.SHAPE,
    spip.SHAPE,
    livingdocs.SHAPE,
    apple_news.SHAPE,
    inner.SHAPE,
    inner.UNTITLED,
    joomla.SHAPE,
    long_names.SHAPE,
    apart.SHAPE,
    inner.BODILESS,
)
"""The first that matches the columns of a row counts."""

__all__ = ["SHAPES", "Shape", "converter_of"]


def converter_of(names: Collection[str]) -> Callable[[Row], Row] | None:
    """Find the function that converts rows with these columns; None where they are known as they are."""
    return next((shape.convert for shape in SHAPES if shape.matches(names)), None)
