"""The commands to begin with: a file of settings to edit, and lists of the newsroom that comes with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recommender.cli.display import bars, out, print_list, print_summary
from recommender.cli.options import SETTINGS_FILE, ModelOption
from recommender.errors import SettingsError

_DEMO_STORIES = ("ferry-inquiry", "opera-resigns", "cup-final")


def init(file: Annotated[Path, typer.Argument(help="File to write.")] = Path(SETTINGS_FILE)) -> None:
    """Write a settings file with every setting, its meaning and its default, commented out."""
    from recommender.settings import Settings
    from recommender.settings.toml import template
    from recommender.storage.atomic import write_atomically

    if file.exists():
        raise SettingsError(f"{file} exists already; name another file, or delete it")
    write_atomically(file, template(Settings()).encode())
    out.print(f"wrote {file}; commands read {SETTINGS_FILE} in the current folder, or --settings FILE", markup=False)


def demo(
    to: Annotated[Path, typer.Argument(metavar="DIR", help="New folder for the lists and the site.")] = Path(
        "recommender-demo"
    ),
    model: ModelOption = "tfidf",
) -> None:
    """Publish lists for a made-up newsroom, without a model, show three, and write a site to browse all."""
    from recommender.evaluation.data.sets import NEWSROOM
    from recommender.jobs.precompute import precompute
    from recommender.preview import write_preview
    from recommender.publishing import PublishedLists
    from recommender.settings import Settings

    if to.exists() and not (to / "lists").is_dir():
        raise SettingsError(f"{to} exists and is no earlier demo; name another folder")
    lists, archive, site = to / "lists", to / "archive", to / "site"
    with bars() as progress:
        summary = precompute(
            NEWSROOM / "articles.jsonl",
            lists,
            archive=archive,
            settings=Settings().override({"embedding.model": model}),
            rules=NEWSROOM / "rules.toml",
            progress=progress,
        )
        (to / ".gitignore").write_text("*\n")  # so that git leaves the demo out, wherever it is written
        published = PublishedLists.open(lists)
        write_preview(published, site, archive=archive, progress=progress)
    for story in _DEMO_STORIES:
        print_list(published.get(story))
    print_summary(summary, str(lists))
    out.print(f"\nall lists, as readers and as editors see them: {site / 'index.html'}", markup=False)
