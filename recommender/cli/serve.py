"""The commands that serve published lists over HTTP, and make tokens for who comes in."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from recommender.cli.display import out
from recommender.cli.options import Lists, archive_option
from recommender.errors import MissingExtraError


class Right(StrEnum):
    """What a token may do."""

    read = "read"
    write = "write"


def serve(
    lists: Lists,
    archive: Annotated[
        Path | None,
        archive_option(help="Archive saved by the same run, for drafts and rejected candidates."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; any other than this machine needs --tokens.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
    tokens: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File of access tokens; see `recommender token`.")
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Journal of what editors do (default: journal.jsonl in --lists)."),
    ] = None,
    name: Annotated[
        list[str], typer.Option(metavar="HOST", help="Public host name, such as that of a proxy; may be repeated.")
    ] = [],  # noqa: B006
    workers: Annotated[int, typer.Option(help="Number of server processes.")] = 1,
    rate: Annotated[float, typer.Option(help="Maximum requests a second of a client, per worker; 0 = no limit.")] = 500,
    max_age: Annotated[int, typer.Option(help="Seconds that caches may keep a list; 0 = always revalidate.")] = 0,
    max_body: Annotated[int, typer.Option(help="Maximum size of a request, in bytes.")] = 1 << 20,
    images: Annotated[bool, typer.Option("--images/--no-images", help="Show pictures of stories at the desk.")] = True,
    access_log: Annotated[bool, typer.Option("--access-log", help="Log each request.")] = False,
) -> None:
    """Serve published lists over HTTP: an API for your CMS (/v1/docs) and a desk for editors (/desk)."""
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
    name: Annotated[str, typer.Argument(help="Owner of the token, such as cms or ana@courier.example.")],
    tokens: Annotated[Path, typer.Option(metavar="FILE", help="File that the digest is appended to.")],
    right: Annotated[Right, typer.Option(help="What the token permits.")] = Right.write,
) -> None:
    """Create a token for `serve` and print it once; the file has only its digest. Delete a line to revoke."""
    from recommender.serving.tokens import make_token

    out.print(make_token(tokens, name, "read" if right is Right.read else "write"), markup=False)
