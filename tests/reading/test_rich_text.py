"""Texts that editors' programs keep as trees: of every program the same words and links."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles.article import Link
from recommender.reading.markup import to_text
from recommender.reading.read import read_articles
from recommender.reading.rich_text import rich_text


def tree(kind: str, children: str, text: str, **more: Any) -> Any:
    """A heading, and a paragraph with a link, as most programs keep them."""

    def words(value: str) -> dict[str, Any]:
        return {kind: "text", text: value}

    link = {kind: "link", "url": "/plan", children: [words("ran")], **more}
    return [
        {kind: "heading", children: [words("Why")]},
        {kind: "paragraph", children: [words("The ferry "), link, words(" aground & sank.")]},
        {kind: "image", "src": "/a.jpg"},
    ]


TREES: dict[str, Any] = {
    "Strapi": tree("type", "children", "text"),
    "Contentful": {
        "nodeType": "document",
        "content": tree("nodeType", "content", "value", url=None, data={"uri": "/plan"}),
    },
    "Lexical": {"root": {"type": "root", "children": tree("type", "children", "text")}},
    "ProseMirror": {
        "type": "doc",
        "content": [
            {"type": "heading", "content": [{"type": "text", "text": "Why"}]},
            {
                "type": "paragraph",
                "content": [
                    {"type": "text", "text": "The ferry "},
                    {"type": "text", "text": "ran", "marks": [{"type": "link", "attrs": {"href": "/plan"}}]},
                    {"type": "text", "text": " aground & sank."},
                ],
            },
        ],
    },
    "Sanity": [
        {"_type": "block", "children": [{"_type": "span", "text": "Why"}]},
        {
            "_type": "block",
            "markDefs": [{"_key": "k", "_type": "link", "href": "/plan"}],
            "children": [
                {"_type": "span", "text": "The ferry "},
                {"_type": "span", "text": "ran", "marks": ["strong", "k"]},
                {"_type": "span", "text": " aground & sank.", "marks": []},
            ],
        },
        {"_type": "image", "asset": {"_ref": "image-1"}},
    ],
    "Slate": [
        {"children": [{"text": "Why"}]},
        {
            "type": "paragraph",
            "children": [
                {"text": "The ferry "},
                {"type": "link", "url": "/plan", "children": [{"text": "ran", "bold": True}]},
                {"text": " aground & sank."},
            ],
        },
    ],
    "Editor.js": {
        "blocks": [
            {"type": "header", "data": {"text": "Why"}},
            {"type": "paragraph", "data": {"text": 'The ferry <a href="/plan">ran</a> aground &amp; sank.'}},
            {"type": "image", "data": {"file": {"url": "/a.jpg"}}},
        ]
    },
}


@pytest.mark.parametrize("program", TREES)
def test_words_and_links_of_a_tree_are_read(program: str) -> None:
    row = {"id": 1, "title": "Ferry", "body": TREES[program]}
    table, report = read_articles([row])
    (found,) = table.to_pylist()
    assert (found["body"], report.told.counts) == ("Why\n\nThe ferry ran aground & sank.", {})
    (link,) = found["links"]
    assert Link(**link) == Link("/plan", "ran")


def test_blocks_of_draft_and_lists_are_paragraphs() -> None:
    assert to_text(
        rich_text({"blocks": [{"text": "One.", "type": "unstyled", "data": {}}, {"text": "Two.", "type": "unstyled"}]})
        or ""
    ) == ("One.\n\nTwo.")
    items = [{"type": "list-item", "children": [{"type": "text", "text": word}]} for word in ("fog", "rain")]
    assert to_text(rich_text([{"type": "list", "children": items}]) or "") == "fog\n\nrain"


def test_deep_trees_end() -> None:
    node: Any = {"type": "text", "text": "deep"}
    for _ in range(900):
        node = {"type": "div", "children": [node]}
    assert rich_text(node) == ""


_NODES = st.recursive(
    st.none() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "_type", "children", "content", "text", "marks", "markDefs", "data", "url", "root"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(_NODES)
def test_anything_is_a_tree_or_not(value: Any) -> None:
    found = rich_text(value)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize("kind", ["hardBreak", "hard_break", "linebreak", "break"])
def test_a_break_keeps_words_apart(kind: str) -> None:
    words = [{"type": "text", "text": "first"}, {"type": kind}, {"type": "text", "text": "second"}]
    assert to_text(rich_text([{"type": "paragraph", "content": words}]) or "").split() == ["first", "second"]
