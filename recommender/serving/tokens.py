"""Tokens of people and programs that may read or act. Their file has digests only, so reading it gives no access."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recommender.errors import SettingsError

Right = Literal["read", "write"]
_NAME = re.compile(r"[\w.@+-]{1,100}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One line of the file: a name, what the token allows, and the SHA-256 of the secret."""

    name: str
    right: Right
    digest: str


class Tokens:
    """The tokens of a file, read again when it changes, so that deleting a line revokes its token.

    Without a file nobody has a token.

    Raises
    ------
    SettingsError
        If the file cannot be read, or a line has another form.
    """

    def __init__(self, path: str | Path | None) -> None:
        self.path = None if path is None else Path(path)
        self._tokens: tuple[Token, ...] = ()
        self._seen: tuple[int, int, int] | None = None
        self._read()

    @property
    def has_writer(self) -> bool:
        """Whether any token may act."""
        return any(token.right == "write" for token in self._tokens)

    def check(self, secret: str) -> Token | None:
        """Find the token of a secret; all lines are compared, each in constant time."""
        self._read()
        digest = hashlib.sha256(secret.encode(errors="replace")).hexdigest()
        match = None
        for token in self._tokens:
            if hmac.compare_digest(token.digest, digest):
                match = token
        return match

    def _read(self) -> None:
        if self.path is None:
            return
        try:
            stat = self.path.stat()
            seen = stat.st_ino, stat.st_size, stat.st_mtime_ns
            if seen == self._seen:
                return
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"cannot read tokens from {self.path}: {error}") from error
        self._tokens = tuple(
            _parse_token(line, f"{self.path}, line {number}")
            for number, line in enumerate(lines, 1)
            if line.strip() and not line.startswith("#")
        )
        self._seen = seen


def _parse_token(line: str, origin: str) -> Token:
    parts = line.split()
    if len(parts) != 3 or parts[1] not in ("read", "write") or not _DIGEST.fullmatch(parts[2]):
        raise SettingsError(f"{origin}: expected NAME, 'read' or 'write', and a SHA-256 in hex digits")
    return Token(name=parts[0], right="read" if parts[1] == "read" else "write", digest=parts[2])


def make_token(path: str | Path, name: str, right: Right) -> str:
    """Make a token, add its digest to a file that only its owner can read, and return the secret, which is not stored.

    Raises
    ------
    SettingsError
        If the name has other characters than letters, digits and ``. @ + - _``, or the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(f"the name {name!r} is not made of letters, digits and . @ + - _")
    path = Path(path)
    secret = secrets.token_urlsafe(32)
    try:
        path.touch(mode=0o600, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{name} {right} {hashlib.sha256(secret.encode()).hexdigest()}\n")
    except OSError as error:
        raise SettingsError(f"cannot write tokens to {path}: {error.strerror}") from error
    return secret
