"""Named sets with labelled events: miniature folders in their formats, and what is measured on them."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from recommender.errors import InputError, SettingsError
from recommender.evaluation import EvaluationSet, evaluate, load_set, tune

NAMES = ("wikinews_sources", "ecbplus", "refnews", "current_events")


def write(data: Path, name: str, stories: Sequence[dict[str, Any]], labels: Sequence[str]) -> Path:
    folder = data / "events"
    folder.mkdir(exist_ok=True)
    lines = b"".join(orjson.dumps(story) + b"\n" for story in stories)
    (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(lines))
    (folder / f"{name}.csv").write_text("\n".join(labels) + "\n")
    return data


def story(name: str, day: str | None = "2012-10-01", **more: Any) -> dict[str, Any]:
    return {"id": name, "title": f"Title {name}", "body": f"Text of {name}", "published_at": day, **more}


def pairs_of(made: EvaluationSet) -> set[str]:
    return {f"{row['story']}{row['item']}" for row in made.judgments.table.to_pylist() if row["grade"]}


WIKINEWS = [*map(story, "abcd"), story("e", None), story("f", url="None"), story("x")]
WIKINEWS_LABELS = ["id,event,story", "a,fire,Fires", "b,fire,Fires", "c,blaze,Fires", "d,vote,", "e,vote,", "f,vote,"]


def test_reports_that_wikinews_cites(tmp_path: Path) -> None:
    made = load_set("wikinews_sources", write(tmp_path, "wikinews_sources", WIKINEWS, WIKINEWS_LABELS))
    assert sorted(made.catalog.ids.to_pylist()) == ["a", "b", "c", "d", "f", "x"], "those with a date"
    assert made.events == {"a": "fire", "b": "fire", "c": "blaze", "d": "vote", "f": "vote"}
    assert pairs_of(made) == {"ab", "ac", "ba", "bc", "ca", "cb", "df", "fd"}
    assert made.group["c"] == made.group["a"] == "Fires"
    assert made.group["d"] == "vote"
    assert made.judgments.complete == set("abcdf")
    assert (made.protocol, made.uses) == ("archive", ("rankings",))
    assert made.catalog.table["url"].null_count == 6


def test_ecbplus_has_no_dates_and_wants_the_topic(tmp_path: Path) -> None:
    stories = [story(name, published_at_is_guess=True) for name in "abc"] + [story("d", None)]
    labels = ["id,event,topic", "a,1_ecb,1", "b,1_plus,1", "c,2_ecb,2", "d,2_ecb,2"]
    made = load_set("ecbplus", write(tmp_path, "ecbplus", stories, labels))
    assert (made.protocol, made.uses) == ("undated", ("rankings",))
    assert made.catalog.table["published_at"].null_count == 4, "a date that was guessed is none"
    assert pairs_of(made) == {"ab", "ba", "cd", "dc"}
    assert made.events == {"a": "1_ecb", "b": "1_plus", "c": "2_ecb", "d": "2_ecb"}


REFNEWS = "id,event,event_size,days_from_event_median"


def test_headlines_far_from_their_event_or_of_a_great_one_have_no_label(tmp_path: Path) -> None:
    labels = [
        "a,Q1,3,0",
        "b,Q1,3,-30",
        "c,Q1,3,31",
        "d,Q2,61,0",
        "e,Q1,3,",
    ]
    made = load_set("refnews", write(tmp_path, "refnews", [*map(story, "abcdef")], [REFNEWS, *labels]))
    assert made.events == {"a": "Q1", "b": "Q1"}
    assert len(made.catalog) == 6
    assert pairs_of(made) == {"ab", "ba"}


def test_of_current_events_short_chains_are_wanted_on_other_days(tmp_path: Path) -> None:
    days = {"a": "01", "b": "01", "c": "02", "d": "05", "e": "20", "f": "03", "g": "30", "h": "04"}
    stories = [story(name, f"2012-10-{day}", url="https://x.org/2012_October") for name, day in days.items()]
    labels = ["id,event,outer", "a,fire,", "b,fire,", "c,fire,", "d,fire,", "e,vote,", "f,vote,", "h,alone,"]
    made = load_set("current_events", write(tmp_path, "current_events", stories, labels))
    assert made.events == dict.fromkeys("abcd", "fire"), "a chain of more than two weeks, and one of one item"
    assert sorted(made.catalog.ids.to_pylist()) == ["a", "b", "c", "d", "g"], "of those without a label some fill it"
    assert pairs_of(made) == {"ad", "da", "bd", "db", "cd", "dc"}, "the next day is not more than a day away"
    assert (made.protocol, made.uses) == ("archive", ("lists",))
    assert made.catalog.table["url"].null_count == 5


def test_where_rankings_alone_are_judged_lists_are_measured_by_labels(tmp_path: Path) -> None:
    made = load_set("wikinews_sources", write(tmp_path, "wikinews_sources", WIKINEWS, WIKINEWS_LABELS))
    found = evaluate(["tfidf", "recent"], made, k=3)
    assert found.headline == ("relevance", "nDCG@3")
    for system in found.systems:
        assert set(system.figures) == set(system.per_story) == {"relevance"}
        assert system.quality["repeats"] > 0
        assert system.intervals["repeats"].value == pytest.approx(system.quality["repeats"])
        assert sum(system.statuses.values()) == len(found.stories) == 5
    assert {one.part for one in found.comparisons} == {"relevance"}
    assert found.worst
    assert found.worst[0].values
    with pytest.raises(SettingsError, match="wikinews_sources judges rankings, not lists"):
        tune(made)


@pytest.mark.parametrize("name", NAMES)
def test_every_one_says_what_it_is_and_where_it_comes_from(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"sets\.toml; --data names the folder"):
        load_set(name, tmp_path)
    labels = ["id,event,topic,story,outer,event_size,days_from_event_median"]
    days = {"a": "2012-10-01", "b": "2012-10-05", "c": "2012-10-05"}
    write(tmp_path, name, [story(*one) for one in days.items()], [*labels, "a,fire,1,,,2,1", "b,fire,1,,,2,1"])
    made = load_set(name, tmp_path)
    assert (made.name, made.part) == (name, "development")
    assert made.about
    assert made.licence
    assert made.notes
    assert pairs_of(made) == {"ab", "ba"}


def test_a_label_without_an_event_stops_the_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ecbplus.csv, line 3: no event; expected id, event"):
        load_set("ecbplus", write(tmp_path, "ecbplus", WIKINEWS, ["id,event,topic", "a,fire,1", "b,,1"]))
