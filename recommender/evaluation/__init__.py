"""Offline evaluation: systems on judged sets, with intervals, tests and a report."""

from recommender.articles.links import link_groups
from recommender.evaluation.data.judgments import Judgments, next_click, read_judgments
from recommender.evaluation.data.named import SETS, load_set
from recommender.evaluation.data.sets import EvaluationSet, own_set
from recommender.evaluation.evaluate import evaluate
from recommender.evaluation.measures.ab import ABResult, ab_test, design_effect, sample_size
from recommender.evaluation.measures.pooled import pooled
from recommender.evaluation.measures.relevance import Measure
from recommender.evaluation.measures.replay import Replay, replay
from recommender.evaluation.protocol import Fold, HeldOut
from recommender.evaluation.results import Comparison, Evaluation, SystemResult
from recommender.evaluation.systems.registry import make_system
from recommender.evaluation.systems.system import OwnSystem, PublishedSystem, System
from recommender.evaluation.training import by_group, by_time, chronological, cross_validated
from recommender.evaluation.tuning.tune import Tuned, tune, write_settings
from recommender.reading.clicks import ClickLog
from recommender.statistics import Estimate, required_stories

__all__ = [
    "SETS",
    "ABResult",
    "ClickLog",
    "Comparison",
    "Estimate",
    "Evaluation",
    "EvaluationSet",
    "Fold",
    "HeldOut",
    "Judgments",
    "Measure",
    "OwnSystem",
    "PublishedSystem",
    "Replay",
    "System",
    "SystemResult",
    "Tuned",
    "ab_test",
    "by_group",
    "by_time",
    "chronological",
    "cross_validated",
    "design_effect",
    "evaluate",
    "link_groups",
    "load_set",
    "make_system",
    "next_click",
    "own_set",
    "pooled",
    "read_judgments",
    "replay",
    "required_stories",
    "sample_size",
    "tune",
    "write_settings",
]
