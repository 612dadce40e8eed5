"""Boilerplate: what recurs across stories leaves the texts that they are compared by, and nothing else does."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.articles.article import SCHEMA, Article, to_table
from recommender.articles.boilerplate import NOTHING, ONLY_BY_FORM, Boilerplate
from recommender.articles.catalog import Catalog
from recommender.articles.inserts import without_inserts
from recommender.articles.openers import opening_bytes

SYLLABLES = [a + b for a in ("ba", "do", "fi", "ku", "le", "mo") for b in ("ra", "si", "tu", "ne", "vo")]
COOKIES = "We use cookies to make the site better. By clicking accept you agree to our terms. Thank you!"
APPEAL = "Our newsroom is paid for by its readers. Please support us today."


def sentence(rng: Random, count: int = 12) -> str:
    return " ".join("".join(rng.choices(SYLLABLES, k=3)) for _ in range(count)).capitalize() + "."


def own(seed: int, paragraphs: int = 4) -> str:
    rng = Random(seed)
    return "\n\n".join(" ".join(sentence(rng) for _ in range(3)) for _ in range(paragraphs))


def table_of(bodies: list[str], **columns: list[str]) -> pa.Table:
    rows = [
        Article(id=f"{at:05}", body=body, **{name: values[at] for name, values in columns.items()})
        for at, body in enumerate(bodies)
    ]
    return Catalog.from_table(to_table(rows)).table


def cleaned(bodies: list[str], **columns: list[str]) -> list[str]:
    table = table_of(bodies, **columns)
    return list(Boilerplate.fit(table).cleaned(table)["body"].to_pylist())


@pytest.mark.parametrize("around", ["{b}\n\n{s}", "{b} {s}", "{s}\n\n{b}", "{s} {b}", "{s}\n{b}\n"])
def test_a_passage_of_many_stories_leaves_them_wherever_it_stands(around: str) -> None:
    stories = [own(seed) for seed in range(8)]
    assert cleaned([around.format(b=COOKIES, s=story) for story in stories]) == stories


def test_what_stands_between_keeps_its_paragraphs() -> None:
    bodies = [f"{own(seed, 1)}\n\nAdvertisement\n\n{own(99 + seed, 1)}" for seed in range(6)]
    assert cleaned(bodies) == [body.replace("Advertisement\n\n", "") for body in bodies]


def test_a_passage_of_few_stories_stays() -> None:
    bodies = [f"{APPEAL}\n\n{own(seed)}" for seed in range(4)] + [own(seed) for seed in range(4, 12)]
    assert cleaned(bodies) == bodies


def test_copies_of_one_text_count_as_one_story() -> None:
    bodies = [own(0)] * 9 + [own(0).rsplit("\n\n", 1)[0]] + [own(seed) for seed in range(1, 9)]
    assert cleaned(bodies) == bodies


def test_a_short_sentence_goes_only_beside_what_goes() -> None:
    said = [f"{COOKIES}\n\nHe paused. {own(seed, 1)} He paused." for seed in range(8)]
    assert cleaned(said) == [body.removeprefix(f"{COOKIES}\n\n") for body in said]


def test_what_recurs_in_one_outlet_leaves_that_outlet() -> None:
    rare = [f"{APPEAL}\n\n{own(seed)}" for seed in range(6)]
    others = [own(seed) for seed in range(6, 1_700)]
    sources = ["Courier"] * 6 + ["Herald"] * len(others)
    others[0] = f"{APPEAL}\n\n{others[0]}"  # quoted once
    assert cleaned(rare + others, source=sources)[:7] == [own(seed) for seed in range(6)] + [others[0]]


def test_lines_that_end_in_mid_sentence_are_no_paragraphs() -> None:
    """As in telegrams: "said." and "mln dlrs." stand alone on lines, and belong to what is above."""
    bodies = [f"{sentence(Random(seed))[:-1]}\nthe company\nsaid.\n    {own(seed, 1)}" for seed in range(9)]
    assert cleaned(bodies) == bodies


def test_names_of_sites_behind_titles_leave_them() -> None:
    titles = [f"{sentence(Random(seed))[:-1]} | {'Sport | ' if seed % 2 else ''}The Courier" for seed in range(12)]
    titles += ["Ajax - PSV", "Rain | Snow"]
    table = table_of([own(seed) for seed in range(14)], title=titles)
    found = Boilerplate.fit(table).cleaned(table)
    by_id = dict(zip(found["id"].to_pylist(), found["title"].to_pylist(), strict=True))
    assert by_id["00000"] == titles[0].removesuffix(" | The Courier")
    assert by_id["00001"] == titles[1].removesuffix(" | Sport | The Courier")
    assert (by_id["00012"], by_id["00013"]) == ("Ajax - PSV", "Rain | Snow")


@pytest.mark.parametrize(
    ("opener", "gone"),
    [
        ("By A. Staff Writer\n\n", True),
        ("Von Anna Müller und Jan van der Berg, Redaktion\n", True),
        ("By Monday the water had gone\n\n", False),
        ("LONDON (Reuters) - ", True),
        ("BURLINGTON, Vt. (AP) — ", True),
        ("Berlin (dpa/lnw) - ", True),
        ("ÖREBRO, 27 nov. (TT) – ", True),
        ("By JANE ROE\nNORTHGATE (Agency) - ", True),
        ("Port Ellery (CNN) ", True),
        ("(CNN)", True),
        ("The Commission (EC) - which ", False),
        ("The mayor of (CNN) fame ", False),
        ("BREXIT - ", False),
    ],
)
def test_bylines_and_datelines_go_by_their_form(opener: str, gone: bool) -> None:
    text = opener + "The ferry ran aground."
    (cut,) = opening_bytes(pa.array([text], pa.large_string()), pa.array([], pa.large_string())).tolist()
    assert cut == (len(opener.encode()) if gone else 0)


def test_a_place_and_a_dash_go_where_they_recur() -> None:
    bodies = [f"GULL POINT {'–' if seed % 2 else '--'} {own(seed)}" for seed in range(6)] + [f"BREXIT – {own(9)}"]
    assert cleaned(bodies) == [*(own(seed) for seed in range(6)), bodies[-1]]


def test_lines_begin_behind_datelines_that_stand_behind_captions() -> None:
    captions = ["FILE - In this May 3 photo, fog. (AP Photo/J. Roe)", "CLOSE The harbour at dawn, in fog. Wochit"]
    stories = [f"GULL POINT – {own(seed)}" for seed in range(6)]
    table = table_of([*stories, *(f"{caption}\n\n{stories[0]}" for caption in captions)])
    lines = Boilerplate.fit(table).with_clean_lines(table)[0]["line"].to_pylist()
    assert not [line for line in lines if "GULL" in line or "fog" in line or "CLOSE" in line]
    assert all(line and own(seed).startswith(line.rstrip(" …")) for seed, line in enumerate(lines[:6]))


@pytest.mark.parametrize(
    "beside",
    [
        *("Read more: Five things to know today", "Lees ook: Storm op zee", "(Photo: J. Roe)", "Reporting by J. Roe"),
        *("More:Five things to know", "Fog at sea:Five things to know today", "Five things to know Read more"),
        *("FIVE THINGS TO KNOW ABOUT ‘THE FERRY’", "Click here to get our app.", "[Read also: Five things]"),
    ],
)
def test_paragraphs_of_links_and_credits_go_by_their_form(beside: str) -> None:
    text = f"{own(1)}\n\n{beside}\n\n{own(2)}"
    assert cleaned([text]) == [f"{own(1)}\n\n{own(2)}"]
    assert cleaned([beside]) == [beside]  # all that there is


@pytest.mark.parametrize(
    "paragraph",
    [
        *("They sat down to read more.", "The ferry leaves at 6:Monday is the first day.", "Note:the ferry is late"),
        *("THE FERRY IS LATE AGAIN, THEY SAID.", "FERRY LATE", "Seen at 10:30"),
    ],
)
def test_paragraphs_of_sentences_stay_whatever_they_look_like(paragraph: str) -> None:
    text = f"{own(1)}\n\n{paragraph}\n\n{own(2)}"
    assert cleaned([text]) == [text]


def test_a_text_in_capitals_keeps_its_paragraphs() -> None:
    text = "THE FERRY RAN AGROUND IN FOG\n\nTHE HARBOUR STAYS CLOSED ALL DAY\n\nNOBODY WAS HURT, THEY SAY"
    assert cleaned([text]) == [text]


@pytest.mark.parametrize("link", ["(RELATED: Fog At Sea: Five Things)", "[Related: Is It Over? Not Yet]"])
def test_links_between_brackets_leave_their_paragraph(link: str) -> None:
    assert cleaned([f"{own(1)} The ferry sank. {link}\n\n{own(2)}"]) == [f"{own(1)} The ferry sank.\n\n{own(2)}"]
    assert cleaned([f"{own(1)} {link[:-1]}\n\n{own(2)}"]) == [f"{own(1)} {link[:-1]}\n\n{own(2)}"]  # never closed


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("Mayor Ada Reed Ada Jane ReedStorm hits the coast Who pays? MORE resigned.", "Mayor Ada Reed resigned."),
        ("Ada Reed's Adaline (Ada) ReedMORE, and Jo Roe Jo RoeFog MORE's boats", "Ada Reed's, and Jo Roe's boats"),
        ("Jo Roe Jo Roe Storm hits the coast MORE said", "Jo Roe said"),
        ("Ada Reed wants MORE of it, and Reed gets it", "Ada Reed wants MORE of it, and Reed gets it"),
        ("Reed met Ada Reed.\nMORE TOP STORIES", "Reed met Ada Reed.\nMORE TOP STORIES"),
    ],
)
def test_links_behind_names_leave_their_sentence(given: str, left: str) -> None:
    assert without_inserts(pa.array([given, "Fog."], pa.large_string())).to_pylist() == [left, "Fog."]


@settings(max_examples=40, deadline=None)
@given(
    bodies=st.lists(st.text(max_size=300), min_size=1, max_size=12, unique=True),
    seed=st.integers(0, 2**16),
    repeated=st.sampled_from(["", COOKIES, APPEAL, "文字が続く長い文章です。もう一つの文章です。", "Advertisement"]),
)
def test_own_words_survive_and_the_order_of_rows_does_not_matter(bodies: list[str], seed: int, repeated: str) -> None:
    rows = [Article(id=str(at), body=f"{repeated}\n\n{own(at, 1)}\n\n{body}") for at, body in enumerate(bodies)]
    shuffled = Random(seed).sample(rows, len(rows))
    one, other = (Catalog.from_table(to_table(some)).table for some in (rows, shuffled))
    first, second = Boilerplate.fit(one), Boilerplate.fit(other)
    assert first.digest == second.digest
    found = first.cleaned(one)
    assert found.equals(second.cleaned(other))
    for at, body in zip(found["id"].to_pylist(), found["body"].to_pylist(), strict=True):
        assert own(int(at), 1) in body


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=400), max_size=6))
def test_nothing_is_found_in_a_few_texts_and_what_is_left_is_part_of_them(bodies: list[str]) -> None:
    table = table_of([f"{at} {body}" for at, body in enumerate(bodies)])
    boilerplate = Boilerplate.fit(table, least=len(bodies) + 1)
    assert boilerplate.passages == ()
    for before, after in zip(table["body"].to_pylist(), boilerplate.cleaned(table)["body"].to_pylist(), strict=True):
        letters = iter("".join(before.split()))
        assert all(letter in letters for letter in "".join(after.split()))


def test_a_line_shows_a_sentence_of_the_story() -> None:
    table = table_of([f"By J. Roe\n\nLONDON (AP) - {COOKIES} {own(seed)}" for seed in range(6)])
    with Catalog.from_table(table).with_boilerplate(Boilerplate.fit(table)) as catalog:
        assert catalog.cleaned()["line"].equals(catalog.table["line"])
    assert [line.split()[0] for line in catalog.table["line"].to_pylist()] == [
        own(seed).split()[0] for seed in range(6)
    ]
    assert catalog.table["body"].equals(table["body"])


def test_a_saved_one_is_the_same(tmp_path: Path) -> None:
    table = table_of([f"{APPEAL}\n\n{own(seed)}" for seed in range(6)], source=["Courier"] * 5 + ["Herald"])
    boilerplate = Boilerplate.fit(table)
    boilerplate.save(tmp_path, "boilerplate")
    loaded = Boilerplate.load(tmp_path, "boilerplate")
    assert (loaded.entries, loaded.digest, loaded.enabled) == (boilerplate.entries, boilerplate.digest, True)
    assert loaded.cleaned(table).equals(boilerplate.cleaned(table))
    NOTHING.save(tmp_path, "nothing")
    assert not Boilerplate.load(tmp_path, "nothing").enabled


def test_a_column_is_copied_only_if_it_changes_and_then_is_one_chunk() -> None:
    """Later steps take rows of it, which would join the chunks of a whole archive first."""
    table = table_of([own(seed, 1) for seed in range(2_100)])
    changed = ONLY_BY_FORM.cleaned(table_of([own(0), *(f"By Ada Reed\n\n{own(seed, 1)}" for seed in range(2_100))]))
    assert (
        ONLY_BY_FORM.cleaned(table)["body"].chunk(0).buffers()[2].address == table["body"].chunk(0).buffers()[2].address
    )
    assert (changed["body"].num_chunks, len(changed["body"].chunk(0))) == (1, 2_101)
    assert changed["body"].to_pylist()[1:] == table["body"].to_pylist()


def test_without_stories_there_is_nothing() -> None:
    boilerplate = Boilerplate.fit(SCHEMA.empty_table())
    assert boilerplate.passages == ()
    assert len(boilerplate.cleaned(SCHEMA.empty_table())) == 0


def test_bodies_are_no_copies_for_what_they_have_in_common() -> None:
    """Short stories under a long footer repeat nothing; the same story under two footers does."""
    footers = [own(seed, 3) for seed in (900, 901)]
    short = [f"{sentence(Random(seed), 20)} {sentence(Random(99 + seed), 24)}" for seed in range(30)]
    bodies = [f"{text}\n\n{footers[0]}" for text in short] + [f"{text}\n\n{footers[1]}" for text in short[:12]]
    table = table_of(bodies)
    with Catalog.from_table(table).with_boilerplate(Boilerplate.fit(table)) as catalog:
        groups = catalog.text_group
    place = {int(article_id): row for row, article_id in enumerate(table["id"].to_pylist())}
    assert len(np.unique(groups)) == 30
    assert all(groups[place[at]] == groups[place[30 + at]] for at in range(12))
