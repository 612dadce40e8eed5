"""`recommender evaluate` and `ab` as a newcomer calls them, and the gate against an earlier report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner, Result

from recommender import Recommender, Settings
from recommender.cli.app import app
from recommender.errors import InputError, RecommenderError
from recommender.evaluation import evaluate, load_set
from recommender.evaluation.report.gate import regressions
from recommender.evaluation.report.write import write_report
from recommender.evaluation.results import Evaluation

RUN = CliRunner()
NEWSROOM = Path(__file__).parents[2] / "data" / "newsroom"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors of the sample newsroom, embedded once."""
    return tmp_path_factory.mktemp("cache") / "vectors.sqlite"


@pytest.fixture(scope="module")
def evaluation(cache: Path) -> Evaluation:
    return evaluate(["tfidf", "bm25", "recent"], load_set("sample"), cache=cache)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Somebody's archive as JSONL and pairs as CSV, from the events of the sample newsroom."""
    folder = tmp_path_factory.mktemp("own")
    events = [json.loads(line) for line in (NEWSROOM / "events.jsonl").read_text().splitlines()]
    named = [(row["id"], row["event"]) for row in events if row["event"]][:24]
    articles = folder / "stories.jsonl"
    wanted = {article_id for article_id, _ in named}
    lines = [
        line for line in (NEWSROOM / "articles.jsonl").read_text().splitlines() if json.loads(line)["id"] in wanted
    ]
    articles.write_text("\n".join(lines) + "\n", encoding="utf-8")
    pairs = folder / "pairs.csv"
    with pairs.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "grade"])
        for place, (a, event) in enumerate(named):
            writer.writerows([a, b, float(event == other)] for b, other in named[place + 1 :])
    return articles, pairs


def call(*arguments: object) -> Result:
    return RUN.invoke(app, [str(argument) for argument in arguments])


