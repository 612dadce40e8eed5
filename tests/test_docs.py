"""What the pages name exists: files, links, settings and the functions of the map of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recommender import Settings

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "data" / "README.md", *(ROOT / "docs").glob("*.md")])
ARCHITECTURE = ROOT / "docs" / "architecture.md"
FOLDERS = sorted({path.name for path in (*ROOT.iterdir(), *(ROOT / "recommender").iterdir()) if path.is_dir()})


def located(path: str) -> Path | None:
    """Find a file that a page names from the root of the project, or from that of the package."""
    return next((root / path for root in (ROOT, ROOT / "recommender") if (root / path).exists()), None)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_pages_and_their_sections(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(rf"`((?:{'|'.join(map(re.escape, FOLDERS))})/[\w/.-]+\.\w+)`", text):
        assert located(path), path
    for path in re.findall(r"pytest (tests/[\w/.]+)", text):
        assert located(path), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_are_named_exist(page: Path) -> None:
    stages = {stage: set(type(values).model_fields) for stage, values in Settings()}
    named = re.findall(rf"`({'|'.join(stages)})\.([a-z_]+)", page.read_text(encoding="utf-8"))
    for stage, name in named:
        assert name in stages[stage], f"{stage}.{name}"


def test_functions_of_the_map_of_the_code_are_where_it_says() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    named = re.findall(r"`([\w.]+)`(?: \(|, )`((?:\w+/)+\w+\.py)`", text)
    assert len(named) >= 5
    for name, path in named:
        source = located(path)
        assert source is not None, path
        assert re.search(rf"(def|class) {name.rpartition('.')[2]}\b", source.read_text(encoding="utf-8")), (name, path)
