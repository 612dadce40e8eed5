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
    """The configuration of one server.

    Attributes
    ----------
    lists : str
        Folder or database of the published lists.
    archive : str or None
        Folder of the archive that the same run saved; drafts and rejected candidates need it.
    host : str
    port : int
    tokens : str or None
        File of the accepted tokens; without it nobody may write.
    journal : str or None
        File that every act is written to; by default `journal.jsonl` in the folder of the lists.
    names : tuple of str
        Host names that requests may name, such as that of a proxy in front of the server.
    max_age : int
        Seconds that clients may cache a list; 0 = they ask each time.
    rate : float
        Requests per second of one client to each worker process; 0 = no limit.
    max_body : int
        Bytes of the largest request.
    workers : int
        Number of processes that answer.
    images : bool
        Whether the desk shows the pictures of stories, which the browser fetches from their addresses.
    """

    lists: str
    archive: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    tokens: str | None = None
    journal: str | None = None
    names: tuple[str, ...] = ()
    max_age: int = 0
    rate: float = 500.0
    max_body: int = 1 << 20
    workers: int = 1
    images: bool = True

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
        """Put the configuration into the environment of worker processes; it holds no secret."""
        os.environ[VARIABLE] = orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_environment(cls) -> Self:
        """Read the configuration that `to_environment` has put there."""
        values = orjson.loads(os.environ[VARIABLE])
        return cls(**{**values, "names": tuple(values["names"])})
