"""Malformed JSON: the files of a run and of a world with one value replaced, at every depth, and other damage to worlds."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .case import Case, every, text

GONE = object()
VALUES: tuple[Any, ...] = (GONE, None, "x", -1, [1], {"a": 1}, True, 1e308)
"""What a value is replaced by."""

FILES = {
    "assessment.json": (("compare", "run"), ("diagnose", "run"), ("push", "run", "me/model", "--dry-run")),
    "status.json": (("train", "config.yaml", "out=run"), ("compare", "run"), ("sample", "run", "-n", "1")),
    "pareto/front.json": (
        ("train", "config.yaml", "out=run"),
        ("assess", "run", "--select", "best-rate", "--samples", "2", "--suite", "fast"),
    ),
    "environment.json": (("compare", "run"), ("push", "run", "me/model", "--dry-run")),
    "data.json": (("train", "config.yaml", "out=run"), ("neighbours", "run", "a text")),
    "model/config.json": (("sample", "run", "-n", "1"),),
    "model/checksums.json": (("sample", "run", "-n", "1"),),
    "tokenizer/tokenizer.json": (("neighbours", "run", "a text"),),
    "model/tokenizer_config.json": (("encode", "run", "a text"),),
}
DEEP = "[" * 100_000
TRIED = 10
"""Replacements in the upper two levels of a file, and as many below them."""


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where the values of nested JSON are; of long lists the first two."""
    yield path
    inner = (
        content.items() if isinstance(content, dict) else enumerate(content[:2]) if isinstance(content, list) else ()
    )
    for key, value in inner:
        yield from places(value, (*path, key))


