"""The settings of each stage, one small frozen class each."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from recommender.errors import SettingsError
from recommender.settings.validation import Stage


class ReadingSettings(Stage):
    """How input is read, and limits on it; a row or file above a limit is rejected with the reason."""

    max_body_chars: int = Field(1_000_000, ge=1, description="maximum length of a body, in characters")
    max_field_chars: int = Field(
        10_000, ge=1, description="maximum length of a title, section, author, URL or tag, in characters"
    )
    max_tags: int = Field(1_000, ge=0, description="maximum number of tags of a story")
    max_links: int = Field(
        1_000, ge=0, description="maximum number of links of a story; further links are dropped and counted"
    )
    max_id_chars: int = Field(1_000, ge=1, description="maximum length of an id, in characters")
    max_line_bytes: int = Field(64 << 20, ge=1_000, description="maximum size of a JSONL line or CSV record, in bytes")
    max_expansion: int = Field(
        200, ge=1, description="maximum unpacked bytes per byte of a compressed file, beyond `max_line_bytes`"
    )
    max_rejected: int = Field(1_000_000, ge=1, description="number of bad rows after which reading stops")
    encoding: str | None = Field(
        None, description="encoding of files, such as 'cp1250'; none = UTF-8, UTF-16, or detected from the bytes"
    )
    header: tuple[str, ...] = Field((), description="column names of CSV and TSV files without a header")
    columns: dict[str, str] = Field(
        {}, description="field = column, for columns whose names are not recognised; --column overrides one"
    )
    hidden_values: tuple[str, ...] = Field(
        (), description="further values of status and type columns that mark unpublished rows, such as 'archived'"
    )
    shown_values: tuple[str, ...] = Field(
        (), description="values of status and type columns that do not hide a row, such as 'page'"
    )
    drop_boilerplate: bool = Field(
        True, description="compare and show stories without passages that recur across the stories of an outlet"
    )
    boilerplate_stories: int = Field(
        5, ge=2, description="minimum number of different stories of an outlet that contain a boilerplate passage"
    )
    boilerplate_share: float = Field(
        0.005, ge=0, le=1, description="minimum share of the stories of an outlet that contain it"
    )
    date_format: str | None = Field(
        None,
        description="format of times, such as '%d.%m.%Y %H:%M'; %A matches a word of any language; "
        "'excel' = Excel day numbers; none = detected",
    )
    day_first: bool | None = Field(
        None, description="whether 05/11/2026 is in November; none = determined by the column, else no date"
    )
    time_zone: str | None = Field(None, description="zone of times without one, such as 'Asia/Tokyo'; none = UTC")
    site_language: str | None = Field(None, description="language of stories without a language field; none = detected")
    site_url: str | None = Field(
        None,
        pattern="^https?://",
        description="base address of relative links in stories without a URL, such as https://courier.example",
    )

    def with_columns(self, columns: Mapping[str, str] | None) -> Self:
        """Add columns of fields, which override those that the settings name."""
        if columns and not isinstance(columns, Mapping):
            raise SettingsError(
                f"columns are {columns!r}, expected a mapping of fields such as {{'title': 'headline'}}"
            )
        return self.model_copy(update={"columns": {**self.columns, **columns}}) if columns else self

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str | None) -> str | None:
        try:
            codec = None if name is None else codecs.lookup(name)
        except LookupError:
            codec = codecs.lookup("hex")  # as good as none
        if codec is not None and not codec._is_text_encoding:
            raise ValueError("expected an encoding of text, such as 'cp1252' or 'shift_jis'")
        return None if codec is None else codec.name

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        try:
            return None if name is None else ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("expected a name of the time zone database, such as 'Asia/Tokyo'") from None


class EmbeddingSettings(Stage):
    """Which text is embedded, and by which model."""

    model: str = Field(
        "all-MiniLM-L6-v2",
        description="a sentence-transformers name or path, or 'tfidf' for TF-IDF + SVD without a model",
    )
    text: Literal["lead", "chunks"] = Field(
        "lead",
        description="'lead' = title and first tokens; 'chunks' = overlapping chunks of the whole story, pooled",
    )
    tokens: int = Field(64, ge=8, le=8192, description="token budget of 'lead'")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="precision of the model; 'bfloat16' is about twice as fast if the processor supports it, and keeps "
        ".99 of the nearest ten",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,2})?)$",
        description="where the model runs: 'cpu', 'cuda', 'cuda:1', 'mps'; 'auto' = a GPU if there is one",
    )
    prompt: str | None = Field(
        "auto",
        min_length=1,
        description="prompt before each text: the name of a prompt of the model, a text that ends with a "
        "space, such as 'query: ', or 'none'; 'auto' = the model's default, else its document prompt",
    )
    truncate_dim: int | None = Field(
        None,
        ge=2,
        description="number of first dimensions to keep, for models trained for it; none = all",
    )
    chunk_words: int = Field(180, ge=20, description="words of a chunk")
    chunk_stride: int = Field(150, ge=10, description="words from the start of a chunk to the next")
    svd_dim: int = Field(128, ge=2, description="dimensions of the 'tfidf' vectors")


class RetrievalSettings(Stage):
    """Which stories may be candidates, and how many."""

    candidates: int = Field(200, ge=1, le=100_000, description="number of candidates per story")
    window_days: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="days of candidates before `as_of` and around an older story; none = the whole archive",
    )
    same_language: bool = Field(True, description="only stories in the same language are candidates")
    exact: bool = Field(
        False, description="compare each story with all others, even in an archive of more than 50,000 stories"
    )
    index: str = Field(
        "auto",
        min_length=1,
        description="type of `Recommender.index`: 'auto' = a flat FAISS index, else a string for "
        "FAISS's `index_factory` such as 'IVF1024,SQ8', saved with the archive",
    )
    min_recall: float = Field(
        0.95, ge=0, le=1, description="minimum share of the ten nearest that such an index must find"
    )


class RankingSettings(Stage):
    """How candidates are ordered: by a learned ranker, or by a weighted sum.

    The sum is `(dense_weight * cosine + lexical_weight * tfidf) * 2 ** (-age / half_life)`; its settings apply only
    with ``ranker = "none"``, and are refused together with a ranker.
    """

    ranker: str = Field(
        "auto",
        min_length=1,
        description="'auto' = the shipped ranker for the embedder, 'none' = the weighted sum, or a file written by "
        "`recommender learn`",
    )
    dense_weight: float = Field(
        0.3, ge=0, description="weight of the cosine of the vectors; this and the following only without a ranker"
    )
    lexical_weight: float = Field(0.7, ge=0, description="weight of the cosine of the words")
    half_life_days: float | None = Field(
        90.0, gt=0, description="age at which freshness halves the score, in days; none = no freshness"
    )
    anchor: Literal["story", "as_of"] = Field(
        "story", description="age is the distance in time to the story, or to `as_of`"
    )

    @property
    def without_age(self) -> Self:
        """The same settings, with freshness switched off in a weighted sum; a ranker has none."""
        return self if self.ranker != "none" else self.model_copy(update={"half_life_days": None})

    @model_validator(mode="before")
    @classmethod
    def _one_way(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("ranker", "auto") != "none":
            defaults = {name: cls.model_fields[name].default for name in cls.model_fields if name != "ranker"}
            if odd := [name for name, default in defaults.items() if values.get(name, default) != default]:
                raise ValueError(
                    f"set beside a ranker: {', '.join(odd)}; that counts only with ranking.ranker = 'none'"
                )
        return values


Column = Literal["section", "source", "kind", "author", "access"]
Fill = Literal["more"]
_OLD_FILLS = ("window", "caps", "same_section", "recent")
_RENAMED = {
    "floor": "related_at",
    "event_limit": "same_report_hours and repeat_hours, each 'none' to switch it off",
    "event_gap_hours": "repeat_hours",
    "event_span_days": "repeat_hours",
}


class Cap(Stage):
    """At most `at_most` items of a list share `value` or, without it, any single value.

    Examples
    --------
    >>> Cap(by="access", value="paid", at_most=2).at_most
    2
    """

    by: Column
    value: str | None = None
    at_most: int = Field(ge=0)

    @model_validator(mode="before")
    @classmethod
    def _folded(cls, values: Any) -> Any:
        kind = isinstance(values, dict) and values.get("by") == "kind" and isinstance(values.get("value"), str)
        return {**values, "value": values["value"].casefold()} if kind else values  # kinds are kept folded


_ESCAPED = re.compile(r"\\.|\[\^?\]?[^\]]*\]", re.DOTALL)  # an escaped character or a set, which match one character
# A repeated group that contains * + ? {n,m} or |.
_REPEATED = re.compile(r"\((?!\?>)[^()]*(?:[^+*?{}][*?]|[^+*?{}]\+(?!\+)|\{\d*,\d*\}(?!\+)|\|)[^()]*\)+(?:[*+]|\{)")


class SeriesRule(Stage):
    """A recurring format, defined by a regular expression of the title, a section and a tag; all given must match."""

    name: str
    title: str | None = None
    section: str | None = None
    tag: str | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.title is None and self.section is None and self.tag is None:
            raise ValueError("needs a title (regular expression), a section or a tag")
        try:
            re.compile(self.title or "")
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"title {self.title!r} is no regular expression: {error}") from None
        if _REPEATED.search(_ESCAPED.sub("x", self.title or "")):
            raise ValueError(
                f"title {self.title!r} repeats a group that holds a repetition or a choice, which may take for ever on "
                "some titles; write it without, or the inner one possessive, as in (?:a++b)*"
            )
        return self


class SelectionSettings(Stage):
    """How a list is made of the ranked candidates."""

    k: int = Field(5, ge=1, le=1_000, description="items of a list")
    reserves: int = Field(5, ge=0, le=1_000, description="further items kept to replace withdrawn ones")
    related_at: Annotated[float, Field(ge=-1, le=1)] | Literal["auto"] | None = Field(
        "auto",
        description="minimum relevance of a related item; 'auto' = that of the ranker, and also close by words and "
        "meaning; none = all items count as related",
    )
    drop_copies: bool = Field(
        True, description="never show a copy of the story or of another item, nor a text that shares most of one"
    )
    same_report_hours: float | None = Field(
        6.0,
        gt=0,
        le=1e6,
        description="a report of the story's own event within this many hours is left out; none = never",
    )
    repeat_hours: float | None = Field(
        24.0,
        gt=0,
        le=1e6,
        description="of several reports of one event within this many hours, a list shows one; none = all",
    )
    event_threshold: float = Field(
        0.45,
        gt=0,
        le=1,
        description="minimum P(same event) for stories of two outlets (`source`, else the host of the URL)",
    )
    event_threshold_own: float = Field(
        0.998,
        gt=0,
        le=1,
        description="the same for stories of one outlet, which seldom reports an event twice, in archives that are"
        " at least half its own; elsewhere `event_threshold` holds",
    )
    event_threshold_untimed: float = Field(
        0.45, gt=0, le=1, description="lower bound of the minimum if dates do not show that the times are close"
    )
    event_threshold_undated: float = Field(
        0.985,
        gt=0,
        le=1,
        description="lower bound of the minimum if a date is missing: a report may be a development",
    )
    live_hours: float | None = Field(
        48.0, gt=0, le=1e6, description="age after which a live page is not shown, in hours; none = never"
    )
    series_limit: bool = Field(True, description="one item per recurring format, never an older edition")
    series: tuple[SeriesRule, ...] = Field((), description="recurring formats that are not detected from titles")
    caps: tuple[Cap, ...] = Field(
        (Cap(by="kind", value="opinion", at_most=2),),
        description="maximum numbers of items by section, source, kind, author, access",
    )
    diversity: float = Field(0.0, ge=0, le=1, description="MMR: weight of dissimilarity; 0 = off")
    fill: tuple[Fill, ...] = Field(
        ("more",), description="'more' fills empty places with the next best items; [] = leave them empty"
    )
    timeless_slots: Literal[0, 1] | None = Field(
        1, description="places for undated or evergreen stories; none = no limit"
    )

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        if isinstance(values, dict):
            changes = [f"{name} is now {new}" for name, new in _RENAMED.items() if name in values]
            fills = values.get("fill") or ()
            changes += [
                f"fill {name!r} is now 'more'"
                for name in _OLD_FILLS
                if isinstance(fills, tuple | list) and name in fills
            ]
            if changes:
                raise ValueError("; ".join(changes))
        return values


class PublishSettings(Stage):
    """How many versions are kept, and which are refused: a bad version must not replace a good one."""

    keep_versions: int = Field(3, ge=1, description="number of published versions kept for rollback")
    max_rejected_share: float = Field(0.2, ge=0, le=1, description="maximum share of rejected rows")
    max_jump: float = Field(
        0.2,
        ge=0,
        le=1,
        description="maximum rise since the last version of the share of stories without date, body or section, or "
        "of empty or not computed lists",
    )
    max_first_share: float = Field(
        0.5, ge=0, le=1, description="maximum share of empty or not computed lists of a first version"
    )
    max_future_share: float = Field(0.5, ge=0, le=1, description="maximum share of dates in the future")
    max_shrink: float = Field(
        0.05, ge=0, le=1, description="maximum share of ids that are missing since the last version"
    )
    max_unpublished: float = Field(
        0.5, ge=0, le=1, description="maximum share of the last version's stories that the input takes back"
    )
