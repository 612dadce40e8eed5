"""What rules and lists say, in the words of an editor."""

from __future__ import annotations

from dataclasses import dataclass

from recommender.lists.readnext import MORE, ReadNext, Recommendation, Rejected
from recommender.selection.rules import every_rule


def rule_labels() -> dict[str, str]:
    """Describe what is the matter with what each rule rejects, by its name."""
    return {rule.name: rule.label for rule in every_rule()} | {"rank": "Ranked behind the last reserve"}


def remedy(rule: str, dated: bool = True) -> str:
    """Say what would have let in a candidate that a rule rejected; without hours where a date is missing."""
    if rule == "same_report" and not dated:
        return "By their words both tell one event; a pin puts it there all the same."
    if rule == "rank":
        return "Others are closer to the story; a pin puts it there all the same."
    return next((one.remedy for one in every_rule() if one.name == rule), "")


def reasons_of(item: Recommendation) -> str:
    """Say why an item is there, as a sentence without its full stop."""
    told = [*(["the next best"] if item.source in MORE else []), *map(str, item.reasons)]
    return "; ".join(told) or "no reason is stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Why an item is, or is not, in the list of a story.

    Attributes
    ----------
    place : int or None
        Its place in the list; a reserve's comes after the last place.
    sentence : str
    rule : str
        What keeps it out, '' for nothing.
    score : float or None
    remedy : str
        What would let it in, '' for nothing.
    """

    place: int | None
    sentence: str
    rule: str = ""
    score: float | None = None
    remedy: str = ""


def why(found: ReadNext, item: ReadNext, rejected: list[Rejected] | None, taken_back: bool = False) -> Answer:
    """Say why an item is, or is not, in a list.

    Parameters
    ----------
    found : ReadNext
        The list of the story.
    item : ReadNext
        That of the item, whose status tells whether readers may see it.
    rejected : list of Rejected or None
        The candidates that a saved archive tells; None without one.
    taken_back : bool
        Whether the input says of the item that it is not published.
    """
    name = item.article_id
    for one in (*found.items, *found.reserves):
        if one.article_id == name:
            shown = one.rank <= len(found.items)
            place = "It stands at" if shown else f"It is beyond the {found.k} of the list, at"
            return Answer(place=one.rank, sentence=f"{place} place {one.rank}: {reasons_of(one)}.", score=one.score)
    if name == found.article_id:
        return Answer(place=None, sentence="It is the story itself.", rule="self")
    gone = "unpublished" if taken_back and item.status == "unknown" else item.status
    if gone in _GONE:
        return Answer(place=None, sentence=_GONE[gone], rule=gone)
    if found.status in ("withheld", "not_computed"):
        return Answer(place=None, sentence="The story has no list.", rule=found.status)
    if rejected is None:
        last = f" The last of the list has {found.items[-1].score:.3f}." if found.items else ""
        return Answer(
            place=None,
            sentence=f"It is neither in the list nor a reserve.{last} A saved archive tells the rule: --archive.",
        )
    for candidate in rejected:
        if candidate.article_id == name:
            dated = candidate.published_at is not None and found.story is not None and bool(found.story.published_at)
            rule, label = candidate.rule, rule_labels().get(candidate.rule, candidate.rule)
            return Answer(
                place=None,
                sentence=f"{label}: {candidate.detail}." if candidate.detail else f"{label}.",
                rule=rule,
                score=candidate.score,
                remedy=remedy(rule, dated),
            )
    return Answer(
        place=None,
        sentence="It was no candidate: others of the archive are closer to the story in meaning and words.",
        rule="no candidate",
        remedy="A pin puts it there all the same.",
    )


_GONE = {
    "withdrawn": "It was withdrawn: no reader sees it, in any list.",
    "unknown": "No published story has this id.",
    "unpublished": "It is not published: by its status in the input it is a draft or the like, or was taken back.",
    "not_computed": "It is published after the moment that the lists are for.",
}
