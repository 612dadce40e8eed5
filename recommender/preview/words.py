"""Descriptions of rules and lists in the words of an editor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recommender.lists.readnext import MORE, ReadNext, Recommendation, Rejected

if TYPE_CHECKING:
    from recommender.selection.rules import Rule


def rule_labels() -> dict[str, str]:
    """Return the label of each rule, by its name."""
    return {rule.name: rule.label for rule in _rules()} | {"rank": "Ranked behind the last reserve"}


def remedy(rule: str, dated: bool = True) -> str:
    """Describe what would let in a candidate that a rule rejected; without hours if a date is missing."""
    if rule == "same_report" and not dated:
        return "By their words both report one event; a pin puts it there all the same."
    if rule == "rank":
        return "Others are closer to the story; a pin puts it there all the same."
    return next((known.remedy for known in _rules() if known.name == rule), "")


def _rules() -> list[Rule]:
    from recommender.selection.rules import every_rule  # a server starts, and answers a CMS, without all that they need

    return every_rule()


def reasons_of(item: Recommendation) -> str:
    """Describe why an item is in a list, as a sentence without its full stop."""
    reasons = [*(["the next best"] if item.source in MORE else []), *map(str, item.reasons)]
    return "; ".join(reasons) or "no reason is stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The reason why an item is, or is not, in the list of a story."""

    place: int | None  # in the list; places of reserves follow the last one
    sentence: str
    rule: str = ""  # the rule or status that keeps the item out
    score: float | None = None
    remedy: str = ""  # what would let the item in


def why(read_next: ReadNext, item: ReadNext, rejected: list[Rejected] | None, taken_back: bool = False) -> Answer:
    """Explain why an item is, or is not, in the list of a story.

    `item` is the list of the item, whose status says whether readers may see the item. `rejected` are the rejected
    candidates, None without a saved archive; `taken_back` says whether the input took the item back.
    """
    for listed in (*read_next.items, *read_next.reserves):
        if listed.article_id == item.article_id:
            is_shown = listed.rank <= len(read_next.items)
            where = "It is at" if is_shown else f"It is beyond the {read_next.k} of the list, at"
            sentence = f"{where} place {listed.rank}: {reasons_of(listed)}."
            return Answer(place=listed.rank, sentence=sentence, score=listed.score)
    if item.article_id == read_next.article_id:
        return Answer(place=None, sentence="It is the story itself.", rule="self")
    status = "unpublished" if taken_back and item.status == "unknown" else item.status
    if status in _NOT_SHOWN:
        return Answer(place=None, sentence=_NOT_SHOWN[status], rule=status)
    if read_next.status in ("withheld", "not_computed"):
        return Answer(place=None, sentence="The story has no list.", rule=read_next.status)
    if rejected is None:
        last = f" The last of the list has {read_next.items[-1].score:.3f}." if read_next.items else ""
        return Answer(
            place=None,
            sentence=f"It is neither in the list nor a reserve.{last} A saved archive shows the rule: --archive.",
        )
    for candidate in rejected:
        if candidate.article_id == item.article_id:
            story_date = read_next.story and read_next.story.published_at
            label = rule_labels().get(candidate.rule, candidate.rule)
            return Answer(
                place=None,
                sentence=f"{label}: {candidate.detail}." if candidate.detail else f"{label}.",
                rule=candidate.rule,
                score=candidate.score,
                remedy=remedy(candidate.rule, bool(candidate.published_at and story_date)),
            )
    return Answer(
        place=None,
        sentence="It was no candidate: others of the archive are closer to the story in meaning and words.",
        rule="no candidate",
        remedy="A pin puts it there all the same.",
    )


_NOT_SHOWN = {
    "withdrawn": "It was withdrawn: no reader sees it, in any list.",
    "unknown": "No published story has this id.",
    "unpublished": "It is not published: by its status in the input it is a draft or the like, or was taken back.",
    "not_computed": "It is published after the moment that the lists are for.",
}
