"""Editorial rules: how they are read and checked, what they do to a list, and how they act at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recommender import PublishedLists, ReadNext, Recommender, Rules, SettingsError
from recommender.jobs.precompute import precompute
from recommender.publishing import open_publisher
from tests.publishing.test_places import FORMATS, format_of, place_of
from tests.support.checkerboard import START, WITHIN_TOPICS, checkerboard
from tests.support.processes import cli

SETTINGS = WITHIN_TOPICS.override(
    {"selection.k": 3, "selection.reserves": 2, "selection.caps": (), "selection.series_limit": True}
)
NOW = START + timedelta(days=6)


def board(rules: dict[str, Any], stories: list[dict[str, Any]] | None = None) -> Recommender:
    return Recommender(SETTINGS.override({"embedding.svd_dim": 4}), rules=Rules.of(rules)).fit(
        stories or checkerboard()
    )


def ids(found: ReadNext) -> list[str]:
    return [item.article_id for item in (*found.items, *found.reserves)]


# -- reading ------------------------------------------------------------------------------------

TOML = """
no_list = ["obituary"]
evergreen_slots = 0
[sensitive]
values = ["death", "abuse"]
light_sections = ["fun"]
[[pins]]
story = "a"
item = "b"
position = 2
until = 2026-05-01T12:00:00
by = "the night desk"
[[blocks]]
item = "x"
[[blocks]]
item = "y"
story = "a"
[[blocks]]
topics = ["crime", "ads"]
[[boosts]]
by = "tag"
value = "local"
factor = 1.5
[[caps]]
by = "access"
value = "paid"
at_most = 2
[[series]]
name = "quiz"
title = "^Quiz"
"""
CSV = """rule,story,item,position,until,by,topics,value,factor,at_most,values,light_sections,name,title
pin,a,b,2,2026-05-01T12:00:00Z,the night desk,,,,,,,,
block,,x,,,,,,,,,,,
block,a,y,,,,,,,,,,,
block,,,,,,crime|ads,,,,,,,
no_list,obituary,,,,,,,,,,,,
boost,,,,,tag,,local,1.5,,,,,
cap,,,,,access,,paid,,2,,,,
series,,,,,,,,,,,,quiz,^Quiz
sensitive,,,,,,,,,,death|abuse,fun,,
evergreen_slots,,,,,,,0,,,,,,
"""


def test_toml_json_and_csv_say_the_same(tmp_path: Path) -> None:
    files = {"r.toml": TOML, "r.csv": "\ufeff" + CSV, "r.CSV": CSV}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    rules = Rules.read(tmp_path / "r.toml")
    (tmp_path / "r.json").write_text(rules.model_dump_json())
    assert rules.pins[0].until == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert rules.sensitive is not None
    assert rules.sensitive.values == ("death", "abuse")
    assert [Rules.read(tmp_path / name) for name in ("r.json", "r.csv", "r.CSV")] == [rules] * 3


@pytest.mark.parametrize("mark", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("named", [False, True])
def test_a_csv_may_be_what_a_spreadsheet_writes(mark: str, encoding: str, named: bool, tmp_path: Path) -> None:
    rows = [line.replace("local", "Zürich").split(",") for line in CSV.splitlines()]
    rows.insert(3, [""] * len(rows[0]))
    text = (f"sep={mark}\r\n" if named else "") + "".join(mark.join([*row, ""]) + "\r\n" for row in rows)
    (tmp_path / "r.csv").write_bytes(text.encode(encoding))
    (tmp_path / "r.toml").write_text(TOML.replace("local", "Zürich"))
    assert Rules.read(tmp_path / "r.csv") == Rules.read(tmp_path / "r.toml")
    (tmp_path / "r.csv").write_bytes((text + f"pinn{mark}a\r\n").encode(encoding))
    with pytest.raises(SettingsError, match=f"line {13 + named}: unknown rule 'pinn'"):
        Rules.read(tmp_path / "r.csv")


def test_ids_may_be_numbers(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(
        "no_list = [7]\n[[pins]]\nstory = 13040608\nitem = 2\n[[blocks]]\nitem = 3\nstory = 4\n"
    )
    rules = Rules.read(tmp_path / "r.toml")
    assert (rules.no_list, rules.pins[0].story, rules.pins[0].item) == (("7",), "13040608", "2")
    assert (rules.blocks[0].item, rules.blocks[0].story) == ("3", "4")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("r.toml", "no_list = ['a', true]", ["no_list, number 2: expected a text"]),
        ("r.yaml", "", [".toml, .json or .csv"]),
        ("r.toml", "pins = [", ["cannot read"]),
        ("r.json", "{", ["cannot read"]),
        ("r.json", "[]", ["mapping"]),
        ("r.toml", b"no_list = ['\xff']", ["cannot read"]),
        ("r.toml", "pin = []", ["pin", "did you mean 'pins'"]),
        ("r.toml", "[[pins]]\nstory = 'a'", ["pins, number 1, item", "required"]),
        ("r.toml", "[[pins]]\nstory = 'a'\nitem = 'b'\nposition = 0", ["pins, number 1, position", "0"]),
        ("r.toml", "[[pins]]\nstory = 'a'\nitem = 'b'\nuntil = 'soon'", ["pins, number 1, until", "soon"]),
        ("r.toml", "[[blocks]]\nstory = 'a'", ["blocks, number 1", "an item and a story"]),
        ("r.toml", "[[blocks]]\nitem = 'a'\ntopics = ['a', 'b']", ["blocks, number 1", "pair of topics"]),
        ("r.toml", "[[blocks]]\ntopics = ['a']", ["blocks, number 1, topics"]),
        ("r.toml", "[[boosts]]\nby = 'mood'\nvalue = 'x'\nfactor = 2", ["boosts, number 1, by", "mood"]),
        ("r.toml", "[[boosts]]\nby = 'tag'\nvalue = 'x'\nfactor = 0", ["boosts, number 1, factor"]),
        ("r.toml", "[[caps]]\nby = 'section'\nat_most = -1", ["caps, number 1, at_most"]),
        ("r.toml", "[[series]]\nname = 'x'", ["series, number 1", "title"]),
        ("r.toml", "[[series]]\nname = 'x'\ntitle = '('", ["series, number 1", "no regular expression"]),
        ("r.toml", "evergreen_slots = 2", ["evergreen_slots"]),
        ("r.csv", "rule,story\npins,a", ["line 2", "unknown rule 'pins'"]),
        ("r.csv", "rule,story,item,position\npin,a,b,first", ["pins, number 1, position", "first"]),
        ("r.csv", "rule,story,mood\nno_list,a,\npin,a,sad", ["pins, number 1, mood"]),
        ("r.csv", "rule,story\nno_list,", ["no_list", "line 2"]),
        ("r.csv", "rule,value\nevergreen_slots,7", ["evergreen_slots"]),
        ("r.csv", "rule,story,item\npin,a,b,c,d", ["line 2", "more cells"]),
        ("r.csv", 'rule,story\nno_list,"a', ["cannot read"]),
    ],
)
def test_every_fault_names_the_file_and_the_rule(
    name: str, text: str | bytes, words: list[str], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as caught:
        Rules.read(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        Rules.read(tmp_path / "none.toml")


# -- checking -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "finding"),
    [
        ({"pins": [{"story": "a", "item": "gone"}]}, "pin of 'gone' under 'a': no story 'gone' in the archive"),
        ({"blocks": [{"item": "gone"}]}, "block: no story 'gone' in the archive"),
        ({"blocks": [{"item": "a", "story": "gone"}]}, "block: no story 'gone' in the archive"),
        ({"no_list": ["gone"]}, "no_list: no story 'gone' in the archive"),
        ({"pins": [{"story": "a", "item": "a"}]}, "cannot stand under itself"),
        ({"pins": [{"story": "a", "item": "b"}], "blocks": [{"item": "b"}]}, "the block wins"),
        ({"pins": [{"story": "a", "item": "b"}], "blocks": [{"item": "b", "story": "a"}]}, "the block wins"),
        ({"pins": [{"story": "a", "item": "b"}], "no_list": ["a"]}, "has no list (no_list)"),
        ({"pins": [{"story": "a", "item": "b"}, {"story": "a", "item": "c"}]}, "position 1 is also given to 'b'"),
        (
            {"pins": [{"story": "a", "item": "b"}, {"story": "a", "item": "b", "position": 2}]},
            "given to positions 1 and 2",
        ),
        (
            {"boosts": [{"by": "tag", "value": "x", "factor": f} for f in (2, 3)]},
            "boost of tag 'x': factors 2 and 3; both apply",
        ),
        ({"pins": [{"story": "a", "item": "b", "until": "2019-05-01"}]}, "expired on 2019-05-01 00:00"),
        ({"boosts": [{"by": "tag", "value": "x", "factor": 2, "until": "2019-05-01"}]}, "expired on 2019-05-01"),
    ],
)
def test_one_odd_thing_is_one_finding(rules: dict[str, Any], finding: str) -> None:
    (found,) = Rules.of(rules).check({"a", "b", "c"}, NOW)
    assert finding in found


@pytest.mark.parametrize(
    ("rules", "finding"),
    [
        ({"boosts": [{"by": "section", "value": "Sprot", "factor": 2}]}, "boost of section 'Sprot': no story has"),
        ({"boosts": [{"by": "kind", "value": "Opnion", "factor": 2}]}, "did you mean 'opinion'?"),
        ({"blocks": [{"topics": ["Sport", "waether"]}]}, "block: no story has the section or tag 'waether'; did you"),
        ({"caps": [{"by": "access", "value": "piad", "at_most": 2}]}, "cap: no story has the access 'piad'; did you"),
        ({"series": [{"name": "x", "section": "Sprot"}]}, "series 'x': no story has the section 'Sprot'; did you mean"),
        ({"series": [{"name": "x", "tag": "waether"}]}, "series 'x': no story has the tag 'waether'; did you mean"),
        ({"sensitive": {"values": ["deth"]}}, "sensitive, values: no story has the sensitivity 'deth'; did you mean"),
        ({"sensitive": {"light_sections": ["Sprot"]}}, "sensitive, light_sections: no story has the section 'Sprot'"),
        ({"sensitive": {"light_kinds": ["gallry"]}}, "sensitive, light_kinds: no story has the kind 'gallry'"),
    ],
)
def test_a_mistyped_value_is_one_finding(rules: dict[str, Any], finding: str) -> None:
    stories = checkerboard()
    stories[0] |= {"section": "Sport", "tags": ["weather"], "kind": "Opinion", "access": "paid", "sensitivity": "death"}
    rec = board(rules, stories)
    (found,) = rec.rules.check(set(), NOW, rec.rules.known_values(rec.catalog))
    assert finding in found
    assert rec.rules.check(set(), NOW) == ()


def test_values_that_stories_have_and_defaults_are_no_findings() -> None:
    stories = checkerboard()
    stories[0] |= {"section": "Sport", "tags": ["weather"], "kind": "opinion", "sensitivity": "death"}
    rules = {
        "boosts": [{"by": "section", "value": "Sport", "factor": 2}, {"by": "kind", "value": "OPINION", "factor": 2}],
        "blocks": [{"topics": ["Sport", "weather"]}],
        "caps": [{"by": "section", "at_most": 2}],
        "sensitive": {"light_sections": ["Sport"]},
    }
    rec = board(rules, stories)
    assert rec.rules.check(set(), NOW, rec.rules.known_values(rec.catalog)) == ()


def test_sound_rules_have_no_finding() -> None:
    rules = Rules.of(
        {
            "pins": [
                {"story": "a", "item": "b"},
                {"story": "a", "item": "c", "position": 2},
                {"story": "b", "item": "c"},
            ],
            "blocks": [{"item": "b", "story": "c"}, {"topics": ["x", "y"]}],
            "no_list": ["c"],
            "boosts": [{"by": "tag", "value": "x", "factor": 2, "until": "2999-01-01"}],
        }
    )
    assert rules.check({"a", "b", "c"}, NOW) == ()


# -- effect -------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [3, 4, 900])
def test_a_pin_beyond_the_end_is_the_last_item(position: int) -> None:
    rec = board({"pins": [{"story": "t0-s0", "item": "t3-s3", "position": position}]})
    found = rec.recommend("t0-s0")
    assert [item.article_id for item in found].index("t3-s3") == len(found) - 1 == 2


def test_pins_stand_at_their_positions() -> None:
    pins = [{"story": "t0-s0", "item": item, "position": place} for item, place in (("t1-s0", 2), ("t0-s1", 1))]
    found = board({"pins": [pins[0] | {"by": "Ada"}, pins[1]]}).recommend("t0-s0")
    assert ids(found)[:2] == ["t0-s1", "t1-s0"]
    assert [item.source for item in found] == ["pinned", "pinned", "related"]
    assert [str(item.reasons[0]) for item in found][:2] == ["pinned", "pinned by Ada"]


@pytest.mark.parametrize(
    ("until", "holds"),
    [
        ("2020-01-07", True),  # without a zone: UTC; the very moment still counts
        ("2020-01-06T23:59:59", False),
        ("2020-01-07T01:00:00+01:00", True),
        ("2020-01-07T00:59:59+01:00", False),
        ("2020-01-06T23:00:00-01:00", True),
    ],
)
def test_a_rule_holds_until_its_moment(until: str, holds: bool) -> None:
    pin = {"story": "t0-s0", "item": "t1-s0", "until": until}
    boost = {"by": "section", "value": "section0", "factor": 2, "until": until}
    found = board({"pins": [pin], "boosts": [boost]}).recommend("t0-s0", as_of=NOW)
    assert ("t1-s0" in ids(found)) is holds
    assert {item.components["boost"] for item in found if item.source == "related"} == {2 if holds else 1}


def test_expired_rules_hold_no_longer_in_an_archive_without_dates() -> None:
    rules = {"pins": [{"story": "t0-s0", "item": "t1-s0", "until": "2020-01-01"}]}
    stories = checkerboard(dated=False)
    stories[1]["expires_at"] = "2020-01-01"
    found = board(rules, stories).recommend("t0-s0", k=10)
    assert not {"t1-s0", "t0-s1"} & set(ids(found))


@pytest.mark.parametrize("factor", [0.001, 100])
def test_boosts_reorder_and_make_nothing_related(factor: float) -> None:
    plain = board({})
    stories = checkerboard()
    stories[3]["tags"] = ["lift"]
    found = board({"boosts": [{"by": "tag", "value": "lift", "factor": factor}]}, stories).recommend("t0-s0", k=5)
    assert set(ids(found)) == set(ids(plain.recommend("t0-s0", k=5)))
    assert ids(found).index("t0-s3") == (0 if factor > 1 else 4)
    everywhere = {"boosts": [{"by": "section", "value": f"section{n}", "factor": 100} for n in range(1, 4)]}
    assert ids(board(everywhere).recommend("t0-s0", k=20)) == ids(plain.recommend("t0-s0", k=20))


@pytest.mark.parametrize("factor", [0.001, 100])
def test_boosts_reorder_what_fills_a_list_and_never_mix_it_with_what_is_related(factor: float) -> None:
    stories = checkerboard()
    stories[3]["tags"] = ["lift"]  # related to t0-s0; all stories of section3 are not
    by = ({"by": "section", "value": "section3"}, {"by": "tag", "value": "lift"})
    rules = {"boosts": [{**one, "factor": factor} for one in by]}
    full = {"selection.fill": ("more",), "selection.reserves": 0}
    plain, rec = (one.under(one.settings.override(full)) for one in (board({}, stories), board(rules, stories)))
    before, found = plain.recommend("t0-s0", k=23), rec.recommend("t0-s0", k=23)
    assert [item.source for item in found] == ["related"] * 5 + ["more"] * 18
    assert [item.source for item in found] == [item.source for item in before]
    assert ids(found)[:5].index("t0-s3") == (0 if factor > 1 else 4)
    further = ids(found)[5:]
    assert set(further) == set(ids(before)[5:])
    lifted = {item for item in further if item.startswith("t3-")}
    assert set(further[:6] if factor > 1 else further[-6:]) == lifted
    assert found.status == "filled"


def test_a_pin_of_another_language_takes_no_story_out_of_sight() -> None:
    stories = [story | {"language": "en"} for story in checkerboard(2)]
    stories[7]["language"] = "de"
    rec = board({"pins": [{"story": "t0-s0", "item": stories[7]["id"]}]}, stories)
    few = {"selection.fill": ("more",), "selection.reserves": 0, "retrieval.candidates": 1}
    found = rec.under(rec.settings.override(few)).recommend("t0-s0", k=7)
    assert set(ids(found)) == {story["id"] for story in stories[1:]}
    assert found.items[0].source == "pinned"


def test_evergreen_slots_overrule_the_settings() -> None:
    stories = checkerboard()
    stories[1]["kind"] = "evergreen"
    assert "t0-s1" in ids(board({}, stories).recommend("t0-s0", k=5))
    assert "t0-s1" in ids(board({"evergreen_slots": 1}, stories).recommend("t0-s0", k=5))
    assert "t0-s1" not in ids(board({"evergreen_slots": 0}, stories).recommend("t0-s0", k=5))


@pytest.mark.parametrize("rule", [{"title": r"word[135]$"}, {"section": "special"}, {"tag": "live-blog"}])
def test_series_by_title_section_or_tag(rule: dict[str, str]) -> None:
    stories = checkerboard()
    for number in (1, 3, 5):
        stories[number] |= {"tags": ["sea", "live-blog"], "section": "special"}
    found = board({"series": [{"name": "x", **rule}]}, stories).recommend("t0-s0")
    assert len({"t0-s1", "t0-s3", "t0-s5"} & set(ids(found))) == 1
    assert {"t0-s2", "t0-s4"} < set(ids(found))
    # under an edition only a later one
    assert {"t0-s1", "t0-s3", "t0-s5"} & set(
        ids(board({"series": [{"name": "x", **rule}]}, stories).recommend("t0-s5"))
    ) == set()


def test_blocked_pairs_of_topics_and_no_list() -> None:
    stories = checkerboard()
    stories[0]["tags"], stories[2]["tags"] = ["crime"], ["ads"]
    rec = board({"blocks": [{"topics": ["ads", "crime"]}], "no_list": ["t0-s1"]}, stories)
    assert "t0-s2" not in ids(rec.recommend("t0-s0"))
    assert "t0-s0" not in ids(rec.recommend("t0-s2"))
    assert "t0-s1" in ids(rec.recommend("t0-s0"))
    assert rec.recommend("t0-s1").status == "withheld"
    draft = {"id": "draft", "title": "harbour ferry captain", "tags": ["crime"]}
    assert "t0-s2" not in ids(rec.recommend_for(draft, k=5))


def test_rules_name_drafts_too() -> None:
    rec = board({"blocks": [{"item": "t0-s0", "story": "draft"}]})
    draft = {"id": "draft", "title": "harbour ferry captain"}
    assert "t0-s0" not in ids(rec.recommend_for(draft, k=6))
    rec.block("t0-s1", story="draft", unknown_too=True)
    assert "t0-s1" not in ids(rec.recommend_for(draft, k=6))
    rec.withhold("draft", unknown_too=True)
    assert rec.recommend_for(draft).status == "withheld"


def test_new_rules_hold_from_the_next_call_on() -> None:
    rec = board({})
    rec.rules = Rules.of({"series": [{"name": "x", "title": "word[0-9]"}], "no_list": ["t1-s0"]})
    assert len(ids(rec.recommend("t0-s0"))) == 1
    assert rec.recommend("t1-s0").status == "withheld"


# -- at once ------------------------------------------------------------------------------------


def check_blocks(get: Callable[[str], ReadNext], place: Any) -> None:
    """`place` records blocks, `get` reads lists; both see the same overlay."""
    before = get("t0-s0")
    everywhere, here = ids(before)[0], ids(before)[1]
    assert place.block(everywhere) == 1
    assert place.block(everywhere) == 0
    assert place.block(here, story="t0-s0") == 1
    after = get("t0-s0")
    assert not {everywhere, here} & set(ids(after))
    assert [item.rank for item in after] == [1, 2, 3]
    others = [get(f"t0-s{n}") for n in range(1, 6) if f"t0-s{n}" != here]
    assert all(everywhere not in ids(found) for found in others)
    assert any(here in ids(found) for found in others)
    assert place.unblock(here) == 0
    assert (place.unblock(everywhere), place.unblock(here, story="t0-s0")) == (1, 1)
    assert get("t0-s0") == before


def test_blocks_act_at_once_on_the_facade_and_on_a_shared_snapshot(tmp_path: Path) -> None:
    rec = board({})
    check_blocks(rec.recommend, rec)
    rec.save(tmp_path)
    check_blocks(rec.recommend, Recommender.load(tmp_path))
    rec.block("t0-s1")
    assert "t0-s1" not in ids(Recommender.load(tmp_path).recommend("t0-s0"))


@pytest.mark.parametrize("format", FORMATS)
def test_blocks_act_at_once_on_published_lists_and_outlive_versions(format: str, tmp_path: Path) -> None:
    place = place_of(tmp_path, format)
    first = precompute(checkerboard(), place, settings=SETTINGS, format=format_of(format)).version
    lists = PublishedLists.open(place)
    check_blocks(lists.get, PublishedLists.open(place))
    gone = ids(lists.get("t0-s0"))[0]
    lists.block(gone)
    precompute(checkerboard(per_topic=7), place, settings=SETTINGS, format=format_of(format))
    assert gone not in ids(PublishedLists.open(place).get("t0-s0"))
    assert len(PublishedLists.open(place).get("t0-s0")) == 3
    open_publisher(place, format_of(format)).rollback()
    assert PublishedLists.open(place).version == first
    assert gone not in ids(PublishedLists.open(place).get("t0-s0"))
    a, b = ids(lists.get("t0-s0"))[:2]
    rules = Rules.of({"blocks": [{"item": a}, {"item": b, "story": "t0-s0"}, {"topics": ["a", "b"]}], "no_list": [b]})
    assert PublishedLists.open(place).apply(rules) == 3
    assert PublishedLists.open(place).apply(rules) == 0
    assert not {a, b} & set(ids(lists.get("t0-s0")))
    assert PublishedLists.open(place).get(b).status == "withheld"


def test_the_command_line(tmp_path: Path) -> None:
    out, sound, odd = tmp_path / "out", tmp_path / "sound.toml", tmp_path / "odd.json"
    precompute(checkerboard(), out, settings=SETTINGS)
    lists = PublishedLists.open(out)
    sound.write_text('no_list = ["t0-s4"]\n[[blocks]]\nitem = "t0-s2"\n')
    odd.write_text(json.dumps({"no_list": ["nobody"], "pins": [{"story": "t0-s0", "item": "t0-s0"}]}))
    done = cli("rules", sound, "--lists", out)
    assert done.returncode == 0, done.stderr
    assert "1 blocks, 1 no_list; 0 odd" in " ".join(done.stdout.split())
    assert lists.get("t0-s4").status == "ok"
    done = cli("rules", sound, "--lists", out, "--apply")
    assert "in effect at once: 2" in done.stdout
    told = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    assert [(act["what"], act["item"], act["why"]) for act in told] == [
        ("block", "t0-s2", "rules of sound.toml"),
        ("withhold", "t0-s4", "rules of sound.toml"),
    ]
    assert "in effect at once: 0" in cli("rules", sound, "--lists", out, "--apply", "--by", "Ana").stdout
    assert len((out / "journal.jsonl").read_text().splitlines()) == 2
    assert lists.get("t0-s4").status == "withheld"
    assert "t0-s2" not in ids(lists.get("t0-s0"))
    done = cli("rules", odd, "--lists", out)
    assert done.returncode == 1
    assert "no story 'nobody'" in done.stdout
    assert "under itself" in done.stdout
    done = cli("rules", odd, "--lists", out, "--apply")
    assert (done.returncode, "no story has the id 'nobody'" in done.stderr) == (2, True)
    assert "--unknown-too" in done.stderr
    assert "in effect at once: 1" in cli("rules", odd, "--lists", out, "--apply", "--unknown-too").stdout
    for words, answer in [
        (["block", "t0-s1", "t0-s3", "--story", "t0-s0"], "blocked: 2"),
        (["unblock", "t0-s3", "--story", "t0-s0"], "unblocked: 1"),
        (["withhold", "t1-s0"], "withheld: 1"),
    ]:
        assert answer in cli(*words, "--lists", out).stdout
    assert "t0-s1" not in ids(lists.get("t0-s0"))
    assert "t0-s3" in ids(lists.get("t0-s0"))
    assert lists.get("t1-s0").status == "withheld"
    assert "released: 1" in cli("release", "t1-s0", "--lists", out).stdout
    assert lists.get("t1-s0").status == "ok"


def test_the_command_line_finds_mistyped_values_and_counts_all_kinds(tmp_path: Path) -> None:
    out, snap, file = tmp_path / "out", tmp_path / "snap", tmp_path / "r.toml"
    file.write_text(
        "[[boosts]]\nby = 'section'\nvalue = 'sektion1'\nfactor = 2\n[[caps]]\nby = 'kind'\nvalue = 'opinoin'\n"
        "at_most = 1\n[sensitive]\nlight_sections = ['section2']\n"
    )
    stories = checkerboard()
    stories[0]["kind"] = "opinion"
    summary = precompute(stories, out, settings=SETTINGS, archive=snap, rules=file)
    section = "boost of section 'sektion1': no story has the section 'sektion1'; did you mean 'section1'?"
    kind = "cap: no story has the kind 'opinoin'; did you mean 'opinion'?"
    assert summary.findings == (section, kind)
    done = cli("rules", file, "--lists", out)
    assert (done.returncode, done.stdout.splitlines()) == (
        1,
        [
            section,
            f"{file}: 1 boosts, 1 caps, 1 sensitive; 1 odd",
            "not checked: names of kind; --archive DIR checks them",
        ],
    )
    done = cli("rules", file, "--lists", out, "--archive", snap)
    assert done.stdout.splitlines() == [section, kind, f"{file}: 1 boosts, 1 caps, 1 sensitive; 2 odd"]


def test_rules_may_be_given_as_a_mapping_and_a_path_is_refused_with_what_to_do() -> None:
    rec = Recommender({"embedding": {"model": "tfidf"}}, rules={"no_list": ["a"]})
    assert rec.rules.no_list == ("a",)
    assert rec.settings.embedding.model == "tfidf"
    with pytest.raises(SettingsError, match=r"got a str, expected Rules .*Rules\.read\(path\)"):
        Recommender(rec.settings, rules="rules.toml")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"got a str, expected Settings .*Settings\.from_toml\(path\)"):
        Recommender("settings.toml")  # type: ignore[arg-type]
