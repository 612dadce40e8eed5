"""What pages look like: whether text stands out from what is behind it, and nothing is wider than the screen."""

from __future__ import annotations

import re
from typing import Any


def luminance(colour: str) -> float:
    """Relative luminance of a CSS colour (WCAG 2.2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def stands_out(ink: str, paper: str) -> bool:
    """Whether text of one colour can be read on the other (WCAG 2.2, AA)."""
    darkest, lightest = sorted([luminance(paper), luminance(ink)])
    return (lightest + 0.05) / (darkest + 0.05) >= 4.5


def assert_readable_in_both_schemes(page: Any, width: int, address: str) -> None:
    """`assert_readable` in the light and in the dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert_readable(page, width, scheme, address)


def assert_readable(page: Any, width: int, scheme: str, address: str) -> None:
    """The page fits the width, follows the colour scheme, and its text has contrast."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(paper) < 0.2) == (scheme == "dark")
    inks = page.evaluate("[...new Set([...document.querySelectorAll('body *')].map(e => getComputedStyle(e).color))]")
    for ink in inks:
        assert stands_out(ink, paper) or ink == paper, (address, ink)
