"""Malformed files: data of every kind, files of draws, damaged runs, studies."""

from __future__ import annotations

import itertools
import json
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from .case import Case, every, text

LINES = "".join(f"the red cat {i}\n" for i in range(40))
CSV = "text\n" + LINES
DATA: dict[str, tuple[str, str | bytes, bool]] = {
    # what is wrong: the file, its content, whether it must be refused
    "empty": ("t.txt", "", True),
    "one text": ("t.txt", "a\n", True),
    "blank": ("t.txt", " \n" * 50, True),
    "latin-1": ("t.txt", LINES.encode() + b"caf\xe9\n", True),
    "utf-16": ("t.txt", LINES.encode("utf-16"), True),
    "utf-16 without BOM": ("t.txt", LINES.encode("utf-16-le"), True),
    "NUL bytes": ("t.txt", LINES + "a\0b\n", True),
    "binary": ("t.txt", bytes(range(256)) * 9, True),
    "surrogate": ("t.txt", LINES + "\ud800\n", True),
    "BOM": ("t.txt", b"\xef\xbb\xbf" + LINES.encode(), False),
    "CRLF": ("t.txt", LINES.replace("\n", "\r\n"), False),
    "unknown ending": ("t.docx", LINES, True),
    "no ending": ("t", LINES, True),
    "gzip": ("t.txt", b"\x1f\x8b\x08" + b"\0" * 50, True),
    "long line": ("t.txt", LINES + "acgt" * 100_000 + "\n", False),
    "same text": ("t.txt", "a b c\n" * 50, False),
    "csv no header": ("t.csv", LINES, True),
    "csv empty": ("t.csv", "", True),
    "csv only header": ("t.csv", "text\n", True),
    "csv other column": ("t.csv", CSV.replace("text", "body", 1), True),
    "csv comma": ("t.csv", CSV + "a, b, lost\n", True),
    "csv quote": ("t.csv", CSV + '"never closed\n' + LINES, True),
    "csv quote inside": ("t.csv", CSV + 'a "b" c\n', False),
    "csv semicolon": ("t.csv", "id;text\n" + "1;a b\n" * 50, False),
    "csv twice": ("t.csv", "text,text\n" + "a,b\n" * 50, True),
    "csv NUL": ("t.csv", CSV + "a\0b\n", True),
    "csv huge field": ("t.csv", CSV + "x" * 200_000 + "\n", False),
    "csv short row": ("t.csv", "id,text\n" + "1,a\n" * 30 + "2\n", False),
    "csv latin-1": ("t.csv", CSV.encode() + b"\xe9\n", True),
    "tsv comma": ("t.tsv", "id,text\n1,a\n", True),
    "tsv": ("t.tsv", "id\ttext\n" + "1\ta b\n" * 40, False),
    "jsonl empty": ("t.jsonl", "", True),
    "jsonl half": ("t.jsonl", '{"text": "a"}\n' * 40 + '{"text": "b', True),
    "jsonl list": ("t.jsonl", "[1]\n", True),
    "jsonl number": ("t.jsonl", "5\n", True),
    "jsonl null": ("t.jsonl", "null\n", True),
    "jsonl other": ("t.jsonl", '{"body": "a"}\n' * 40, True),
    "jsonl number text": ("t.jsonl", '{"text": 5}\n' * 40, True),
    "jsonl nested": ("t.jsonl", '{"text": {"a": 1}}\n' * 40, True),
    "jsonl deep": ("t.jsonl", '{"text": ' + "[" * 5000 + "\n", True),
    "jsonl digits": ("t.jsonl", '{"text": ' + "1" * 5000 + "}\n", True),
    "jsonl surrogate": ("t.jsonl", '{"text": "\\ud800 a"}\n' * 40, True),
    "jsonl twice": ("t.jsonl", '{"text": "a", "text": "b"}\n' * 40, False),
    "json": ("t.json", '[{"text": "a"}]', True),
    "jsonl nan": ("t.jsonl", '{"text": NaN}\n' * 40, True),
    "parquet text": ("t.parquet", LINES, True),
    "parquet empty": ("t.parquet", b"", True),
    "parquet magic": ("t.parquet", b"PAR1" * 4, True),
}


