"""Texts that editors' programs keep as trees: of every program the same words and links."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles.article import Link
from recommender.reading.markup import to_text
from recommender.reading.read import read_articles
from recommender.reading.rich_text import rich_text

pretty = partial(json.dumps, indent=1)


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
    "Wix": {
        "nodes": [
            {"type": "HEADING", "id": "a", "nodes": [{"type": "TEXT", "textData": {"text": "Why", "decorations": []}}]},
            {
                "type": "PARAGRAPH",
                "nodes": [
                    {"type": "TEXT", "textData": {"text": "The ferry "}},
                    {
                        "type": "TEXT",
                        "textData": {
                            "text": "ran",
                            "decorations": [{"type": "BOLD"}, {"type": "LINK", "linkData": {"link": {"url": "/plan"}}}],
                        },
                    },
                    {"type": "TEXT", "textData": {"text": " aground & sank."}},
                ],
            },
            {"type": "IMAGE", "imageData": {"image": {"src": {"url": "https://c.example/i.jpg"}}}},
        ]
    },
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
    "Slate of old": {
        "document": {
            "nodes": [
                {"object": "block", "type": "heading", "nodes": [{"object": "text", "leaves": [{"text": "Why"}]}]},
                {
                    "object": "block",
                    "type": "paragraph",
                    "nodes": [
                        {"object": "text", "leaves": [{"text": "The ferry "}]},
                        {
                            "object": "inline",
                            "type": "link",
                            "data": {"href": "/plan"},
                            "nodes": [{"object": "text", "leaves": [{"text": "ran"}]}],
                        },
                        {"object": "text", "leaves": [{"text": " aground & sank."}]},
                    ],
                },
            ]
        }
    },
    "Draft.js": {
        "blocks": [
            {"text": "Why", "type": "header-two", "entityRanges": [], "data": {}},
            {
                "text": "The ferry ran aground & sank.",
                "type": "unstyled",
                "entityRanges": [{"offset": 10, "length": 3, "key": 0}],
            },
            {"text": " ", "type": "atomic", "entityRanges": [{"offset": 0, "length": 1, "key": 1}]},
        ],
        "entityMap": {
            "0": {"type": "LINK", "mutability": "MUTABLE", "data": {"url": "/plan"}},
            "1": {"type": "IMAGE", "data": {"src": "/a.jpg"}},
        },
    },
    "Quill": {
        "ops": [
            {"insert": "Why"},
            {"attributes": {"header": 1}, "insert": "\n"},
            {"insert": "The ferry "},
            {"attributes": {"link": "/plan"}, "insert": "ran"},
            {"insert": " aground & sank.\n"},
            {"insert": {"image": "/a.jpg"}},
        ]
    },
    "Prismic": [
        {"type": "heading2", "text": "Why", "spans": []},
        {
            "type": "paragraph",
            "text": "The ferry ran aground & sank.",
            "spans": [
                {"start": 0, "end": 3, "type": "strong"},
                {"start": 10, "end": 13, "type": "hyperlink", "data": {"link_type": "Web", "url": "/plan"}},
            ],
        },
        {"type": "image", "url": "/a.jpg", "alt": "A ferry"},
    ],
    "Wagtail": [
        {"type": "heading", "value": {"heading_text": "Why", "text": "Why", "size": "h2"}, "id": "1"},
        {"type": "body_text", "value": '<p>The ferry <a href="/plan">ran</a> aground &amp; sank.</p>', "id": "2"},
        {"type": "image_block", "value": {"image": 7, "caption": "A ferry"}, "id": "3"},
    ],
    "Strapi's zones": [
        {"__component": "shared.rich-text", "id": 1, "body": "<h2>Why</h2>"},
        {"__component": "shared.rich-text", "id": 2, "body": 'The ferry <a href="/plan">ran</a> aground &amp; sank.'},
        {"__component": "shared.media", "id": 3, "file": {"url": "/a.jpg"}},
    ],
    "Notion": [
        {"type": "heading_2", "heading_2": {"rich_text": [{"type": "text", "plain_text": "Why", "href": None}]}},
        {
            "type": "paragraph",
            "paragraph": {
                "rich_text": [
                    {"type": "text", "text": {"content": "The ferry "}, "plain_text": "The ferry ", "href": None},
                    {"type": "text", "text": {"content": "ran"}, "plain_text": "ran", "href": "/plan"},
                    {"type": "text", "plain_text": " aground & sank.", "href": None},
                ]
            },
        },
        {"type": "image", "image": {"file": {"url": "/a.jpg"}}},
    ],
    "Mobiledoc": {
        "version": "0.3.1",
        "atoms": [["soft-return", "", {}]],
        "markups": [["em"], ["a", ["rel", "x", "href", "/plan"]]],
        "cards": [["markdown", {"markdown": "## Why"}], ["image", {"src": "/a.jpg", "caption": "A ferry"}]],
        "sections": [
            [10, 0],
            [1, "p", [[0, [], 0, "The ferry"], [1, [], 0, 0], [0, [0, 1], 2, "ran"], [0, [], 0, " aground & sank."]]],
            [10, 1],
            [2, "/a.jpg"],
        ],
    },
    "Ghost's Lexical": {
        "root": {
            "type": "root",
            "children": [
                {"type": "markdown", "markdown": "## Why"},
                {"type": "html", "html": '<p>The ferry <a href="/plan">ran</a> aground &amp; sank.</p>'},
                {"type": "image", "src": "/a.jpg"},
            ],
        }
    },
}


@pytest.mark.parametrize("program", TREES)
def test_words_and_links_of_a_tree_are_read(program: str) -> None:
    row = {"id": 1, "title": "Ferry", "body": TREES[program]}
    table, report = read_articles([row])
    (found,) = table.to_pylist()
    assert (found["body"], report.notes.counts) == ("Why\n\nThe ferry ran aground & sank.", {})
    (link,) = found["links"]
    assert Link(**link) == Link("/plan", "ran")


@pytest.mark.parametrize("program", TREES)
@pytest.mark.parametrize("written", [json.dumps, str, lambda tree: json.dumps(json.dumps(tree)), pretty])
def test_a_tree_that_a_column_of_text_holds_is_read(program: str, written: Any) -> None:
    rows = [{"id": n, "title": f"Ferry number {n}", "body": written(TREES[program])} for n in range(40)]
    table, report = read_articles(rows)
    expected = {"body": "Why\n\nThe ferry ran aground & sank.", "links": [asdict(Link("/plan", "ran"))]}
    assert table.select(["body", "links"]).to_pylist() == [expected] * 40
    assert report.notes.counts == {}


def test_places_of_links_are_counted_as_javascript_counts() -> None:
    block = {"text": "Fog \U0001f32b and rain", "entityRanges": [{"offset": 11, "length": 4, "key": "a"}]}
    tree = {"blocks": [block], "entityMap": {"a": {"type": "LINK", "data": {"href": "/rain"}}}}
    assert rich_text(tree) == '<p>Fog \U0001f32b and <a href="/rain">rain</a></p>'


@pytest.mark.parametrize(
    "text",
    ['[Update] "Ferry" aground', '{"not": "a tree"}', "[1, 2]", '{"blocks": broken', '["unclosed', "[]", "{}", '"["'],
)
def test_a_text_that_is_no_tree_stays_as_it_is(text: str) -> None:
    table, _ = read_articles([{"id": n, "title": "Ferry", "body": text} for n in range(40)])
    assert set(table["body"].to_pylist()) <= {text, ""}


def test_lists_of_texts_as_programs_print_them_are_paragraphs() -> None:
    table, _ = read_articles([{"id": 1, "title": "['Ferry aground']", "body": "['It ran.', \"It's fog.\"]"}])
    assert table.select(["title", "body"]).to_pylist() == [{"title": "Ferry aground", "body": "It ran.\n\nIt's fog."}]


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
                [
                    *(
                        "type",
                        "_type",
                        "children",
                        "content",
                        "text",
                        "marks",
                        "markDefs",
                        "data",
                        "url",
                        "root",
                        "value",
                    ),
                    *(
                        "spans",
                        "entityRanges",
                        "entityMap",
                        "ops",
                        "insert",
                        "offset",
                        "length",
                        "start",
                        "end",
                        "key",
                        "nodeType",
                    ),
                ]
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


_SECTIONS = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 10]), st.sampled_from(["p", "ul", 0, 7]), st.lists(_NODES, max_size=3)).map(
        list
    )
    | st.tuples(
        st.just(1), st.just("p"), st.lists(st.tuples(*[st.sampled_from([0, [0], [9, "x"], 1, "w"])] * 4).map(list))
    ).map(list)
    | _NODES,
    max_size=4,
)


@given(_SECTIONS, st.lists(_NODES | st.just(["a", ["href", "/x"]]), max_size=2), _NODES)
def test_any_mobiledoc_is_read(sections: Any, markups: list[Any], cards: Any) -> None:
    assert isinstance(rich_text({"sections": sections, "markups": markups, "cards": cards}), str)


@pytest.mark.parametrize("kind", ["hardBreak", "hard_break", "linebreak", "break"])
def test_a_break_keeps_words_apart(kind: str) -> None:
    words = [{"type": "text", "text": "first"}, {"type": kind}, {"type": "text", "text": "second"}]
    assert to_text(rich_text([{"type": "paragraph", "content": words}]) or "").split() == ["first", "second"]
