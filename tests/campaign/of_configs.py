"""Malformed configurations: keys with wrong values, networks, objectives, YAML of every kind, folders to write to."""

from __future__ import annotations

import itertools
import os
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from vaescope import choices
from vaescope.config import RunConfig

from .case import Case, every, text

WRONG = {
    "true": {bool},
    "'5'": {str, Path},
    "abc": {str, Path},
    "[]": {list, dict},
    "[1, x]": set(),
    "{a: 1}": {dict},
    "null": {type(None)},
    "1.5": {float},
    "-1": {int, float},
    ".nan": set(),
    "-.inf": set(),
    "1e30": {int, float},
    "0": {int, float},
    '"\\0"': {str},
    '""': {str, Path},
}
"""Values, with the types of keys that they could fit."""


def leaves(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in section.model_fields.items():
        inner = next((a for a in (field.annotation, *get_args(field.annotation)) if hasattr(a, "model_fields")), None)
        if inner is None:
            yield prefix + name, field.annotation
        else:
            yield from leaves(inner, f"{prefix}{name}.")


def kinds(annotation: Any) -> set[Any]:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return set().union(*map(kinds, get_args(annotation)))
    if origin is Annotated:
        return kinds(get_args(annotation)[0])
    if origin is Literal:
        return set()
    return {list if origin is tuple else origin or annotation}


def values() -> Iterator[Case]:
    for key, annotation in leaves(RunConfig):
        source = ("data={known: template}",) if key.startswith("data.") and key != "data.max_length" else ()
        allowed = kinds(annotation)
        for value, fitting in WRONG.items():
            last = key.split(".")[-1]
            yield Case(
                "config values",
                f"{key}={value}",
                ("train", "config.yaml", "out=new", *source, f"{key}={value}"),
                (last, key),
                refused=not fitting & allowed,
            )


def networks() -> Iterator[Case]:
    sizes = {
        "roberta": ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size"),
        "bert": ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size"),
        "gpt2": ("n_embd", "n_head", "n_layer", "n_inner"),
        "llama": ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size"),
    }
    for model_type, names in sizes.items():
        base = dict(zip(names, (16, 2, 1, 32), strict=True))
        bad = {names[0]: ("abc", 33, 0, -32, 1.5, "1e9", "null", "[16]"), names[1]: (7, 0, -2, "x", "1e9")}
        bad |= {names[2]: (0, -1, "x", "1e7"), names[3]: (0, -1, "x", "1e12")}
        other = {"hidden_act": ("nope", 5), "hidden_dropout_prob": (5, -1, "x"), "layer_norm_eps": ("x", -1)}
        other |= {"vocab_size": (5, "x"), "max_position_embeddings": (3, "x"), "pad_token_id": (10**9, "x")}
        if model_type == "gpt2":
            other = {"activation_function": ("nope", 5), "resid_pdrop": (5, -1, "x"), "n_positions": (3,)}
        if model_type == "llama":
            other = {"hidden_act": ("nope",), "num_key_value_heads": (3, 0, -1), "attention_dropout": (5, "x")}
        for name, given in (bad | other).items():
            for value in given:
                settings = {"model_type": model_type, **base, name: value}
                written = "{" + ", ".join(f"{k}: {v}" for k, v in settings.items()) + "}"
                yield Case(
                    "networks",
                    f"{model_type}.{name}={value}",
                    ("train", "config.yaml", "out=new", f"model.encoder={written}"),
                    (name, model_type, "encoder", "memory"),
                )
    for written in (
        "{}",
        "{model_type: nope}",
        "{model_type: 5}",
        "{model_type: vit}",
        "{hidden_size: 16}",
        "{model_type: roberta, is_decoder: x}",
        "nowhere/at/all",
        "./nowhere",
        "config.yaml",
        "data",
        "~/no",
    ):
        for side in ("encoder", "decoder"):
            yield Case(
                "networks",
                f"{side}={written}",
                ("train", "config.yaml", "out=new", f"model.{side}={written}"),
                (f"model.{side}", "vit"),
            )


def choices_of_the_model() -> Iterator[Case]:
    injections = (
        "nope",
        "memory+memory",
        "none+memory",
        "{memory: 5}",
        "{memory: {slots: 0}}",
        "{memory: {slots: x}}",
        "{memory: {nope: 1}}",
        "{nope: {}}",
        "{}",
        "prefix+",
        "+",
        "{prefix: {length: -1}}",
        "{1: 2}",
    )
    priors = (
        "nope",
        "{mixture: 5}",
        "{mixture: {components: 0}}",
        "{mixture: {components: x}}",
        "{mixture: {nope: 1}}",
        "{standard: {a: 1}}",
        "{vamp: {components: -1}}",
        "{flow: {layers: 0}}",
        "{}",
        "{mixture: {}, vamp: {}}",
        "{mixture: {components: 1e12}}",
        "{mixture: {components: true}}",
        "standard+mixture",
        "{1: 2}",
    )
    loras = (
        "{}",
        "{rank: 0}",
        "{rank: x}",
        "{nope: 1}",
        "{rank: 8, alpha: -1}",
        "{rank: 8, dropout: 5}",
        "{rank: true}",
    )
    for key, given in {"injection": injections, "prior": priors, "lora": loras}.items():
        for value in given:
            yield Case(
                "model",
                f"{key}={value}",
                ("train", "config.yaml", "out=new", f"model.{key}={value}"),
                (key, value, "rank", "alpha", "dropout", "peft", "mixture", "memory", "out of memory"),
                refused=value not in ("{}",),
            )
    for value in ("nowhere", "config.yaml", "data", "user/nope", "a/b/c"):
        yield Case(
            "model",
            f"init_from={value}",
            ("train", "config.yaml", "out=new", f"model.init_from={value}"),
            ("init_from",),
        )
        yield Case(
            "model",
            f"tokenizer={value}",
            ("train", "config.yaml", "out=new", f"tokenizer.path={value}"),
            ("tokenizer", value),
        )
    yield Case(
        "model", "init_parts", ("train", "config.yaml", "out=new", "model.init_parts=[decoder]"), ("init_parts",)
    )


FINE = ("{preset: infovae, alpha: -1}", "{preset: geco, saved: -1}", "{preset: lagvae, elbo: -1}")
"""Values that are right after all."""


def objectives() -> Iterator[Case]:
    whole = (
        "5",
        "[]",
        "{}",
        "{preset: 5}",
        "{preset: null}",
        "{preset: nope}",
        "{preset: [vae]}",
        "nope",
        "[vae]",
        "{terms: 5}",
        "{terms: []}",
        "{terms: {}}",
        "{terms: {nope: 1}}",
        "{terms: {rate: x}}",
        "{terms: {rate: -1}}",
        "{terms: {rate: true}}",
        "{terms: {rate: .nan}}",
        "{terms: {rate: [1]}}",
        "{terms: {rate: null}}",
        "{terms: {rate: {weight: {schedule: nope}}}}",
        "{terms: {rate: {weight: {schedule: linear, steps: 0}}}}",
        "{terms: {rate: {weight: {schedule: linear, steps: x}}}}",
        "{terms: {rate: {weight: {steps: 5}}}}",
        "{terms: {rate: {nope: 1}}}",
        "{terms: {distortion: 1}, constraints: 5}",
        "{terms: {distortion: 1}, constraints: {rate: 5}}",
        "{terms: {distortion: 1}, constraints: [5]}",
        "{terms: {distortion: 1}, constraints: [rate]}",
        "{terms: {distortion: 1}, constraints: [{}]}",
        "{terms: {distortion: 1}, constraints: [{term: rate}]}",
        "{terms: {distortion: 1}, constraints: [{term: rate, relation: '>', bound: 1}]}",
        "{terms: {distortion: 1}, constraints: [{term: 5, relation: '>=', bound: 1}]}",
        "{terms: {distortion: 1}, constraints: [{term: rate, relation: '>=', bound: x}]}",
        "{terms: {distortion: 1}, constraints: [{term: rate, relation: '>=', bound: -1}]}",
        "{terms: {distortion: 1}, constraints: [{term: rate, relation: '<=', bound: -1}]}",
        "{terms: {distortion: 1}, constraints: [{term: rate, relation: '>=', bound: 1, nope: 1}]}",
        "{terms: {distortion: 1}, constraints: [{term: rate, relation: '>=', bound: 1, method: nope}]}",
        "{terms: {distortion: 1}, constraints: [{term: rate, relation: '>=', bound: 1, step_size: -1}]}",
        "{terms: {distortion: 1}, encoder_steps: 5}",
        "{terms: {distortion: 1}, encoder_steps: {nope: 1}}",
        "{terms: {distortion: 1, mutual_information: 0}, encoder_steps: {most: -1}}",
        "{terms: {distortion: 1, mutual_information: 0}, encoder_steps: {most: x}}",
        "{terms: {distortion: 1}, nope: 1}",
        "{preset: vae, nope: 1}",
        "{1: 2}",
        "{preset: vae, terms: {}}",
        "language_model+vae",
        "''",
        "null",
    )
    for value in whole:
        yield Case(
            "objectives",
            value,
            ("train", "config.yaml", "out=new", f"objective={value}"),
            ("objective", "term", "constraint", "weight", "preset", "encoder_steps", "relation", "rate"),
        )
    for preset in choices.names("objectives"):
        for option, value in itertools.product(
            choices.options_of("objectives", preset), ("x", "true", "-1", ".nan", "[1]", "null", "{a: 1}")
        ):
            written = f"{{preset: {preset}, {option}: {value}}}"
            yield Case(
                "objectives",
                written,
                ("train", "config.yaml", "out=new", f"objective={written}"),
                (option, preset, "weight", "constraint", "rate", "bound"),
                refused=value != "null" and written not in FINE,
            )
    for criteria in ("{rate: near -5}", "{rate: best}", "{nope: max}", "{rate: 5}", "{}", "{rate: near x}", "{1: max}"):
        yield Case(
            "objectives",
            f"keep {criteria}",
            ("train", "config.yaml", "out=new", f"training.keep={{criteria: {criteria}}}"),
            ("criteri", "keep"),
            refused=criteria not in ("{nope: max}", "{}", "{1: max}"),
        )


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "\n".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]" for i in range(12)
)
YAML: dict[str, str | bytes] = {
    "empty": "",
    "null": "null",
    "number": "5",
    "string": "abc",
    "list": "[1]",
    "date": "2020-13-45",
    "bool": "yes",
    "int tag": "seed: !!int abc",
    "digits": "seed: " + "1" * 5000,
    "self alias": "objective: &a [*a]",
    "bomb": BOMB,
    "bomb in objective": BOMB.replace("a: &a", "objective: &a"),
    "deep": "objective: " + "[" * 10_000,
    "deep maps": "objective: " + "{a: " * 3000,
    "python tag": "objective: !!python/object/apply:os.system [ls]",
    "binary": "seed: !!binary aa",
    "set": "data: !!set {a, b}",
    "unknown tag": "data: !nope 1",
    "tab": "data:\n\tknown: x",
    "unclosed": "data: {known: template",
    "twice": "seed: 1\nseed: 2",
    "twice inside": "data: {known: a, known: b}",
    "latin-1": "out: caf\xe9".encode("latin-1"),
    "utf-16": "seed: 1".encode("utf-16"),
    "nul": "seed: 1\0",
    "surrogate": "out: \ud800",
    "bytes": bytes(range(256)),
    "control": "out: a\x07b",
    "two documents": "seed: 1\n---\nseed: 2",
    "anchor": "seed: *nope",
    "merge": "<<: 5",
    "merge list": "<<: [1]",
    "key list": "? [1]\n: 2",
    "key map": "? {a: 1}\n: 2",
    "key number": "5: 6",
    "key null": "null: 6",
    "key date": "2020-01-01: 6",
    "percent": "%YAML 9.9\n---\nseed: 1",
    "directive": "%nope",
    "backtick": "seed: `x`",
    "at": "seed: @x",
    "colon": "a: b: c",
    "quote": "out: 'abc",
    "escape": 'out: "\\q"',
    "huge string": "out: " + "x" * 300_000,
    "long key": "x" * 100_000 + ": 1",
    "json": '{"seed": 1,}',
    "html": "<html></html>",
    "toml": "[data]\nknown = 1",
    "float seed": "seed: 1e999",
    "sexagesimal": "seed: 1:30",
    "octal": "seed: 0o9",
    "nan": "seed: .nan",
    "unknown key": "sed: 1",
    "section is list": "data: [known]",
    "section is text": "training: fast",
    "nothing in it": "# only a comment",
    "crlf and tabs": "data:\r\n\tknown: a\r\n",
}


