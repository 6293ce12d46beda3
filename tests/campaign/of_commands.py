"""Malformed command lines: every option of every command with wrong values, names of runs, texts, files of labels and codes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .case import Case, every, text

WRONG_RUNS = (
    "nowhere",
    "runn",
    "data",
    "config.yaml",
    "",
    "run/config.yaml",
    "/dev/null",
    "x" * 300,
    "~/nope",
    "./runn",
    "run/",
    "user/nope",
    "a/b/c",
    "run[0]",
    "run\n",
)
READERS = {
    "assess": (),
    "sample": (),
    "reconstruct": ("a text",),
    "encode": ("a text",),
    "interpolate": ("a", "b"),
    "analogy": ("a", "b", "c"),
    "traverse": ("a text", "--unit", "0"),
    "neighbours": ("a text",),
    "diagnose": (),
    "compare": (),
    "snapshots": (),
    "explore": ("--no-browser", "--port", "0"),
    "push": ("me/model", "--dry-run"),
    "decode": ("codes.safetensors",),
}


def runs() -> Iterator[Case]:
    for command, more in READERS.items():
        for run in WRONG_RUNS:
            if run == "run/" or (command == "explore" and run == "run/"):
                continue
            named = run.strip() or "."
            yield Case(
                "runs",
                f"{command} {run[:20]!r}",
                (command, run, *more),
                (named[:60], named.removeprefix("./"), "/nope", "no such run", "codes.safetensors"),
                needs=("run",),
            )
        yield Case("runs", f"{command} without arguments", (command,), ("Missing argument", command))


NUMBERS = ("abc", "", "1.5x", "nan", "inf", "-inf", "-1", "0", "1e3", "99999999999999999999999999", "1000000000000")
OPTIONS = {
    "assess run": {
        "--samples": NUMBERS,
        "--texts": NUMBERS,
        "--split": ("nope", "", "Valid"),
        "--suite": ("nope", ""),
        "--labels": ("nope", "data", "config.yaml", "binary"),
        "--checkpoint": ("nope", "", "../run", "pareto/step-9"),
        "--select": ("nope", "best-", "best-nope"),
        "--control": ("nope", "data", "run"),
        "--components": (*NUMBERS[:7], "\u00b2", "9" * 30, "data/train.txt", "binary"),
        "--format": ("nope", ""),
    },
    "sample run": {"--count": NUMBERS, "--temperature": NUMBERS, "--seed": NUMBERS},
    "interpolate run a b": {"--steps": NUMBERS, "--path": ("nope", "")},
    "traverse run a": {"--unit": NUMBERS, "--unit 0 --values": ("", "a", "1,,2", "nan", "1e999", "1;2", "inf")},
    "neighbours run a": {"--count": NUMBERS, "--among": ("nope", "data", "config.yaml", "binary")},
    "compare run": {"--split": ("nope", "", "train"), "--out": ("config.yaml",)},
    "snapshots run": {"--out": ("x.nope", "x", "")},
    "explore run --no-browser": {
        "--port": ("abc", "-1", "65536", "1e3"),
        "--host": ("nope.invalid", "", "999.1.1.1"),
        "--labels": ("nope", "data", "config.yaml", "binary"),
    },
    "study study.yaml": {
        "--jobs": NUMBERS[:9],
        "--gpus-per-run": ("abc", "-1"),
        "--on": ("nope", ""),
        "--only": ("nope", ""),
    },
    "list": {"": ("nope", "term", "")},
    "push run": {
        "": ("", "a b", "a/b/c", "../x"),
        "me/model --dry-run --licence": ("", " ", "a\nb: c"),
        "--merge --to": ("new",),
        "me/model --to": ("config.yaml", "data"),
    },
    "world run": {
        "--out": ("config.yaml",),
        "--out w --texts": NUMBERS[:8],
        "--out w --seed": NUMBERS[:7],
        "--out w --workers": NUMBERS[:8],
    },
    "convert-reference": {
        "config.yaml": ("new",),
        "nope": ("new",),
        "data": ("new",),
        "binary": ("new",),
        "empty.pt": ("new",),
    },
}
FINE = {
    ("sample run --temperature", "0"),
    ("traverse run a --unit", "0"),
    ("assess run --texts", "1000000000000"),
    ("assess run --texts", "99999999999999999999999999"),
    ("sample run --temperature", "1e3"),
    ("sample run --seed", "1000000000000"),
    ("world run --out w --seed", "1e3"),
    ("sample run --seed", "0"),
    ("world run --out w --seed", "0"),
    ("explore run --no-browser --port", "0"),
}
"""Values that are right after all."""


def options() -> Iterator[Case]:
    binary = every(text(bytes(range(256)), "binary"), text(b"", "empty.pt"))
    for command, given in OPTIONS.items():
        for option, values in given.items():
            for value in values:
                spelled = (*command.split(), *option.split())
                if (" ".join(spelled), value) in FINE:
                    continue
                yield Case(
                    "options",
                    f"{' '.join(spelled)} {value[:20]!r}",
                    (*spelled, value),
                    (
                        spelled[-1].strip("-"),
                        value or "''",
                        "kind of",
                        "path",
                        "REPOSITORY",
                        "licence",
                        "config.json",
                        "data.world",
                        "language",
                    ),
                    needs=("run", "study"),
                    prepare=binary,
                )
    useless = {
        "--draws draws.safetensors --split valid": "--split",
        "--draws draws.safetensors --samples 4": "--samples",
        "--draws draws.safetensors --texts 4": "--texts",
        "--draws draws.safetensors --labels config.yaml": "config.yaml",
        "--draws draws.safetensors --control run": "--control",
        "--draws draws.safetensors --select best-rate": "--select",
        "run --draws draws.safetensors": "--draws",
        "": "--draws",
    }
    for given, named in useless.items():
        yield Case("options", f"assess {given}", ("assess", *given.split()), (named,), needs=("run", "draws"))
    for arguments, names in {
        ("nope",): "nope",
        ("--nope",): "--nope",
        ("train", "config.yaml", "--nope"): "--nope",
        ("trian", "config.yaml"): "train",
        ("compare", "run", "run", "--split", "valid"): "run",
        ("assess", "run", "--control", "run"): "control",
    }.items():
        yield Case("options", " ".join(arguments), arguments, (names,), needs=("run",))


def texts() -> Iterator[Case]:
    bad = {"bytes": os.fsdecode(b"caf\xe9"), "empty": "", "blank": "  ", "lone surrogate": "\udc80abc"}
    for command, arguments in {
        "encode": 1,
        "reconstruct": 1,
        "interpolate": 2,
        "analogy": 3,
        "traverse": 1,
        "neighbours": 1,
    }.items():
        more = ("--unit", "0") if command == "traverse" else ()
        for name, value in bad.items():
            given = ("a text",) * (arguments - 1) + (value,)
            yield Case(
                "texts", f"{command} {name}", (command, "run", *given, *more), ("text", "argument"), needs=("run",)
            )
    for name, value in {
        "nul escaped": "a\\0b",
        "bidi": "\u202eabc",
        "long": "word " * 20_000,
        "markup": "[/x][bold]",
        "ansi": "a\x1b[31m",
        "emoji": "\U0001f600" * 50,
        "newlines": "a\nb\nc",
        "html": "<script>",
    }.items():
        yield Case(
            "texts", f"reconstruct {name}", ("reconstruct", "run", value), ("text",), needs=("run",), refused=False
        )


def codes() -> Iterator[Case]:
    def save(**tensors):
        def prepare(folder: Path) -> None:
            import torch
            from safetensors.torch import save_file

            save_file({name: make(torch) for name, make in tensors.items()}, folder / "codes.safetensors")

        return prepare

    wrong = {
        "width": lambda t: t.zeros(3, 5),
        "one dimension": lambda t: t.zeros(2),
        "three dimensions": lambda t: t.zeros(1, 2, 2),
        "nan": lambda t: t.full((2, 2), t.nan),
        "inf": lambda t: t.full((2, 2), t.inf),
        "complex": lambda t: t.zeros(2, 2, dtype=t.complex64),
        "bool": lambda t: t.zeros(2, 2, dtype=t.bool),
        "integers": lambda t: t.zeros(2, 2, dtype=t.int64),
        "no rows": lambda t: t.zeros(0, 2),
        "huge": lambda t: t.full((2, 2), 1e38),
    }
    for name, make in wrong.items():
        yield Case(
            "codes",
            name,
            ("decode", "run", "codes.safetensors"),
            ("z", "codes"),
            needs=("run",),
            prepare=save(z=make),
            refused=name not in ("integers", "huge", "no rows"),
        )
    yield Case(
        "codes",
        "other names",
        ("decode", "run", "codes.safetensors"),
        ("codes",),
        needs=("run",),
        prepare=save(y=wrong["width"]),
    )
    for name, content in {"empty": b"", "text": b"abc", "huge header": b"\xff" * 64, "json": b"{}"}.items():
        yield Case(
            "codes",
            name,
            ("decode", "run", "codes.safetensors"),
            ("codes",),
            needs=("run",),
            prepare=text(content, "codes.safetensors"),
        )
    for option in ("--temperature", "--seed"):
        for value in NUMBERS:
            if value == "0":
                continue
            yield Case(
                "codes",
                f"{option} {value}",
                ("decode", "run", "codes.safetensors", option, value),
                (option.strip("-"),),
                needs=("run",),
                prepare=save(z=lambda t: t.zeros(2, 2)),
                refused=(option, value)
                not in (
                    ("--temperature", "1e3"),
                    ("--temperature", "1000000000000"),
                    ("--seed", "1000000000000"),
                    ("--temperature", "99999999999999999999999999"),
                ),
            )


def cases() -> list[Case]:
    return [case for part in (runs, options, texts, codes) for case in part()]
