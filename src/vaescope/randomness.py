"""Random streams: every use of randomness has its own, named by its purpose.

A stream is a function of the seed of a run and of a purpose in words. Two purposes never share numbers, nor do two
seeds. No offset is chosen by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def seed_of(seed: int, *purpose: str | int) -> int:
    """Return the 63-bit seed of a stream, a function of the run's seed and of the purpose.

    Args:
        seed: the seed of the run, at least 0.
        purpose: what the numbers are for: words, and counters (step, batch) of at least 0.

    >>> seed_of(0, "prior z") == seed_of(0, "prior z")
    True
    >>> len({seed_of(0, "prior z"), seed_of(1, "prior z"), seed_of(0, "texts"), seed_of(0, "texts", 0)})
    4
    """
    entropy = [seed]
    for part in purpose:
        # the length and the kind go first, so that no two lists of parts give the same numbers
        numbers = [part] if isinstance(part, int) else [*part.encode()]
        entropy += [int(isinstance(part, int)), len(numbers), *numbers]
    return _seed_from(entropy)


def stream(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new torch generator for one purpose; see ``seed_of``.

    >>> import torch
    >>> a, b = (torch.rand(2, generator=stream(0, "prior z")) for _ in range(2))
    >>> bool((a == b).all())
    True
    """
    import torch

    return torch.Generator(device=device).manual_seed(seed_of(seed, *purpose))


def numpy_stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return a new numpy generator for one purpose; see ``seed_of``.

    >>> bool(numpy_stream(0, "folds").random() == numpy_stream(0, "folds").random())
    True
    """
    return np.random.default_rng(seed_of(seed, *purpose))


@contextmanager
def seeded(seed: int, *purpose: str | int, device: torch.device | None = None) -> Iterator[None]:
    """Seed the global torch generators for one purpose inside the block, and restore them afterwards.

    For code that takes no generator: distributions, and the decoding of texts.

    >>> import torch
    >>> before = torch.get_rng_state()
    >>> with seeded(0, "prior z"):
    ...     _ = torch.rand(2)
    >>> bool((torch.get_rng_state() == before).all())
    True
    """
    import torch

    places = {} if device is None or device.type == "cpu" else {"device_type": device.type}
    with torch.random.fork_rng([device] if places else [], **places):
        torch.manual_seed(seed_of(seed, *purpose))
        yield


def seed_everything(*counters: int) -> None:
    """Seed torch by counters (seed, step, micro-batch), so that the randomness of a micro-batch is a function of them.

    Resuming then needs no generator state, and processes that share a step draw what one process would.
    """
    import torch

    torch.manual_seed(_seed_from(list(counters)))


def _seed_from(numbers: list[int]) -> int:
    # the length goes first because a SeedSequence does not see trailing zeros
    sequence = np.random.SeedSequence([len(numbers), *numbers])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
