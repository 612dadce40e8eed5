"""The command line: thin, and the only place that prints."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

from recommender.cli import check, editors, evaluation, jobs, learn, lists
from recommender.cli.display import cleaned, err, out
from recommender.errors import RecommenderError
from recommender.version import __version__

app = typer.Typer(
    help="Give every story of a news archive its ranked Read next list.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)


def main() -> None:
    """Run the command line: one clear line and exit status 2 for every expected error."""
    # before a library starts its threads: workers that spin while they wait take the cores from others
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    warnings.showwarning = lambda message, *_, **__: err.print(cleaned(f"warning: {message}"), markup=False)
    try:
        app()
    except (RecommenderError, OSError) as error:  # a full disk is no reason for a traceback
        err.print(cleaned(f"error: {error}"), markup=False)
        sys.exit(2)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"recommender {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Give every story of a news archive its ranked Read next list."""


# in the order of the help text
app.command()(check.check)
app.command()(jobs.precompute)
app.command()(jobs.refresh)
app.command()(learn.learn)
app.command()(lists.recommend)
app.command()(lists.preview)
for name, (done, text) in editors.STORIES.items():
    app.command(name, help=text)(editors.on_stories(name, done))
for name, (done, text) in editors.ITEMS.items():
    app.command(name, help=text)(editors.on_items(name, done))
app.command()(editors.rules)
app.command()(jobs.purge)
app.command()(lists.rollback)
app.command()(lists.info)
app.command()(evaluation.evaluate)
app.command()(evaluation.tune)
app.command()(evaluation.ab)
