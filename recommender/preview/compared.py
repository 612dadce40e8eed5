"""Two versions side by side as one page that loads nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from recommender.publishing.comparison import Comparison

_HERE = Path(__file__).parent


def comparison_page(found: Comparison) -> bytes:
    """Write the comparison as one HTML page with its style inside, so that it can be sent to somebody."""
    loader = FileSystemLoader(_HERE / "templates")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = (_HERE / "static" / "preview.css").read_text(encoding="utf-8")
    text = pages.get_template("compared.html").render(found=found, style=style, address=_nowhere)
    return text.encode(errors="replace")


def _nowhere(article_id: str) -> str:
    """Give no address: a page that stands alone leads to no story."""
    return ""
