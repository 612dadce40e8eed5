"""The selection rules: one file each, and their order here; those of other packages come last."""

from functools import cache

from recommender.plugins import plugins
from recommender.selection.rules.blocked import BLOCKED
from recommender.selection.rules.cap import CAP
from recommender.selection.rules.copy import COPY
from recommender.selection.rules.headline import HEADLINE
from recommender.selection.rules.live import LIVE
from recommender.selection.rules.repeat import REPEAT
from recommender.selection.rules.rule import Rule
from recommender.selection.rules.same_report import SAME_REPORT
from recommender.selection.rules.sensitive import SENSITIVE
from recommender.selection.rules.series import SERIES
from recommender.selection.rules.shared_text import SHARED_TEXT
from recommender.selection.rules.timeless import TIMELESS
from recommender.selection.rules.unrelated import UNRELATED

RULES: list[Rule] = [
    BLOCKED,
    SENSITIVE,
    LIVE,
    UNRELATED,
    COPY,
    SHARED_TEXT,
    SERIES,
    HEADLINE,
    SAME_REPORT,
    REPEAT,
    CAP,
    TIMELESS,
]
"""In this order: the trace names the first rule that rejects a candidate."""


def every_rule() -> list[Rule]:
    """Return all rules in their order, those of other packages last."""
    return [*RULES, *_plugin_rules()]


@cache
def _plugin_rules() -> tuple[Rule, ...]:
    return tuple(plugins("rules").values())


__all__ = ["RULES", "Rule", "every_rule"]
