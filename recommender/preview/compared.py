"""The comparison of two versions as one HTML page that loads no other file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recommender.preview.pages import STATIC, templates

if TYPE_CHECKING:
    from recommender.publishing.comparison import Comparison


def comparison_page(comparison: Comparison) -> bytes:
    """Return the comparison as an HTML page with its style inside, so that the file can be sent by itself."""
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    page = templates(address=lambda article_id: "").get_template("compared.html")  # without links to stories
    return page.render(found=comparison, style=style).encode(errors="replace")
