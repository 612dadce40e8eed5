"""Statistics of comparing two systems, on plain arrays: intervals, tests and what to call the outcome.

Stories of one group (an event, a series, a day) are not independent of each other, so whole groups are drawn and
flipped. A measure that does not apply to a story is NaN there, and that story is left out.
"""

from recommender.statistics.intervals import (
    BLOCK,
    NOISE,
    Estimate,
    bootstrap,
    counted_draws,
    expanded_interval,
    fold_of,
    group_draws,
    short,
    stratified_bootstrap,
)
from recommender.statistics.significance import (
    effect_size,
    holm,
    randomisation,
    required_stories,
    verdict,
    wins_ties_losses,
)

__all__ = [
    "BLOCK",
    "NOISE",
    "Estimate",
    "bootstrap",
    "counted_draws",
    "effect_size",
    "expanded_interval",
    "fold_of",
    "group_draws",
    "holm",
    "randomisation",
    "required_stories",
    "short",
    "stratified_bootstrap",
    "verdict",
    "wins_ties_losses",
]