class TestEvaluate:
    def test_own_archive_and_pairs_in_one_command(self, own: tuple[Path, Path], cache: Path, tmp_path: Path) -> None:
        articles, pairs = own
        data = ("--articles", articles, "--pairs", pairs, "--cache", cache)
        found = call("evaluate", "default", "tfidf", "random", *data, "--to", tmp_path)
        assert found.exit_code == 0, found.output
        assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.md", "report.json"}
        (one,) = orjson.loads((tmp_path / "report.json").read_bytes())["sets"]
        assert one["name"] == "own"
        assert [system["system"] for system in one["systems"]] == ["default", "tfidf", "random"]
        auc = {system["system"]: system["figures"]["pairs"]["AUC"]["value"] for system in one["systems"]}
        assert auc["default"] > 0.9 > 0.7 > auc["random"]
        assert {system["system"]: system["training"] for system in one["systems"]} == {
            "default": "left out",
            "tfidf": "",
            "random": "",
        }
        assert "random is worse than default (left out) on own" in found.output

    def test_published_lists_and_settings_are_systems(
        self, own: tuple[Path, Path], cache: Path, tmp_path: Path
    ) -> None:
        articles, pairs = own
        lists = tmp_path / "lists"
        assert call("precompute", articles, "--lists", lists, "--cache", cache).exit_code == 0
        settings = tmp_path / "loose.toml"
        settings.write_text(
            '[selection]\nrepeat_hours = "none"\nsame_report_hours = "none"\ndrop_copies = false\n', encoding="utf-8"
        )
        found = call(
            "evaluate", "default", f"live={lists}", settings, "--articles", articles, "--pairs", pairs, "--to",
            tmp_path / "report", "--cache", cache,
        )  # fmt: skip
        assert found.exit_code == 0, found.output
        (one,) = orjson.loads((tmp_path / "report" / "report.json").read_bytes())["sets"]
        verdicts = {c["system"]: c["verdict"] for c in one["comparisons"] if c["part"] == "list"}
        assert verdicts["live"] == "identical"
        assert verdicts["loose"] in ("better", "not shown", "no loss")
        repeats = {system["system"]: system["quality"]["repeats"] for system in one["systems"]}
        assert repeats["default"] == repeats["live"] == 0 < repeats["loose"]

    def test_the_past_alone_can_be_asked_for(self, cache: Path, tmp_path: Path) -> None:
        asked = ("--on", "sample", "--protocol", "at_publication", "--cache", cache, "--to", tmp_path)
        found = call("evaluate", "tfidf", "recent", *asked, "--json")
        assert found.exit_code == 0, found.output
        report = orjson.loads((tmp_path / "report.json").read_bytes())
        assert orjson.loads(found.stdout) == report
        (one,) = report["sets"]
        assert one["protocol"] == "at_publication"
        assert one["counts"]["judgments of later items"] > 0
        assert all(system["safety"]["future"] == 0 for system in one["systems"])

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["nonsense", "--on", "sample"], "unknown system 'nonsense'; expected one of default, random"),
            (["tfidf", "--on", "nowhere"], "unknown set 'nowhere'; expected one of cbc, nos, cnrec"),
            (["tfidf", "--on", "cnrec"], "CNRec is at https://"),
            (["tfidf"], "nothing to evaluate on"),
            (["tfidf", "--articles", "x.jsonl"], "--articles needs --pairs or --clicks"),
            (["tfidf", "--on", "sample", "--measure", "DCG"], "unknown measure 'DCG'"),
            (["tfidf", "tfidf", "--on", "sample"], "each name once"),
        ],
    )
    def test_errors_say_what_to_do(self, arguments: list[str], said: str) -> None:
        found = call("evaluate", *arguments)
        assert isinstance(found.exception, RecommenderError)
        assert said in str(found.exception)

    def test_a_click_log_of_ones_own_is_replayed(self, own: tuple[Path, Path], cache: Path, tmp_path: Path) -> None:
        articles, _ = own
        rng = np.random.default_rng(0)
        ids = sorted({json.loads(line)["id"] for line in articles.read_text(encoding="utf-8").splitlines()})
        rec = Recommender(cache=cache).fit(articles)
        log = tmp_path / "clicks.jsonl"
        with log.open("w", encoding="utf-8") as file:
            for number in range(120):
                source, *shown = rng.permutation(ids)[:6].tolist()
                best = shown[int(np.argmax(rec.relevance([source] * 5, shown)))]
                row = {
                    "source": source,
                    "shown": [*shown, "an article that left the archive"],
                    "clicked": [best] if number % 8 else [],
                    "session": number,
                    "version": "ab"[number % 2],
                }
                file.write(json.dumps(row) + "\n")
        found = call("evaluate", "default", "random", "--articles", articles, "--clicks", log, "--cache", cache)
        assert found.exit_code == 0, found.output
        assert "random is worse than default (left out) on own: AUC of reordered lists" in found.output
        compared = call("ab", log, "a", "b")
        assert compared.exit_code == 0, compared.output
        assert "60 lists, 75.000% with a click" in compared.output  # every eighth list, all of version a, has none
        assert "60 lists, 100.000% with a click" in compared.output
        assert "p = 0.000: shown" in compared.output
        assert "lists a version to see +0.500%" in compared.output
        told = json.loads(call("ab", log, "a", "b", "--json").output)
        assert (told["lists"], told["click_through"]["a"]["value"]) == ({"a": 60, "b": 60}, 0.75)
        assert f"{told['needed']:,} lists a version" in compared.output

    def test_the_settings_of_a_folder_tell_how_a_log_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        rows = [f"a|b,{'a' * (n % 3 > 0)},{'ab'[n % 2]},{n},0{n % 9 + 1}/11/2025" for n in range(90)]
        Path("log.csv").write_text("\n".join(["shown,clicked,version,session,time", *rows]), encoding="utf-8")
        assert "day or month first" in str(call("ab", "log.csv", "a", "b").exception)
        assert call("ab", "log.csv", "a", "b", "--set", "reading.day_first=true").exit_code == 0
        Path("recommender.toml").write_text("[reading]\nday_first = true\n", encoding="utf-8")
        assert "45 lists" in call("ab", "log.csv", "a", "b").output


