from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from recommender.compute.parallel import torch_workers


@pytest.fixture(scope="module", autouse=True)
def several_threads() -> Iterator[None]:
    """Threads that may get in each other's way, however few the other tests are run with."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    torch_workers.cache_clear()
    yield
    torch.set_num_threads(before)
    torch_workers.cache_clear()
