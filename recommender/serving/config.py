"""The configuration of a server: what it serves, where, and within which limits."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import asdict, dataclass
from typing import Self

import orjson

from recommender.errors import SettingsError

VARIABLE = "RECOMMENDER_SERVE"  # the environment variable that worker processes read
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The configuration of one server; `recommender serve --help` explains each option."""

    lists: str  # folder or database
    archive: str | None = None  # folder of the archive that the same run saved, for drafts and rejected candidates
    host: str = "127.0.0.1"
    port: int = 8080
    tokens: str | None = None  # file; without it nobody may write
    journal: str | None = None  # file; default: `journal.jsonl` in the folder of the lists
    names: tuple[str, ...] = ()  # further host names that requests may name
    max_age: int = 0  # seconds that clients may cache a list
    rate: float = 500.0  # requests per second of one client to each worker process; 0 = no limit
    max_body: int = 1 << 20  # bytes of the largest request
    workers: int = 1
    images: bool = True  # whether the desk shows the pictures of stories, which the browser fetches

    def __post_init__(self) -> None:
        if not self.open and self.tokens is None:
            raise SettingsError(
                f"--host {self.host} is seen by others, who must show a token: add --tokens FILE "
                "(`recommender token NAME --tokens FILE` makes one)"
            )
        for name, minimum in (("max_age", 0), ("rate", 0), ("max_body", 1_000), ("workers", 1)):
            if getattr(self, name) < minimum:
                raise SettingsError(f"{name} is {getattr(self, name)}, expected at least {minimum}")

    @property
    def open(self) -> bool:
        """Whether only this machine reaches the server, so that reading needs no token."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def hosts(self) -> frozenset[str] | None:
        """Host names that a request may name; None = any, as every request needs a token anyhow."""
        if not self.open and not self.names:
            return None
        return frozenset((*self.names, *_LOOPBACK, self.host))

    def to_environment(self) -> None:
        """Put the configuration, which contains no secret, into the environment of worker processes."""
        os.environ[VARIABLE] = orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_environment(cls) -> Self:
        """Read the configuration that `to_environment` has put there."""
        values = orjson.loads(os.environ[VARIABLE])
        return cls(**{**values, "names": tuple(values["names"])})
