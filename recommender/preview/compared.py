"""Two versions side by side as one page that loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recommender.preview.pages import STATIC, templates

if TYPE_CHECKING:
    from recommender.publishing.comparison import Comparison


def comparison_page(found: Comparison) -> bytes:
    """Write the comparison as one HTML page with its style inside, so that it can be sent to somebody."""
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    page = templates(address=lambda article_id: "").get_template("compared.html")  # it leads to no story
    return page.render(found=found, style=style).encode(errors="replace")
