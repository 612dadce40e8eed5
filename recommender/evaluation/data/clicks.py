"""Judgments from click logs of related-article lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.errors import InputError, SettingsError
from recommender.evaluation.data.judgments import Judgments
from recommender.reading.clicks import ClickLog


def next_click(log: ClickLog) -> Judgments:
    """Make judgments from clicks: what readers of a story went on to.

    Grade 1 = clicked under the story at least once, 0 = shown under it and never clicked; votes = times shown.
    Only what the logged lists showed is judged, and a click depends on the place in the list as well as on the item
    (Joachims et al. 2005), so these grades favour the system that was logged.

    Raises
    ------
    InputError
        If no list tells its source.

    Examples
    --------
    >>> log = ClickLog.of([{"source": "a", "shown": ["b", "c"], "clicked": [clicked]} for clicked in "bb"])
    >>> next_click(log).table.select(["item", "grade", "votes"]).to_pylist()
    [{'item': 'b', 'grade': 1.0, 'votes': 2}, {'item': 'c', 'grade': 0.0, 'votes': 2}]
    """
    items = log.items.filter(pc.is_valid(log.items["source"]))
    if not len(items):
        raise InputError("no list of the log tells the story under which it stood; expected a column source or story")
    pairs = items.group_by(["source", "item"]).aggregate([("clicked", "max"), ("clicked", "count")])
    columns = (pairs[name].to_pylist() for name in ("source", "item", "clicked_max", "clicked_count"))
    return Judgments.of(
        ((source, item, float(hit), times) for source, item, hit, times in zip(*columns, strict=True)), relevant=1.0
    )


def co_click(
    read: ClickLog | Mapping[str, Sequence[str]] | Iterable[Sequence[str]],
    *,
    window: int = 1,
    least: int = 2,
    grade: Literal["readers", "ppmi"] = "readers",
) -> Judgments:
    """Make judgments from what the same readers read one after the other, in either order.

    Popular stories are next to everything, and readers click what they are shown, at the top first: these are weak
    labels. "ppmi" takes the popularity out of the grade, not out of the choice of pairs.

    Parameters
    ----------
    read : ClickLog, or ids in order of reading, one sequence a reader
        Of a log the `paths` of its sessions; a mapping stands for its values.
    window : int, default 1
        Two stories belong together at most so many places apart; a story twice in a row counts as once.
    least : int, default 2
        Pairs of fewer readers are left out.
    grade : {'readers', 'ppmi'}, default 'readers'
        'readers': the number of readers, relevant from `least`. 'ppmi': positive pointwise mutual information in bits
        (Church and Hanks 1990) over pairs of readers, relevant from 1, together twice as often as by chance.

    Raises
    ------
    InputError
        If no pair is left.
    SettingsError
        If a parameter is out of its range.

    Examples
    --------
    >>> judged = co_click([["a", "b", "c"], ["b", "a"], ["c", "a"]])
    >>> judged.table.to_pylist(), judged.symmetric
    ([{'story': 'a', 'item': 'b', 'grade': 2.0, 'votes': 2}], True)
    """
    if window < 1 or least < 1 or grade not in ("readers", "ppmi"):
        raise SettingsError(
            f"window {window}, least {least}, grade {grade!r}; expected 1 and more, and readers or ppmi"
        )
    paths = list(read.paths() if isinstance(read, ClickLog) else read.values() if isinstance(read, Mapping) else read)
    names = pa.array(chain.from_iterable(paths), pa.large_string()).dictionary_encode()
    codes = names.indices.to_numpy().astype(np.int64)
    reader = np.repeat(np.arange(len(paths)), np.array([len(path) for path in paths], dtype=np.int64))
    new = np.ones(len(codes), dtype=bool)
    new[1:] = (codes[1:] != codes[:-1]) | (reader[1:] != reader[:-1])
    codes, reader, width = codes[new], reader[new], len(names.dictionary)
    keys, readers = [], []
    for step in range(1, window + 1):
        one, other = codes[:-step], codes[step:]
        held = (reader[:-step] == reader[step:]) & (one != other)
        keys.append((np.minimum(one, other) * width + np.maximum(one, other))[held])
        readers.append(reader[step:][held])
    pairs, pair = np.unique(np.concatenate(keys), return_inverse=True)
    once = np.unique(pair * len(paths) + np.concatenate(readers))  # a reader counts once
    votes = np.bincount(once // max(len(paths), 1), minlength=len(pairs))
    low, high = np.divmod(pairs, max(width, 1))
    grades = votes.astype(np.float64)
    if grade == "ppmi":
        each = np.bincount(low, votes, width) + np.bincount(high, votes, width)
        grades = np.maximum(np.log2(votes * each.sum() / (each[low] * each[high])), 0)
    held = votes >= least
    if not held.any():
        raise InputError(
            f"no two stories were read by {least} readers at most {window} places apart; lower least or widen window"
        )
    told = names.dictionary.to_pylist()
    rows = zip(low[held].tolist(), high[held].tolist(), grades[held].tolist(), votes[held].tolist(), strict=True)
    return Judgments.of(
        ((*sorted((told[a], told[b])), value, count) for a, b, value, count in rows),
        relevant=1.0 if grade == "ppmi" else float(least),
        symmetric=True,
    )
