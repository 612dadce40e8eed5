"""The commands that serve published lists over HTTP, and make tokens for who comes in."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from recommender.cli.display import out
from recommender.cli.options import Lists, folder_of
from recommender.errors import MissingExtraError


class Right(StrEnum):
    """What a token may do."""

    read = "read"
    write = "write"


def serve(
    lists: Lists,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", parser=folder_of, help="Archive saved by the same run: for drafts and rejected candidates."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; any but this machine's own needs --tokens.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
    tokens: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tokens of who may come in; see `recommender token`.")
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What editors do is written here (default: journal.jsonl in --lists)."),
    ] = None,
    name: Annotated[
        list[str], typer.Option(metavar="HOST", help="Host name that is asked for, as by a proxy; may be repeated.")
    ] = [],  # noqa: B006
    workers: Annotated[int, typer.Option(help="Processes that answer.")] = 1,
    rate: Annotated[float, typer.Option(help="Requests a second of one client, for each worker; 0 = no limit.")] = 500,
    max_age: Annotated[int, typer.Option(help="Seconds that others may keep a list; 0 = they ask each time.")] = 0,
    max_body: Annotated[int, typer.Option(help="Bytes of the largest request.")] = 1 << 20,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Show the pictures of stories at the desk.")
    ] = True,
    access_log: Annotated[bool, typer.Option("--access-log", help="Write a line for each request.")] = False,
) -> None:
    """Serve published lists over HTTP: an API for the newsroom's system at /v1/docs, a desk for editors at /desk."""
    try:
        from recommender.serving.config import Config
        from recommender.serving.server import serve as run
    except ImportError as error:
        raise _missing(error) from error
    config = Config(
        lists=lists,
        archive=None if archive is None else str(archive),
        host=host,
        port=port,
        tokens=None if tokens is None else str(tokens),
        journal=None if journal is None else str(journal),
        names=tuple(name),
        max_age=max_age,
        rate=rate,
        max_body=max_body,
        workers=workers,
        images=images,
    )
    try:
        run(config, access_log=access_log)
    except ImportError as error:
        raise _missing(error) from error


def _missing(error: ImportError) -> MissingExtraError:
    return MissingExtraError(f"serving needs a web server ({error}): pip install 'recommender[serve]'")


def token(
    name: Annotated[str, typer.Argument(help="Whose it is, such as cms or ana@courier.example.")],
    tokens: Annotated[Path, typer.Option(metavar="FILE", help="File that its digest is added to.")],
    right: Annotated[Right, typer.Option(help="What it may do.")] = Right.write,
) -> None:
    """Make a token for `serve` and print it, once: the file holds only its digest. Delete a line to end one."""
    from recommender.serving.tokens import make_token

    out.print(make_token(tokens, name, "read" if right is Right.read else "write"), markup=False)