def replaced(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy with another value at a place, or without it."""
    if not path:
        return None if value is GONE else value
    content = copy.deepcopy(content)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    if value is GONE:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return content


def change(file: str, place: float, value: Any, *, deep: bool) -> Callable[[Path], None]:
    """Return what replaces one value of a file of the run; ``place`` from 0 to 1 says which."""

    def prepare(folder: Path) -> None:
        path = folder / "run" / file
        content = json.loads(path.read_text(encoding="utf-8"))
        found = [p for p in places(content) if (len(p) > 2) == deep] or [()]
        path.write_text(json.dumps(replaced(content, found[int(place * len(found))], value)), encoding="utf-8")
        if path.parent.name == "model" and path.name != "checksums.json":
            # the damage of a program that wrote the checksums anew
            (path.parent / "checksums.json").unlink()

    return prepare


def run_files() -> Iterator[Case]:
    chance = random.Random(0)
    for file, uses in FILES.items():
        for number in range(2 * TRIED):
            value = VALUES[number % len(VALUES)]
            shown = "gone" if value is GONE else json.dumps(value)
            use = uses[number // len(VALUES) % len(uses)]
            yield Case(
                "JSON",
                f"{use[0]}: {file} {number} {shown}",
                use,
                (Path(file).name, "run", "model", "tokenizer"),
                needs=("run",),
                prepare=change(file, chance.random(), value, deep=number % 2 == 1),
                refused=False,
            )
        for name, content in {"deep": DEEP, "NaN": "NaN", "two": "{}{}"}.items():
            yield Case(
                "JSON",
                f"{uses[0][0]}: {file} {name}",
                uses[0],
                (Path(file).name, "run", "model", "tokenizer"),
                needs=("run",),
                prepare=text(content, f"run/{file}"),
                refused=False,
            )


LINES = (
    '{"step": 1}',
    '{"step": 1, "kind": "validation"}',
    '{"step": 1, "kind": "train", "rate": "x"}',
    '{"step": 4, "kind": "validation", "rate": null, "objective": "x"}',
    '{"step": -5, "kind": "train"}',
    '{"step": true, "kind": "train"}',
    '{"step": 1, "kind": "train", "weights": 5, "multipliers": [1]}',
    '{"step": 1, "kind": "assessment", "rate": [1]}',
    DEEP,
)


def metrics() -> Iterator[Case]:
    def put(line: str, *, resumed: bool) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            file = folder / "run/metrics.jsonl"
            file.write_text(f"{line}\n{file.read_text(encoding='utf-8')}{line}\n", encoding="utf-8")
            if resumed:
                (folder / "run/status.json").unlink()
                shutil.rmtree(folder / "run/model")

        return prepare

    for line in LINES:
        for use in (("compare", "run"), ("train", "config.yaml", "out=run")):
            yield Case(
                "JSON",
                f"{use[0]}: metrics {line[:60]}",
                use,
                ("metrics.jsonl", "run"),
                needs=("run",),
                prepare=put(line, resumed=use[0] == "train"),
                refused=False,
            )


TRAIN = ("train", "config.yaml", "out=new", "data={world: w}", "tokenizer={}")
DRAW = ("world", "lm", "--out", "w", "--texts", "30", "--valid", "8", "--test", "8", "--max-length", "12")


def worlds() -> Iterator[Case]:
    contents = {"missing": None, "empty": "", "null": "null", "object": "{}", "deep": DEEP, "random": bytes(range(256))}
    for file in ("world.json", "train.jsonl", "train-00000.safetensors", "tokenizer/tokenizer.json", "settings.json"):
        for name, content in contents.items():
            remove = every(lambda folder, file=file: (folder / "w" / file).unlink())
            prepare = remove if content is None else text(content, f"w/{file}")
            if file != "settings.json":
                yield Case("worlds", f"{file} {name}", TRAIN, ("w/", "w:"), needs=("w",), prepare=prepare)
            yield Case("worlds", f"drawn again: {file} {name}", DRAW, ("w/", "w:"), ("w", "lm"), prepare, refused=False)

    def change_record(**entries: Any) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            file = folder / "w/world.json"
            file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | entries), encoding="utf-8")

        return prepare

    sizes = ({"train": -3, "valid": 8, "test": 8}, {"train": "x"}, [1], {"train": 30}, None, {"train": 10**9})
    wrong = [{"sizes": value} for value in sizes] + [{"entropy": value} for value in ("x", {}, {"value": -1, "se": 0})]
    for entries in wrong:
        yield Case("worlds", f"record {entries}", TRAIN, ("w/", "w:"), needs=("w",), prepare=change_record(**entries))

    def tensors(how: Callable[[Any, dict[str, Any]], Any]) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            import torch
            from safetensors.torch import load_file, save_file

            file = folder / "w/train-00000.safetensors"
            found = load_file(file)
            how(torch, found)
            os.unlink(file)
            save_file({name: tensor.contiguous() for name, tensor in found.items()}, file)

        return prepare

    ways = {
        "log_prob nan": lambda t, x: x["log_prob"].fill_(t.nan),
        "log_prob above 0": lambda t, x: x["log_prob"].fill_(5),
        "huge ids": lambda t, x: x["ids"].fill_(10**6),
        "negative ids": lambda t, x: x["ids"].fill_(-1),
        "counts of 0": lambda t, x: x["counts"].fill_(0),
        "other counts": lambda t, x: x["counts"].add_(1),
        "no ids": lambda t, x: x.pop("ids"),
        "surplus": lambda t, x: x.update(more=t.zeros(1)),
        "float ids": lambda t, x: x.update(ids=x["ids"].float()),
        "two dimensions": lambda t, x: x.update(ids=x["ids"][None]),
        "short": lambda t, x: x.update(log_prob=x["log_prob"][:3]),
    }
    for name, how in ways.items():
        yield Case("worlds", f"tensors {name}", TRAIN, ("w/", "w:", "w "), needs=("w",), prepare=tensors(how))
    options: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
        "another seed": ((*DRAW, "--seed", "5"), ("seed",)),
        "another length": ((*DRAW[:-1], "11"), ("max_length",)),
        "out is a run": (("world", "lm", "--out", "run"), ("run",)),
        "out is its source": (("world", "lm", "--out", "lm"), ("lm",)),
        "out below a file": (("world", "lm", "--out", "config.yaml/x"), ("config.yaml",)),
        "length of 3": ((*DRAW[:-1], "3"), ("--max-length",)),
        "length of 10^9": ((*DRAW[:-1], "1000000000"), ("max_length",)),
        "of a VAE": (("world", "run", "--out", "new"), ("run",)),
        "of data": (("world", "data", "--out", "new"), ("data",)),
        "a tokenizer too": ((*TRAIN[:-1], "tokenizer={path: w/tokenizer}"), ("tokenizer.path",)),
        "shorter texts": ((*TRAIN[:3], "data={world: w, max_length: 5}", "tokenizer={}"), ("max_length",)),
    }
    for name, (arguments, names) in options.items():
        yield Case("worlds", name, arguments, names, needs=("w", "lm", "run"))


def refits() -> Iterator[Case]:
    outs = {
        "run": "run",
        "config.yaml": "config.yaml",
        "config.yaml/x": "config.yaml",
        "x" * 300: "xxx",
        "": ".",
        ".": ".",
    }
    for out, named in outs.items():
        yield Case("refit", f"out {out[:20]!r}", ("refit", "run", "--out", out), (named,), needs=("run",))
    options: dict[str, tuple[str, ...]] = {
        "--family nope": ("family",),
        "--family=": ("family",),
        "--components 1": ("--components",),
        "--components x": ("--components",),
        "--texts 1": ("--texts",),
        "--decoder --out run": ("run",),
        "--decoder --family mixture": ("--family",),
        "--decoder --texts 5": ("--texts",),
        "--decoder --components 9": ("--components",),
    }
    for written, names in options.items():
        yield Case("refit", written, ("refit", "run", *written.split()), names, needs=("run",))
    for more in ((), ("--decoder",)):
        yield Case("refit", f"a language model {more}", ("refit", "lm", *more), ("lm",), needs=("lm",))
        yield Case("refit", f"nowhere {more}", ("refit", "runn", *more), ("runn",), needs=("run",))
    for name in ("data", "run/model", "run/tokenizer"):
        yield Case(
            "refit",
            f"without {name}",
            ("refit", "run"),
            ("data", "run"),
            needs=("run",),
            prepare=every(lambda folder, name=name: shutil.rmtree(folder / name)),
            refused=name != "data",  # the run knows where its data were
        )


def starts() -> Iterator[Case]:
    table = text("text,id\n" + "a b,1\n" * 50, "t.csv")
    wrong: dict[str, tuple[tuple[str, ...], str]] = {
        "nowhere": (("nope",), "nope"),
        "a run": (("run",), "run"),
        "exists": (("data", "--out", "config.yaml"), "config.yaml"),
        "out is a folder": (("data", "--out", "data"), "data"),
        "out without a folder": (("data", "--out", "a/b/c.yaml"), "a/b"),
        "out below a file": (("data", "--out", "config.yaml/x"), "config.yaml"),
        "out is too long": (("data", "--out", "x" * 300), "xxx"),
        "out is empty": (("data", "--out", ""), "."),
        "out is a device": (("data", "--out", "/dev/null"), "/dev/null"),
        "column": (("t.csv", "--column", "nope"), "nope"),
        "no column": (("t.csv", "--column", ""), "column"),
        "an address": (("https://example.org/x.txt",), "example.org"),
        "a name on the hub": (("user/name",), "user/name"),
        "a device": (("/dev/null",), "/dev/null"),
    }
    for name, (more, named) in wrong.items():
        yield Case("init", name, ("init", "--data", *more), (named,), needs=("run",), prepare=table)


def devices() -> Iterator[Case]:
    """What is no file: a pipe that nobody writes to, and a device without an end."""
    uses: dict[str, tuple[str, ...]] = {
        "t.txt": ("train", "config.yaml", "out=new", "data={path: t.txt, max_length: 24}"),
        "t.csv": ("train", "config.yaml", "out=new", "data={path: t.csv, max_length: 24}"),
        "t.yaml": ("train", "t.yaml"),
        "s.yaml": ("study", "s.yaml"),
        "labels": ("assess", "run", "--labels", "labels"),
        "components": ("assess", "run", "--components", "components"),
        "d.safetensors": ("assess", "--draws", "d.safetensors"),
        "codes": ("decode", "run", "codes"),
        "out": ("encode", "run", "a text", "--out", "out"),
        "run/status.json": ("train", "config.yaml", "out=run"),
        "run/assessment.json": ("diagnose", "run"),
    }
    for name, use in uses.items():

        def pipe(folder: Path, name: str = name) -> None:
            (folder / name).unlink(missing_ok=True)
            os.mkfifo(folder / name)

        def device(folder: Path, name: str = name) -> None:
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to("/dev/zero")

        for kind, prepare in {"pipe": pipe, "device": device}.items():
            yield Case("devices", f"{name} {kind}", use, (name,), needs=("run",), prepare=prepare)


def cases() -> list[Case]:
    return [case for part in (run_files, metrics, worlds, refits, starts, devices) for case in part()]