def data() -> Iterator[Case]:
    for name, (file, content, refused) in DATA.items():
        settings = "{path: " + file + ", max_length: 24}"
        yield Case(
            "data",
            name,
            ("train", "config.yaml", "out=new", f"data={settings}"),
            (file, "t.txt", "data"),
            prepare=text(content, file),
            refused=refused,
        )
        folder = f"d/train{Path(file).suffix}"
        yield Case(
            "data",
            f"in a folder: {name}",
            ("train", "config.yaml", "out=new", "data={path: d, max_length: 24}"),
            ("d/", "d:", "d ("),
            prepare=text(content, folder),
            refused=refused,
        )
        yield Case(
            "data",
            f"among: {name}",
            ("neighbours", "run", "a text", "--among", file),
            (file,),
            needs=("run",),
            prepare=text(content, file),
            refused=refused and name not in ("one text",),
        )
    for name, value in {
        "nowhere": "nope",
        "folder without train": "run",
        "config": "config.yaml",
        "fractions": "data/train.txt, fractions: [0.9, 0.9]",
        "negative": "data/train.txt, fractions: [-0.1, 0.5]",
        "column": "data, column: ''",
        "short": "data, max_length: 3",
    }.items():
        yield Case(
            "data",
            f"path {name}",
            ("train", "config.yaml", "out=new", f"data={{path: {value}}}"),
            (value.split(",")[0], "fractions", "max_length"),
            needs=("run",),
            refused=name != "column",
        )
    for value in (
        "{known: nope}",
        "{known: template, options: {nope: 1}}",
        "{known: template, options: {words: -1}}",
        "{known: template, options: {words: x}}",
        "{known: template, sizes: [1, 1, 1]}",
        "{known: template, sizes: [0, 5, 5]}",
        "{known: template, sizes: [60, 1, 20]}",
        "{hub: nope/at/all}",
        "{hub: ./nope}",
        "{hub: user/nope}",
        "{hub: data}",
        "{hub: ''}",
        "{known: template, path: data}",
        "{world: nope}",
        "{world: data}",
    ):
        yield Case(
            "data",
            value,
            ("train", "config.yaml", "out=new", f"data={value}"),
            ("data", "corpus", "template", "nope", "words", "sizes"),
        )


SAME = {("shuffled", name) for name in ("log_p_x_z", "posterior_std", "z")}
"""Ways that leave consistent draws: log p(x|z) may be any, the deviations are nearly alike, there is one sample z."""


