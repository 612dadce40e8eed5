"""The command line: thin, and the only place that prints."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from typing import Annotated

import typer

from recommender.cli import check, compare, editors, evaluation, jobs, learn, lists, serve, start
from recommender.cli.display import be_quiet, cleaned, err, out
from recommender.errors import RecommenderError
from recommender.version import __version__

_FOR_ALL = ("--quiet", "-q", "--verbose", "-v")

app = typer.Typer(
    help="Publish a ranked Read next list for every story of a news archive.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def main() -> None:
    """Run the command line: one clear line and exit status 2 for every expected error."""
    # before a library starts its threads: workers that spin while they wait take the cores from others
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    warnings.showwarning = lambda message, *_, **__: err.print(cleaned(f"warning: {message}"), markup=False)
    try:
        app(_for_all_first(sys.argv[1:]))
    except (RecommenderError, OSError) as error:  # a full disk is no reason for a traceback
        err.print(cleaned(f"error: {_explained(error)}"), markup=False)
        sys.exit(2)
    except SystemExit as ended:
        if ended.code == 130:
            err.print(cleaned(_interrupted(ended)), markup=False)
        raise


def _explained(error: Exception) -> str:
    """Return the message of an error; of one of the system the file and the reason, without its number."""
    if not isinstance(error, OSError) or isinstance(error, RecommenderError) or not error.strerror:
        return str(error)
    reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason += "; what was published before is untouched. Free some space and run again"
    return reason


def _interrupted(ended: SystemExit) -> str:
    """Say that a command was interrupted, and what it noted about what it leaves."""
    error: BaseException | None = ended
    notes: list[str] = []
    while error is not None:  # typer makes an exit of the interruption, and that of the process of both
        notes += getattr(error, "__notes__", [])
        error = error.__cause__ or error.__context__
    return "; ".join(["interrupted", *notes])


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"recommender {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only results and errors. Before or after the command.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Log each finished step with its time to standard error. Before or after the command.",
        ),
    ] = False,
) -> None:
    """Publish a ranked Read next list for every story of a news archive."""
    if quiet:
        be_quiet()
        warnings.showwarning = lambda *_, **__: None
    if verbose:
        logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
        logging.getLogger("recommender").setLevel(logging.INFO)


def _for_all_first(words: list[str]) -> list[str]:
    """Put the options of all commands first, where they are declared: people write them last.

    Examples
    --------
    >>> _for_all_first(["info", "--lists", "out", "-q", "--", "-v"])
    ['-q', 'info', '--lists', 'out', '--', '-v']
    """
    end = words.index("--") if "--" in words else len(words)
    moved = [word for word in words[:end] if word in _FOR_ALL]
    return [*moved, *(word for word in words[:end] if word not in _FOR_ALL), *words[end:]]


BEGIN, MAKE, EDIT, LOOK, PROVE = "Start", "Make lists", "Edit lists", "Read lists", "Evaluate and improve"
# in the order of the help text
for command in (start.demo, start.init, check.check):
    app.command(rich_help_panel=BEGIN)(command)
for command in (jobs.precompute, jobs.refresh, lists.rollback, jobs.purge):
    app.command(rich_help_panel=MAKE)(command)
for command in (
    editors.withdraw,
    editors.restore,
    editors.withhold,
    editors.release,
    editors.block,
    editors.unblock,
    editors.pin,
    editors.unpin,
    editors.boost,
    editors.unboost,
):
    app.command(rich_help_panel=EDIT)(command)
app.command("journal", rich_help_panel=EDIT)(editors.list_acts)
app.command(rich_help_panel=EDIT)(editors.undo)
app.command(rich_help_panel=EDIT)(editors.rules)
for command in (lists.recommend, compare.why, lists.preview, lists.info, compare.diff, serve.token, serve.serve):
    app.command(rich_help_panel=LOOK)(command)
for command in (evaluation.evaluate, learn.learn, evaluation.tune, evaluation.ab):
    app.command(rich_help_panel=PROVE)(command)
