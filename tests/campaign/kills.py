"""Kills: SIGKILL of a training at random times and at file events, and the run folder afterwards."""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from .forks import Outcome, start, wait
from .ground import CONFIG

EVENTS = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.link", "os.symlink", "os.truncate")
SPEEDS = ("texts_per_second", "tokens_per_second", "seconds", "time")
NOT_COMPARED = ("environment.json", "tokenizer_config.json", "special_tokens_map.json")
"""What names times and paths of the machine."""


def variant(**sections: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    config["training"] |= {"steps": 12, "validate_every": 4, "save_every": 3, "log_every": 1, "snapshots": [0, 6, 12]}
    for name, changes in sections.items():
        config[name] = changes if isinstance(changes, str) else {**config[name], **changes}
    return config


VARIANTS = {
    "mdr with a front": variant(),
    "patience": variant(training={"patience": 2, "accumulate": 2}),
    "learned prior, word dropout": variant(
        model={"prior": {"mixture": {"components": 3}}, "word_dropout": 0.2}, objective="vae"
    ),
}


def watched(act: Callable[[str], None]) -> Callable[[], None]:
    """Return what calls ``act`` before each event that changes a file of the run folder."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if not isinstance(path, str | Path) or not (
                flags & (os.O_WRONLY | os.O_RDWR) if flags else "w" in str(mode)
            ):
                return
        elif event not in EVENTS:
            return
        paths = [str(argument) for argument in arguments if isinstance(argument, str | Path)]
        inside = [Path(path) for path in paths if "run" in Path(path).parts or Path(path).is_relative_to("run")]
        if inside:
            act(f"{event} {inside[0].parent.name}/{inside[0].name}")

    return lambda: sys.addaudithook(hook)


def record(file: Path) -> Callable[[], None]:
    """Return what notes every file event in ``file``."""

    def before() -> None:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        watched(lambda event: os.write(descriptor, f"{event}\n".encode()) and None)()

    return before


def kill_at(number: int) -> Callable[[], None]:
    """Return what kills the process before its n-th file event."""

    def before() -> None:
        left = [number]

        def act(event: str) -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        watched(act)()

    return before


def refuse_from(number: int, error: int) -> Callable[[], None]:
    """Return what lets the system refuse every new file from the n-th file event on, as a full disk does."""

    def before() -> None:
        left = [number]

        def act(event: str) -> None:
            left[0] -= 1
            if left[0] < 0 and event.startswith(("open ", "os.mkdir ", "os.rename ")):
                raise OSError(error, os.strerror(error), event.partition(" ")[2])

        watched(act)()

    return before


class Trial:
    """One configuration: its uninterrupted run, and runs that are killed."""

    def __init__(self, home: Path, config: dict[str, Any]) -> None:
        self.home, self.config = home, config
        reference = self._folder("reference")
        process = start(["train", "config.yaml", "out=run"], reference, before=record(reference / ".events"))
        began = time.monotonic()
        done = wait(process, reference)
        assert done.status == 0, done.err
        self.seconds = time.monotonic() - began
        self.events = (reference / ".events").read_text(encoding="utf-8").splitlines()
        self.expected = content(reference / "run")

    def _folder(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir(parents=True)
        shutil.copytree(Path(self.home.parent) / "data", folder / "data")
        (folder / "config.yaml").write_text(yaml.safe_dump(self.config), encoding="utf-8")
        return folder

    def killed(self, name: str, kills: list[Callable[[], None] | float]) -> list[str]:
        """Kill a run at events (functions) or after times (numbers), finish it, and return how it differs."""
        folder = self._folder(name)
        for kill in kills:
            process = start(["train", "config.yaml", "out=run"], folder, before=kill if callable(kill) else None)
            if not callable(kill):
                time.sleep(kill)
                os.kill(process, signal.SIGKILL)
            ended = wait(process, folder)
            if ended.status not in (0, -signal.SIGKILL):
                return [f"exit status {ended.status} before the kill: {ended.err[-300:]}"]
        return self._finished(folder)

    def _finished(self, folder: Path) -> list[str]:
        """Finish a run, and return how it differs from the uninterrupted one."""
        last: Outcome = wait(start(["train", "config.yaml", "out=run"], folder), folder)
        if last.status != 0:
            return [f"exit status {last.status}: {last.err[-300:]}"]
        found = content(folder / "run")
        different = [key for key in {**self.expected, **found} if self.expected.get(key) != found.get(key)]
        left = [str(p.relative_to(folder)) for p in folder.rglob(".*") if p.name.endswith((".new", ".old"))]
        shutil.rmtree(folder)
        return [f"differs: {key}" for key in different] + [f"left behind: {name}" for name in left]

    def refused(self, name: str, number: int, error: int) -> list[str]:
        """Refuse new files from an event on, see that this is one line, finish the run, and return how it differs."""
        folder = self._folder(name)
        ended = wait(start(["train", "config.yaml", "out=run"], folder, before=refuse_from(number, error)), folder)
        fix = "no permission" if error == errno.EACCES else "make room"
        if ended.status != 0 and (ended.status != 1 or len(ended.lines) != 1 or fix not in ended.err):
            return [f"exit status {ended.status} where files are refused: {ended.err[-300:]}"]
        return self._finished(folder)

    def kinds(self, count: int, seed: int) -> list[tuple[str, int]]:
        """Return kinds of file events, each with the number of its first."""
        first = {event: number for number, event in reversed(list(enumerate(self.events)))}
        return random.Random(seed).sample(sorted(first.items()), min(count, len(first)))

    def plan(self, count: int, seed: int) -> list[tuple[str, list[Callable[[], None] | float]]]:
        """Return kills: one at each kind of file event, then at random events and times, sometimes twice in a run."""
        chance = random.Random(seed)
        first = {event: number for number, event in reversed(list(enumerate(self.events)))}
        plans: list[tuple[str, list[Any]]] = [(event, [kill_at(number)]) for event, number in first.items()]
        chance.shuffle(plans)
        plans = plans[: count // 2]
        while len(plans) < count:
            number, moment = chance.randrange(len(self.events)), chance.uniform(0.05, self.seconds)
            if chance.random() < 0.5:
                plans.append((f"event {number}", [kill_at(number)]))
            else:
                plans.append((f"{moment:.2f} s, event {number}", [moment, kill_at(number // 2)]))
        return plans


def content(run: Path) -> dict[str, str]:
    """Return a hash of what each file of a run says: tensors by name and value, JSON without speeds."""
    found = {}
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        if not path.is_file() or path.name in NOT_COMPARED or path.name.startswith("."):
            continue
        found[name] = hashlib.sha256(repr(_said(path)).encode()).hexdigest()
    return found


def _said(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return sorted((name, _bytes(tensor)) for name, tensor in load_file(path).items())
    if path.suffix == ".pt":
        import torch

        return _plain(torch.load(path, weights_only=True))
    if path.suffix == ".jsonl":
        return [_plain(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.name in ("status.json", "front.json"):
        return _plain(json.loads(path.read_text(encoding="utf-8")))
    # cards, checksums and logs of trackers name times and places; that they are there is enough
    return path.suffix


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((str(key), _plain(inner)) for key, inner in value.items() if key not in SPEEDS)
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return _bytes(value) if hasattr(value, "numpy") else value


def _bytes(tensor: Any) -> tuple[str, tuple[int, ...], str]:
    return str(tensor.dtype), tuple(tensor.shape), hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