def draws() -> Iterator[Case]:
    names = ("posterior_mean", "posterior_std", "z", "log_p_x_z", "log_p_z", "log_q_z_x", "tokens", "words", "bytes")

    def change(name: str, how: Callable) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            import torch
            from safetensors.torch import load_file, save_file

            tensors = load_file(folder / "draws.safetensors")
            if name in tensors:
                changed = how(torch, tensors.pop(name).clone())
                tensors |= {} if changed is None else {name: changed.contiguous()}
            save_file(tensors, folder / "draws.safetensors")

        return prepare

    def first(value: float):
        def how(t, x):
            x.flatten()[0] = value
            return x

        return how

    ways = {
        "missing": lambda t, x: None,
        "empty": lambda t, x: x[:0],
        "one row less": lambda t, x: x[:-1],
        "flat": lambda t, x: x.flatten(),
        "one more dimension": lambda t, x: x[None],
        "scalar": lambda t, x: x.flatten()[0],
        "integers": lambda t, x: x.long(),
        "booleans": lambda t, x: x.bool(),
        "complex": lambda t, x: x.to(t.complex64),
        "half": lambda t, x: x.to(t.bfloat16),
        "float": lambda t, x: x.float(),
        "shuffled": lambda t, x: x.flip(0),
        "negative": lambda t, x: -x.abs() - 1,
    }
    counts = ("tokens", "words", "bytes")
    for name in names:
        for way, how in ways.items():
            fine = {
                "missing": counts[1:],
                "integers": counts,
                "shuffled": counts,
                "flat": counts,
                "negative": ("log_p_x_z", "posterior_mean"),
            }
            fine |= {"float": names[:6], "one row less": ("z",)}
            yield Case(
                "draws",
                f"{name} {way}",
                ("assess", "--draws", "draws.safetensors"),
                (f"'{name}'", name, "log_q_z_x", "posterior_std"),
                needs=("draws",),
                prepare=change(name, how),
                refused=name not in fine.get(way, ()) and (way, name) not in SAME,
            )
        if name not in counts:
            for value in (float("nan"), float("inf"), float("-inf"), 1e38):
                yield Case(
                    "draws",
                    f"{name} {value}",
                    ("assess", "--draws", "draws.safetensors"),
                    (f"'{name}'", "log_q_z_x", "log_p_z"),
                    needs=("draws",),
                    prepare=change(name, first(value)),
                )
    yield Case(
        "draws",
        "log_p_x_z positive",
        ("assess", "--draws", "draws.safetensors"),
        ("log_p_x_z",),
        needs=("draws",),
        prepare=change("log_p_x_z", first(500.0)),
    )

    def meta(**entries: object) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            from safetensors.torch import load_file, save_file

            file = folder / "draws.safetensors"
            given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in entries.items()}
            save_file(load_file(file), file, metadata=given)

        return prepare

    wrong = [
        {"entropy": -5},
        {"entropy": "x"},
        {"entropy": [1]},
        {"entropy": True},
        {"entropy": "NaN"},
        {"label_ceiling": 7},
        {"label_ceiling": -1},
        {"multipliers": 5},
        {"multipliers": {"rate": "x"}},
        {"multipliers": {"rate": []}},
        {"prior": "flow"},
        {"prior": "samples"},
        {"entropy": "[" * 5000},
        {"entropy": "9" * 5000},
    ]
    for entries in wrong:
        yield Case(
            "draws",
            f"metadata {str(entries)[:40]}",
            ("assess", "--draws", "draws.safetensors"),
            (next(iter(entries)),),
            needs=("draws",),
            prepare=meta(**entries),
        )
    for size in (0, 1, 7, 8, 9, 100, 500, 1000, 2000):
        yield Case(
            "draws",
            f"cut to {size} bytes",
            ("assess", "--draws", "draws.safetensors"),
            ("draws.safetensors",),
            needs=("draws",),
            prepare=lambda folder, size=size: cut(folder / "draws.safetensors", size),
        )
    for name, content in {
        "text": b"abc" * 99,
        "header of 2^63": b"\xff" * 200,
        "pickle": b"\x80\x04" + b"." * 90,
        "zip": b"PK\x03\x04" * 20,
    }.items():
        yield Case(
            "draws",
            name,
            ("assess", "--draws", "d.safetensors"),
            ("d.safetensors",),
            prepare=text(content, "d.safetensors"),
        )
    for suite in ("nope", "", "FAST"):
        yield Case(
            "draws",
            f"suite {suite!r}",
            ("assess", "--draws", "draws.safetensors", "--suite", suite),
            ("suite",),
            needs=("draws",),
        )


def cut(file: Path, size: int) -> None:
    content = file.read_bytes()[:size]
    file.unlink()
    file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "missing": lambda file: file.unlink(),
    "empty": lambda file: cut(file, 0),
    "half": lambda file: cut(file, file.stat().st_size // 2),
    "random": lambda file: (cut(file, 0), file.write_bytes(bytes(range(256)) * 4)),
    "null": lambda file: (cut(file, 0), file.write_text("null")),
    "list": lambda file: (cut(file, 0), file.write_text("[1]")),
    "number": lambda file: (cut(file, 0), file.write_text("5")),
    "object": lambda file: (cut(file, 0), file.write_text("{}")),
    "folder": lambda file: (file.unlink(), file.mkdir()),
}
FILES = (
    "config.yaml",
    "status.json",
    "environment.json",
    "metrics.jsonl",
    "pareto/front.json",
    "assessment.json",
    "assessment-test.json",
    "model/config.json",
    "model/model.safetensors",
    "model/tokenizer.json",
    "model/tokenizer_config.json",
    "tokenizer/tokenizer.json",
    "checkpoint/state.pt",
    "checkpoint/model.safetensors",
    "snapshots/step-0.safetensors",
    "model/README.md",
)
USES = {
    "train": ("train", "config.yaml", "out=run"),
    "assess": ("assess", "run", "--samples", "2"),
    "sample": ("sample", "run", "-n", "2"),
    "reconstruct": ("reconstruct", "run", "a cat"),
    "compare": ("compare", "run", "--split", "test"),
    "diagnose": ("diagnose", "run"),
    "snapshots": ("snapshots", "run"),
    "push": ("push", "run", "me/model", "--dry-run"),
}
LETS = {
    "model/config.json": ("sample", "reconstruct", "assess"),
    "model/model.safetensors": ("sample", "reconstruct", "assess"),
}
"""What must be refused, however a file is damaged."""


