"""Heavy packages are imported when they are used, and no sooner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import recommender
from recommender import Recommender, Settings
from recommender.jobs.precompute import precompute
from tests.support.checkerboard import checkerboard

MODELS = {"torch", "transformers", "sentence_transformers", "sklearn"}
HEAVY = {*MODELS, "faiss", "scipy", "numba", "pydantic", "pandas", "matplotlib", "numpy", "pyarrow"}
ARROW = {"numpy", "pyarrow"}


def imported(code: str, *arguments: object) -> set[str]:
    """Which heavy packages a fresh interpreter holds after some code."""
    code = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return HEAVY & set(done.stderr.split())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Published lists in two formats, and a snapshot for each embedder."""
    folder = tmp_path_factory.mktemp("made")
    for model in ("tfidf", "all-MiniLM-L6-v2"):
        settings = Settings.of({"embedding": {"model": model}, "selection": {"related_at": 0.2, "fill": ()}})
        Recommender(settings).fit(checkerboard()).save(folder / model)
    for format in ("jsonl", "parquet"):
        precompute(
            checkerboard(), folder / format, settings=Settings.of({"embedding": {"model": "tfidf"}}), format=format
        )
    return folder


def test_the_package_alone_is_light() -> None:
    assert imported("import recommender; dir(recommender); recommender.__version__") == set()
    assert imported("from recommender import ReadNext, Recommendation, Reason, RecommenderError") == set()


def test_statistics_wait_until_a_ranker_is_learned() -> None:
    code = "from recommender import Recommender; assert not any(name.startswith('scipy.stats') for name in sys.modules)"
    imported(code)


def test_every_name_is_listed_and_found() -> None:
    assert set(recommender.__all__) <= set(dir(recommender))
    for name in recommender.__all__:
        assert getattr(recommender, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        recommender.no_such_name  # noqa: B018


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_published_lists(format: str, made: Path) -> None:
    code = (
        "from recommender import PublishedLists; lists = PublishedLists.open(sys.argv[1])\n"
        "lists.withdraw('no-such-id', unknown_too=True); assert lists.get('t0-s0').items and lists.json('t0-s0')"
    )
    # pyarrow itself asks pandas, where it is installed, about the times of a row
    assert imported(code, made / format) <= (ARROW if format == "jsonl" else {*ARROW, "pandas"})


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_published_lists_on_the_command_line(flags: tuple[str, ...], made: Path) -> None:
    run = "app(['recommend', 't0-s0', '--lists', *sys.argv[1:]], standalone_mode=False)"
    code = f"from recommender.cli.app import app\n{run}"
    assert imported(code, made / "jsonl", *flags) <= {*ARROW, "pydantic"}  # which typer may use


def test_a_server_that_answers_a_page(made: Path) -> None:
    pytest.importorskip("starlette.testclient", reason="recommender[serve] is not installed")
    code = (
        "from starlette.testclient import TestClient; from recommender.serving.app import make_app\n"
        "from recommender.serving.config import Config\n"
        "with TestClient(make_app(Config(lists=sys.argv[1])), 'http://localhost') as client:\n"
        "    assert client.get('/v1/read-next/t0-s0').json()['items']"
    )
    assert imported(code, made / "jsonl") <= {*ARROW, "pydantic", "pandas"}


@pytest.mark.parametrize("model", ["tfidf", "all-MiniLM-L6-v2"])
def test_known_ids_of_a_snapshot(model: str, made: Path) -> None:
    code = (
        "from recommender import Recommender; rec = Recommender.load(sys.argv[1])\n"
        "assert rec.recommend('t0-s0').items and len(rec.recommend_many(['t0-s1', 't1-s0'], k=2)) == 2\n"
        "assert rec.relevance(['t0-s0'], ['t0-s1']) > 0 and rec.explain_rejected(['t0-s0'])"
    )
    assert not imported(code, made / model) & MODELS


def test_a_text_needs_nothing_but_what_embeds_it(made: Path) -> None:
    code = "from recommender import Recommender; rec = Recommender.load(sys.argv[1])\n"
    asks = "assert rec.recommend_for({'id': 'draft', 'title': 'harbour ferry captain'})"
    assert not imported(code + asks, made / "tfidf") & MODELS


def test_the_weights_are_not_read_for_known_ids(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.embedders.sentence.DEFAULT_MODEL_SHA256", "0" * 64)  # they would be refused
    assert Recommender.load(made / "all-MiniLM-L6-v2").recommend("t0-s0").items
