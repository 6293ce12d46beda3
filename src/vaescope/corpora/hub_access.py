"""Access to the Hugging Face hub without a long wait where there is no network."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from huggingface_hub import constants, get_session

PATIENCE = 3.0
"""Seconds in which the hub must answer a first question."""

REMEMBERED = 60.0
"""Seconds for which the answer holds."""

_asked: dict[str, tuple[float, bool]] = {}
"""When each address was last asked, and whether it answered."""


@contextmanager
def hub_access(name: str) -> Iterator[None]:
    """Let the libraries of the hub read ``name`` inside the block; without a network only from copies on this machine.

    Left alone, they try a name of the hub again and again, for up to a minute. What is on this machine under ``name``
    needs no network.
    """
    if constants.HF_HUB_OFFLINE or Path(name).exists() or _answers(constants.ENDPOINT):
        yield
        return
    copies: list[Any] = [constants, *filter(None, [sys.modules.get("datasets.config")])]
    before = [copy.HF_HUB_OFFLINE for copy in copies]
    for copy in copies:
        copy.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for copy, value in zip(copies, before, strict=True):
            copy.HF_HUB_OFFLINE = value


def _answers(address: str) -> bool:
    """Whether an address answers at all; the answer is remembered for a minute."""
    asked, answer = _asked.get(address, (-REMEMBERED, False))
    if time.monotonic() - asked > REMEMBERED:
        answered = Event()

        def ask() -> None:
            with suppress(Exception):  # an answer of any kind is one, and an error of any kind is none
                get_session().head(address, timeout=PATIENCE)
                answered.set()

        # the search for the address of a name has no time limit of its own
        Thread(target=ask, daemon=True).start()
        answer = answered.wait(PATIENCE)
        _asked[address] = time.monotonic(), answer
    return answer