def yaml_files() -> Iterator[Case]:
    for name, content in YAML.items():
        for command, file in (("train", "bad.yaml"), ("study", "bad.yaml")):
            yield Case("YAML", f"{command}: {name}", (command, file), (file,), prepare=text(content, file))
    for name, base in {
        "base bomb": BOMB,
        "base list": "[1]",
        "base null": "",
        "base folder": "",
        "base text": "abc",
    }.items():
        place = "data" if name == "base folder" else "base.yaml"
        study = f"base: {place}\ngrid: {{seed: [1]}}\nout: new"
        yield Case(
            "YAML",
            name,
            ("study", "bad.yaml", "--dry-run"),
            ("base", "bad.yaml", "data"),
            prepare=every(text(base, "base.yaml"), text(study, "bad.yaml")),
        )
    for path, names in {
        "data": ("data",),
        "nowhere.yaml": ("nowhere",),
        "config.yaml/x": ("config.yaml",),
        "x" * 300: ("xxx",),
        "/dev/null": ("null",),
        "": (".",),
    }.items():
        for command in ("train", "study"):
            yield Case("YAML", f"{command} {path[:20]!r}", (command, path), (*names, "''"))
    for override in (
        "",
        "=",
        "=5",
        "steps",
        "a..b=1",
        ".a=1",
        "training.=1",
        "training.steps=[",
        "training.steps.x=1",
        "training=",
        "2020-01-01=1",
        "seed=*a",
        "seed=!!int x",
        "out",
        "seed=" + "1" * 5000,
        "data.path.x=1",
    ):
        for command, file in (("train", "config.yaml"), ("study", "study.yaml")):
            yield Case(
                "YAML",
                f"{command} override {override[:20]}",
                (command, file, override),
                (override[:30] if override else "''", override.split("=")[0], file),
                needs=("study",),
            )