def damage() -> Iterator[Case]:
    for file in FILES:
        for way, change in DAMAGE.items():
            for use, command in USES.items():
                must = use in LETS.get(file, ()) and way != "missing"
                yield Case(
                    "damaged runs",
                    f"{use}: {file} {way}",
                    command,
                    (Path(file).name, "run"),
                    needs=("run",),
                    refused=must,
                    prepare=lambda folder, file=file, change=change: change(folder / "run" / file),
                )


def resume() -> Iterator[Case]:
    """A run that is not finished, and whose files are damaged."""
    for file in (*FILES[:5], *FILES[11:15]):
        for way, change in DAMAGE.items():

            def prepare(folder: Path, file=file, change=change) -> None:
                (folder / "run/status.json").unlink()
                shutil.rmtree(folder / "run/model")
                if (folder / "run" / file).exists():
                    change(folder / "run" / file)

            yield Case(
                "resumed runs",
                f"{file} {way}",
                USES["train"],
                (Path(file).name, "run"),
                needs=("run",),
                refused=False,
                prepare=prepare,
            )


def studies() -> Iterator[Case]:
    grid = "{objective: [vae]}"
    wrong = {
        "base": ("5", "null", "nope.yaml", "data", "[1]", "''", "{data: {known: nope}}", "{data: 5}", "{nope: 1}"),
        "grid": (
            "5",
            "null",
            "{}",
            "[]",
            "{objective: 5}",
            "{objective: []}",
            "{objective: {}}",
            "{nope: [1]}",
            "{training.nope: [1]}",
            "{objective: [vae, vae]}",
            "{objective: [[vae]]}",
            "{seed: [1]}",
            "{out: [a]}",
            "{1: [2]}",
            "{model: [5]}",
            "{'': [1]}",
            "{model.prior: [nope]}",
            "{model.injection: [nope]}",
            "{model.encoder.model_type: [nope]}",
            "{data.path: [nope]}",
            "{training.batch_size: [1000]}",
            "{model.encoder.hidden_size: [33]}",
            "{model.latent_size: [true]}",
            "{objective: [nope]}",
            "{training.steps: [0]}",
            "{model.encoder: [user/nope]}",
            "{tokenizer.path: [nope]}",
            "{model.init_from: [nope]}",
            "{objective: {" + "x" * 300 + ": vae}}",
            "{training.snapshots: [a]}",
            "{training.batch_size: [3], training.accumulate: [2]}",
            "{model.encoder.hidden_size: [100000]}",
            "{training.keep.most: {a: 1}}",
            "{assessment.thresholds.nope: [1, 2]}",
        ),
        "seeds": ("5", "null", "[]", "[-1]", "[1, 1]", "[x]", "[true]", "[1.5]", "{a: 1}", "[18446744073709551616]"),
        "control": ("5", "nope", "vae", "[]", "{}", "true"),
        "out": ("5", "null", "config.yaml", "config.yaml/x", "''"),
        "nope": ("5",),
        "stages": ("5", "[1]", "{a: 5}", "{a: {nope: 1}}", "{a: {grid: {objective: [vae]}}}", "{a: {after: b}}"),
    }
    for key, values in wrong.items():
        for value in values:
            content = {"base": "config.yaml", "grid": grid, "seeds": "[0]", "out": "new"} | {key: value}
            written = "".join(f"{name}: {given}\n" for name, given in content.items())
            more = () if key == "out" else ("--dry-run",)
            yield Case(
                "studies",
                f"{key}: {value[:60]}",
                ("study", "bad.yaml", *more),
                (key, "bad.yaml", "config.yaml", "''", value),
                prepare=text(written, "bad.yaml"),
                refused=(key, value) not in (("out", "''"), ("base", "''")),
            )


def limits() -> Iterator[Case]:
    """A full disk, as a limit on the size of files."""
    small = ((resource.RLIMIT_FSIZE, 4096),)
    for name, command in USES.items():
        yield Case(
            "full disk",
            name,
            command,
            ("no room", "larger", "disk", "File too large", "make room"),
            needs=("run",),
            refused=False,
            limits=small,
            prepare=(lambda folder: shutil.rmtree(folder / "run")) if name == "train" else None,
        )
    yield Case(
        "full disk",
        "study",
        ("study", "study.yaml", "grid={objective: [vae]}"),
        ("room", "failed", "disk"),
        needs=("study",),
        limits=small,
    )


def cases() -> list[Case]:
    # of the damaged runs every third: each use meets each file, and each damage meets each use
    parts = (data(), draws(), itertools.islice(damage(), 0, None, 3), resume(), studies(), limits())
    return [case for part in parts for case in part]


__all__ = ["cases", "every"]