class TestTune:
    def test_settings_are_written_and_noise_is_called_noise(self, cache: Path, tmp_path: Path) -> None:
        start = tmp_path / "start.toml"
        start.write_text('[embedding]\nmodel = "tfidf"\n', encoding="utf-8")
        written = tmp_path / "tuned.toml"
        found = call("tune", "--on", "sample", "--settings", start, "--to", written, "--cache", cache)
        assert found.exit_code == 0, found.output
        assert "no gain shown" in found.output
        assert Settings.from_toml(written) == Settings.from_toml(start)
        assert "# nothing was changed" in written.read_text(encoding="utf-8")

    def test_own_judgments_are_split_before_tuning(self, own: tuple[Path, Path], cache: Path, tmp_path: Path) -> None:
        articles, pairs = own
        written, start = tmp_path / "tuned.toml", tmp_path / "start.toml"
        start.write_text('[ranking]\nranker = "none"\n', encoding="utf-8")
        data = ("--articles", articles, "--pairs", pairs, "--to", written, "--cache", cache)
        found = call("tune", *data, "--settings", start)
        assert found.exit_code == 0, found.output
        assert "lexical_weight 0.7: " in found.output
        refused = call("tune", *data, "--settings", start, "--setting", "ranking.half_life_days")
        assert isinstance(refused.exception, RecommenderError)
        assert "dated clicks" in str(refused.exception)

    @pytest.mark.parametrize("setting", [[], ["--setting", "ranking.lexical_weight"]])
    def test_pairs_tell_nothing_of_what_a_ranker_leaves_to_tune(
        self, setting: list[str], own: tuple[Path, Path], cache: Path, tmp_path: Path
    ) -> None:
        articles, pairs = own
        written = tmp_path / "tuned.toml"
        refused = call("tune", "--articles", articles, "--pairs", pairs, "--to", written, "--cache", cache, *setting)
        assert isinstance(refused.exception, RecommenderError)
        assert "while a ranker orders the candidates: learn one, or set ranking.ranker to 'none'" in str(
            refused.exception
        )
        assert not written.exists()


class TestGate:
    def test_nothing_is_worse_than_itself(self, evaluation: Evaluation, tmp_path: Path) -> None:
        write_report([evaluation], tmp_path, settings={})
        assert regressions([evaluation], tmp_path / "report.json") == []

    def test_a_fall_is_told_on_the_command_line(self, evaluation: Evaluation, cache: Path, tmp_path: Path) -> None:
        write_report([evaluation], tmp_path, settings={})
        good = tmp_path / "report.json"
        same = call("evaluate", "tfidf", "--on", "sample", "--cache", cache, "--fail-below", good)
        assert same.exit_code == 0, same.output
        assert "nothing is worse" in same.output
        fallen = call("evaluate", "tfidf=recent", "--on", "sample", "--cache", cache, "--fail-below", good)
        assert fallen.exit_code == 1
        assert "worse: tfidf on sample: nDCG@5 (list)" in fallen.output

    def test_safety_may_not_get_worse_even_once(self, evaluation: Evaluation, tmp_path: Path) -> None:
        write_report([evaluation], tmp_path, settings={})
        path = tmp_path / "report.json"
        document = orjson.loads(path.read_bytes())
        count = evaluation.systems[0].safety["same text"]
        assert count > 0  # plain TF-IDF shows copies
        document["sets"][0]["systems"][0]["safety"]["same text"] = count - 1
        path.write_bytes(orjson.dumps(document))
        assert regressions([evaluation], path) == [f"tfidf on sample: same text {count}, was {count - 1}"]

    def test_noise_does_not_close_the_gate(self, evaluation: Evaluation, tmp_path: Path) -> None:
        """One story of thirty a little worse lies within what stories differ."""
        write_report([evaluation], tmp_path, settings={})
        path = tmp_path / "report.json"
        document = orjson.loads(path.read_bytes())
        values = document["sets"][0]["systems"][0]["per_story"]["list"]["nDCG@5"]
        values[0] = (values[0] or 0) + 0.05
        path.write_bytes(orjson.dumps(document))
        assert regressions([evaluation], path) == []

    @pytest.mark.parametrize("content", ["", "{}", '{"format": 99, "sets": []}', '{"format": 1, "sets": []}'])
    def test_a_file_that_is_no_such_report(self, evaluation: Evaluation, tmp_path: Path, content: str) -> None:
        path = tmp_path / "report.json"
        path.write_text(content)
        with pytest.raises(InputError):
            regressions([evaluation], path)
