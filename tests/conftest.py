"""Every test draws numbers of its own, the same whatever ran before it in its process."""

from zlib import crc32

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def _own_numbers(request):
    seed = crc32(request.node.name.encode())
    torch.manual_seed(seed)
    rng = getattr(request.module, "RNG", None)
    if isinstance(rng, np.random.Generator):
        rng.bit_generator.state = np.random.default_rng(seed).bit_generator.state
