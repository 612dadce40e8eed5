"""What processes of tests are forked with: imported once, where each would else import it by itself.

The command line is not among it: it looks at the streams of its own process.
"""

from __future__ import annotations

import importlib
import os
from contextlib import suppress

from numba.core.registry import cpu_target

for name in (
    "pandas",
    "psycopg",
    "recommender.evaluation",
    "recommender.preview",
    "recommender.jobs.purge",
    "sklearn.decomposition",
    "sqlalchemy.dialects.sqlite",
    "tests.faults.harness",
    "tests.support.interrupted",
    "typer.rich_utils",
):
    with suppress(ImportError):
        importlib.import_module(name)

os.fsync = os.fstat  # see conftest.py

# what numba reads before it loads the first compiled loop
cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
