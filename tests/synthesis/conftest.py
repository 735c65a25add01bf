"""One head and one small studio for all tests; everything here is skipped where anny is missing."""

from __future__ import annotations

import importlib.util

import pytest
import torch

torch.set_num_threads(1)
HAS_ANNY = importlib.util.find_spec("anny") is not None


@pytest.fixture(scope="session")
def head():
    if not HAS_ANNY:
        pytest.skip("needs anny: pip install 'relgan[synthesis]'")
    from relgan.synthesis.head import load_head

    return load_head()


@pytest.fixture(scope="session")
def room(head):
    from relgan.synthesis.render import Studio

    return Studio(size=64)