def places() -> Iterator[Case]:
    """Folders to write to that cannot be: names, rights, what is in the way."""

    def link(folder: Path) -> None:
        (folder / "link").symlink_to("nowhere/at/all")
        (folder / "loop").symlink_to("loop")

    outs = {
        "config.yaml": "config.yaml",
        "config.yaml/run": "config.yaml",
        "x" * 300: "xxx",
        '"a\\0b"': "out",
        "/proc/nope": "/proc",
        "/dev/null": "/dev/null",
        "/dev/null/x": "/dev/null",
        "loop/x": "loop",
        "data": "data",
        ".": ".",
        "''": "out",
        "nope/../config.yaml": "config.yaml",
        "~nobody-of-that-name/x": "nobody",
        "/sys/x": "/sys",
        "data/train.txt": "train.txt",
    }
    for out, named in outs.items():
        for command in ("train", "study"):
            file = "config.yaml" if command == "train" else "study.yaml"
            if command == "study" and out in (".", "data", "''"):
                continue  # a study may have its runs in any folder
            yield Case(
                "places",
                f"{command} out={out[:20]}",
                (command, file, f"out={out}"),
                (named, "out", "base"),
                needs=("study",),
                prepare=link,
            )
    plain = {
        "compare": ("compare", "run", "--split", "valid", "--out"),
        "demo": ("demo", "--out"),
        "encode": ("encode", "run", "a text", "--out"),
        "snapshots": ("snapshots", "run", "--out"),
    }
    for command, arguments in plain.items():
        for out in ("config.yaml", "config.yaml/x", "x" * 300, "/proc/nope", "/dev/null/x", "data"):
            named = out.rpartition("/")[0] or out
            if (command, out) in (("compare", "data"), ("demo", "data")):
                continue
            yield Case("places", f"{command} --out {out[:20]}", (*arguments, out), (named, "out"), needs=("run",))


def cases() -> list[Case]:
    parts = (values, networks, choices_of_the_model, objectives, yaml_files, places)
    return [case for part in parts for case in part()]


def read_only(name: str):
    """Return what takes away the right to write (root has it anyway)."""

    def prepare(folder: Path) -> None:
        os.chmod(folder / name, 0o555)

    return prepare
