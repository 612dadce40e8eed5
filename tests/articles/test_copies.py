"""Copies: the same body under other words around it, and the same headline with another label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.articles import loops
from recommender.articles.article import Article, to_table
from recommender.articles.catalog import Catalog
from recommender.articles.copies import Marks, oldest_copies
from recommender.articles.headlines import Headlines
from tests.support.worlds import is_near_copy

DAY = datetime(2026, 5, 20, 8, tzinfo=UTC)
SYLLABLES = [a + b for a in ("ba", "do", "fi", "ku", "le", "mo") for b in ("ra", "si", "tu", "ne", "vo")]


def words(rng: Random, count: int) -> list[str]:
    return ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 3))) for _ in range(count)]


def body(rng: Random, paragraphs: int = 8) -> str:
    return "\n\n".join(" ".join(words(rng, 20)).capitalize() + "." for _ in range(paragraphs))


def leaders(*bodies: str) -> list[int]:
    texts = pa.array(bodies, pa.large_string())
    return oldest_copies(texts, Marks.from_texts(texts), np.arange(len(bodies))).tolist()


EDITS: dict[str, Callable[[str, Random], str]] = {
    "dateline": lambda text, rng: f"PORT ELLERY (Agency) - {text}",
    "byline": lambda text, rng: f"By A. Writer, staff reporter\n\n{text}",
    "standfirst": lambda text, rng: f"{' '.join(words(rng, 15))}.\n\n{text}",
    "newsletter": lambda text, rng: f"{text}\n\nSign up for our newsletter. Follow us.",
    "cut last paragraph": lambda text, rng: text.rsplit("\n\n", 1)[0],
    "capitals and signs": lambda text, rng: text.upper().replace("\n\n", " — "),
    "a word corrected": lambda text, rng: text.replace(text.split()[30], "corrected", 1),
}


@settings(max_examples=60)
@given(seed=st.integers(0, 2**20), edits=st.lists(st.sampled_from(sorted(EDITS)), max_size=3, unique=True))
def test_what_is_put_around_a_body_keeps_it_a_copy(seed: int, edits: list[str]) -> None:
    rng = Random(seed)
    first = body(rng, rng.randint(7, 60))
    copy = first
    for name in sorted(edits, key="cut last paragraph".__ne__):  # of the paragraphs that the body came with
        copy = EDITS[name](copy, rng)
    assert leaders(first, copy) == [0, 0]
    assert leaders(copy, first) == [0, 0]


@settings(max_examples=60)
@given(seed=st.integers(0, 2**20), quoted=st.integers(0, 3))
def test_stories_of_one_topic_are_no_copies(seed: int, quoted: int) -> None:
    rng = Random(seed)
    topic = words(rng, 30)
    stories = [[" ".join(rng.choices(topic, k=20)) for _ in range(6)] for _ in range(2)]
    for place in range(quoted):  # up to half of it in both
        stories[1][place] = stories[0][place]
    assert leaders(*map("\n\n".join, stories)) == [0, 1]


def variants(rng: Random) -> list[str]:
    """Bodies of which many are close to another: words changed, parts cut, put together or repeated."""
    found = [" ".join(words(rng, rng.choice([10, 45, 60, 120, 300]))) for _ in range(4)]
    while len(found) < 24:
        kept = rng.choice(found).split()
        match rng.randrange(5):
            case 0:
                for place in rng.sample(range(len(kept)), k=min(len(kept) // 2, rng.randrange(1, 9))):
                    kept[place] = rng.choice(SYLLABLES)
            case 1:
                kept = kept[: max(rng.randrange(len(kept)), 1)]
            case 2:
                kept = [*words(rng, rng.randrange(1, 80)), *kept]
            case 3:
                kept = [*kept, *rng.choice(found).split()]
            case 4:
                kept = [*kept, *kept[len(kept) // 2 :]]
        found.append(" ".join(kept))
    return found


@settings(max_examples=80, derandomize=True)
@given(seed=st.integers(0, 2**20))
def test_groups_are_those_of_whole_sets_of_shingles(seed: int) -> None:
    """Samples miss a pair at the limit once in thousands of pairs, as 575 has one: worlds are the same in every run."""
    rng = Random(seed)
    bodies = variants(rng)
    expected: list[int] = []
    for place, text in enumerate(bodies):
        own = (n for n in range(place) if expected[n] == n and is_near_copy(bodies[n], text))
        expected.append(next(own, place))
    assert leaders(*bodies) == expected


def test_the_oldest_is_compared_and_no_chain_joins_two_that_differ() -> None:
    rng = Random(4)
    parts = [body(rng, 1) for _ in range(12)]
    first, between, last = ("\n\n".join(parts[start : start + 8]) for start in (0, 1, 2))
    assert is_near_copy(first, between)
    assert is_near_copy(between, last)
    assert not is_near_copy(first, last)
    assert leaders(first, between, last) == [0, 0, 2]
    assert leaders(between, first, last) == [0, 0, 0]


@pytest.mark.parametrize(
    ("longer", "one"), [(60, True), (79, True), (81, False), (200, False)], ids=["+60", "+79", "+81", "+200"]
)
def test_a_text_quoted_whole_in_one_twice_as_long_is_no_copy(longer: int, one: bool) -> None:
    rng = Random(1)
    short = " ".join(words(rng, 80))
    assert (leaders(short, " ".join([short, *words(rng, longer)]))[1] == 0) is one


def test_short_bodies_are_copies_only_with_the_same_words() -> None:
    rng = Random(2)
    short = " ".join(words(rng, 38))
    assert leaders(short, f"Ferry {short}", f"{short.upper()}!") == [0, 1, 0]


def test_a_body_of_signs_alone_is_the_same_as_none_but_its_own() -> None:
    assert leaders("...", "***", "...", "") == [0, 1, 0, 3]


@pytest.mark.parametrize(
    "text",
    [
        "渡船は霧の中でガネット岬の岩に乗り上げた。乗客百八十人は救命艇で運ばれた。沿岸警備隊が日曜日に述べた。船長は取り調べに対し、"
        "レーダーが週に二度故障したと語った。",
        "Паром сел на мель у мыса Ганнет в тумане в воскресенье, сто восемьдесят пассажиров сняты лодками. Капитан "
        " сказал комиссии, что радар дважды отказывал за неделю до аварии, а хозяин судна обещал заменить "
        "радары на всех паромах к весне. Жители острова просят второй рейс: с того дня паром ходит лишь раз в день.",
        "เรือข้ามฟากเกยหินนอกแหลมแกนเน็ตในหมอกเมื่อวันอาทิตย์ ผู้โดยสารหนึ่งร้อยแปดสิบคนถูกนำออกโดยเรือชูชีพ กัปตันกล่าวว่าเรดาร์เสีย",
    ],
    ids=["ja", "ru", "th"],
)
def test_other_scripts(text: str) -> None:
    assert leaders(text, f"（通信社）{text}", text.upper(), text[: len(text) // 3]) == [0, 0, 0, 3]


def test_a_text_cut_inside_a_character_is_read() -> None:
    texts = pa.array([b"ferry \xe6\xb8", b"ferry \xe6", b"\xf0\x9f"], pa.large_binary()).cast(
        pa.large_string(), safe=False
    )
    assert Marks.from_texts(texts).words.tolist() == [1, 1, 0]


def test_many_that_share_a_footer_are_compared_without_it() -> None:
    rng = Random(5)
    footer = " ".join(words(rng, 30))
    stories = [f"{' '.join(words(rng, 50))} {footer}" for _ in range(loops.MOST_HOLDERS * 3)]
    assert leaders(*stories) == list(range(len(stories)))
    assert leaders(*stories, *(f"Agency {text}" for text in stories)) == 2 * list(range(len(stories)))


def test_copies_are_found_among_many_that_share_half_of_their_sentences() -> None:
    rng = Random(6)
    stock = [" ".join(words(rng, 20)) for _ in range(6)]  # each stands in more stories than are looked at for it
    count = loops.MOST_HOLDERS * 3
    stories = [
        ". ".join([*rng.sample(stock, 4), *(" ".join(words(rng, 20)) for _ in range(rng.choice((2, 4))))])
        for _ in range(count)
    ]
    assert leaders(*stories, *(f"{story}. {' '.join(words(rng, 5))}" for story in stories)) == [*range(count)] * 2


def test_the_number_of_texts_read_at_a_time_does_not_matter() -> None:
    bodies = pa.array(variants(Random(7)), pa.large_string())
    whole = Marks.from_texts(bodies)
    for one, other in zip(Marks.from_texts(bodies, block=5), whole, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(
        Marks.from_texts(bodies[:9], block=5).append(Marks.from_texts(bodies[9:], block=5)), whole, strict=True
    ):
        np.testing.assert_array_equal(one, other)


# -- headlines ----------------------------------------------------------------------------------

PLAIN = "When the ferry is led by nobody"


@pytest.mark.parametrize(
    "title",
    [
        f"OPINION: {PLAIN.title()}",
        f"Opinion | {PLAIN} - The Port Ellery Courier",
        f"Op-Ed Columnist: {PLAIN}",
        f"{PLAIN} | Comment",
        f"UPDATE 1-{PLAIN}",
        f"RPT-UPDATE 2-{PLAIN}",
        f"Video: {PLAIN}",
        f"LIVE: Video: {PLAIN} (photos)",
        f"BREAKING - {PLAIN}",
        f"[Watch] {PLAIN} | News | The Courier",
        f"Eilmeldung: {PLAIN}",
        "  When  the ferry is led by nobody – The Courier  ",
        f"{PLAIN}!",
    ],
)
def test_labels_and_sites_are_not_the_headline(title: str) -> None:
    found = Headlines.from_titles(pa.array([PLAIN, title], pa.large_string()))
    assert found.words.to_pylist() == [PLAIN.casefold()] * 2
    assert Headlines.from_titles(pa.array([PLAIN], pa.large_string())).is_same(title).all()
    assert Headlines.from_titles(pa.array([title], pa.large_string())).is_same(PLAIN).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PLAIN, f"Ferry: {PLAIN}"),  # a subject is no label
        (PLAIN, "Who leads when the ferry is led by nobody"),
        ("Live-in nurses ask for better pay", "In nurses ask for better pay"),
        ("Video-game firm to close in May", "Game firm to close in May"),
        ("Ferry disaster inquiry, part 1 - day 2", "Ferry disaster inquiry, part 1 - day 3"),
        ("Opinion: Oil prices", "Video: Oil prices"),  # too little to tell them from others
    ],
)
def test_headlines_that_differ(one: str, other: str) -> None:
    found = Headlines.from_titles(pa.array([one, other], pa.large_string()))
    assert found.keys[0] != found.keys[1]


def test_a_name_behind_three_headlines_is_a_site() -> None:
    titles = [f"Ferry number {name} aground off Gull Point" for name in ("one", "two", "six")]
    for count, bare in ((2, False), (3, True)):
        named = [f"{title} | The Courier" for title in titles[:count]]
        found = Headlines.from_titles(pa.array(named, pa.large_string())).words.to_pylist()
        assert [name.endswith("gull point") for name in found] == [bare] * count


# -- catalog ------------------------------------------------------------------------------------


def catalog(*stories: Article) -> Catalog:
    return Catalog.from_table(to_table(stories))


def groups(found: Catalog) -> list[set[str]]:
    ids = np.array(found.ids.to_pylist())
    return [set(ids[found.copy_group == number]) for number in np.unique(found.copy_group)]


def test_only_stories_without_a_body_are_told_by_their_headline() -> None:
    rng = Random(3)
    found = catalog(
        Article(id="a", title=PLAIN),
        Article(id="b", title=f"LIVE: {PLAIN}"),
        Article(id="c", title=PLAIN, lead="Nobody is at the helm"),
        Article(id="d", title=PLAIN, body=body(rng)),
        Article(id="e", title=f"Opinion: {PLAIN}", body=body(rng)),
    )
    assert groups(found) == [{"a", "b"}, {"c"}, {"d"}, {"e"}]


def test_an_older_version_of_a_story_joins_nothing() -> None:
    rng = Random(6)
    old, new = body(rng), body(rng)
    found = catalog(Article(id="a", title="A", body=old), Article(id="b", title="B", body=f"Agency - {old}"))
    assert groups(found) == [{"a", "b"}]
    later = found.append(to_table([Article(id="a", title="A", body=new)]), found.rows(["a"]))
    assert len(np.unique(later.copy_group)) == 3
    later = later.append(to_table([Article(id="c", title="C", body=old)]), np.array([], dtype=np.int64))
    (group,) = (ids for ids in groups(later) if len(ids) > 1)
    assert group == {"b", "c"}


def test_groups_do_not_depend_on_the_order_of_arrival() -> None:
    rng = Random(8)
    for _ in range(5):
        stories = [
            Article(id=f"{n:02d}", title="x", body=text, published_at=DAY + timedelta(hours=rng.randrange(30)))
            for n, text in enumerate(variants(rng))
        ]
        whole = groups(catalog(*stories))
        grown = catalog(*stories[:9])
        assert grown.copy_group is not None
        for start in range(9, len(stories), 4):
            grown = grown.append(to_table(stories[start : start + 4]), np.array([], dtype=np.int64))
            assert sum(map(len, groups(grown))) == len(grown)
        assert sorted(map(sorted, groups(grown))) == sorted(map(sorted, whole))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_groups_found_again_are_those_of_a_whole_search(seed: int) -> None:
    """New versions of stories and late ones, footers that crowd their shingles, and stories without a body."""
    rng = Random(seed)
    footer = " ".join(words(rng, rng.choice([30, 120])))
    stories = [
        Article(
            id=f"{rng.randrange(100):02d}-{n}",
            title=f"Ferry {n % 5} aground off Gull Point",
            body=f"{text} {footer if rng.random() < 0.6 else ''}".strip() if rng.random() < 0.9 else "",
            published_at=None if rng.random() < 0.02 else DAY + timedelta(hours=n + rng.choice([0, 0, -40])),
        )
        for n, text in enumerate(text for _ in range(8) for text in variants(rng))
    ]
    first = rng.randrange(150, len(stories))
    grown = catalog(*stories[:first])
    assert len(grown.text_group) == first
    for _ in range(4):
        more = stories[first : first + 4]
        for _ in range(rng.randrange(3)):
            story = rng.choice(stories[first - 30 : first])
            if story.id not in [other.id for other in more]:
                more = [*more, replace(story, body=rng.choice(stories).body)]
        first += 4
        grown = grown.append(to_table(more), grown.known_rows([story.id for story in more]))
        whole = Catalog(grown.table, grown.alive, grown.base)
        if rng.random() < 0.7:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("recommender.articles.catalog._LEAST_KNOWN", 0)
                assert np.array_equal(grown.text_group, whole.text_group)


def test_copies_of_a_draft() -> None:
    rng = Random(9)
    text, other = body(rng), body(rng)
    found = catalog(
        Article(id="a", title="A", body=text),
        Article(id="b", title="B", body=f"By a writer. {text}"),
        Article(id="c", title="C", body=other),
        Article(id="d", title=f"Video: {PLAIN}", lead="x"),
        Article(id="e", title="Ferry crews speak out", lead="x"),
    )

    def copies_of(**story: str) -> list[str]:
        draft = {"id": "draft", "canonical_id": None, "title": "T", "lead": "", "body": "", **story}
        return found.ids.take(pa.array(found.copies_of(draft))).to_pylist()

    assert copies_of(body=text.rsplit("\n\n", 1)[0]) == ["a", "b"]
    assert copies_of(body=f"Agency - {other}") == ["c"]
    assert copies_of(body=body(rng)) == []
    assert copies_of(title=f"LIVE: {PLAIN} - The Courier", lead="x") == ["d"]
    assert copies_of(title=PLAIN, lead="y") == []
    assert copies_of(title=PLAIN, body=text) == ["a", "b"]


@pytest.mark.parametrize("seed", [64, 72])
def test_a_refrain_is_a_copy_of_one_that_is_longer(seed: int) -> None:
    """Of so few different shingles the samples of both contain a single one."""
    rng, others = Random(seed), Random(1)
    refrain = [f"w{rng.randrange(10**6)}" for _ in range(rng.choice([8, 9, 10]))]
    short, long = " ".join((refrain * 8)[:44]), " ".join((refrain * 12)[: rng.choice([66, 80])])
    stories = [Article(id=f"{n}", title="x", body=" ".join(words(others, 60))) for n in range(40)]
    found = catalog(Article(id="a", title="A", body=long), *stories)
    draft = {"id": "draft", "canonical_id": None, "title": "T", "lead": "", "body": short}
    assert found.ids.take(pa.array(found.copies_of(draft))).to_pylist() == ["a"]
    assert leaders(long, short) == [0, 0]


def test_a_draft_has_the_copies_that_the_newest_story_of_the_archive_would_have() -> None:
    rng = Random(10)
    for _ in range(5):
        stories = [
            Article(id=f"{n:02d}", title="x", body=text, published_at=DAY + timedelta(hours=n))
            for n, text in enumerate(variants(rng))
        ]
        for n in range(9, len(stories)):
            found = catalog(*stories[:n])
            copies = found.ids.take(pa.array(found.copies_of(stories[n].row()))).to_pylist()
            grown = groups(catalog(*stories[: n + 1]))
            assert {*copies, f"{n:02d}"} == next(ids for ids in grown if f"{n:02d}" in ids)
