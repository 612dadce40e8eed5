"""Offline evaluation: systems on judged sets, with intervals, tests and a report."""

from recommender.evaluation.clicks import ClickLog, ab, co_click, next_click, replay, sample_size
from recommender.evaluation.evaluate import evaluate
from recommender.evaluation.judgments import Judgments, read_judgments
from recommender.evaluation.measures import Measure
from recommender.evaluation.results import Comparison, Estimate, Evaluation, SystemResult
from recommender.evaluation.sets import SETS, EvaluationSet, load_set, own_set
from recommender.evaluation.systems import OwnSystem, PublishedSystem, System, make_system

__all__ = [
    "SETS",
    "ClickLog",
    "Comparison",
    "Estimate",
    "Evaluation",
    "EvaluationSet",
    "Judgments",
    "Measure",
    "OwnSystem",
    "PublishedSystem",
    "System",
    "SystemResult",
    "ab",
    "co_click",
    "evaluate",
    "load_set",
    "make_system",
    "next_click",
    "own_set",
    "read_judgments",
    "replay",
    "sample_size",
]
