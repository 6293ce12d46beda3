"""Inputs that Hypothesis makes up: damaged YAML, values of any shape for any key, files of any bytes."""

from __future__ import annotations

import os

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaescope.config import RunConfig

from .case import Case, every, text
from .forks import preload
from .ground import CONFIG, Ground
from .of_configs import leaves

EXAMPLES = int(os.environ.get("CAMPAIGN_EXAMPLES", "150"))
"""Inputs of each kind."""

KEYS = [key for key, _ in leaves(RunConfig) if not key.startswith("data.")]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
LINES = yaml.safe_dump(CONFIG).splitlines()
EDITS = st.lists(
    st.tuples(
        st.integers(0, len(LINES) - 1),
        st.sampled_from(["drop", "double", "indent", "cut", "insert"]),
        st.text(max_size=6),
    ),
    min_size=1,
    max_size=3,
)
FILES = {
    "data": ("t.txt", ("train", "config.yaml", "out=new", "data={path: t.txt, max_length: 24}")),
    "table": ("t.csv", ("train", "config.yaml", "out=new", "data={path: t.csv, max_length: 24}")),
    "objects": ("t.jsonl", ("train", "config.yaml", "out=new", "data={path: t.jsonl, max_length: 24}")),
    "draws": ("t.safetensors", ("assess", "--draws", "t.safetensors")),
    "codes": ("t.safetensors", ("decode", "run", "t.safetensors")),
    "study": ("t.yaml", ("study", "t.yaml", "--dry-run")),
}
often = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    preload()
    return Ground(tmp_path_factory.mktemp("random"))


@pytest.fixture(scope="module")
def number():
    count = iter(range(10**6))
    return lambda: next(count)


def check(ground, number, case):
    outcome, faults = ground.carry_out(case, number())
    assert not faults, f"{case.name}: {faults}: {outcome.err[-500:]}"


def edited(edits):
    lines = list(LINES)
    for place, how, letters in edits:
        line = lines[place % len(lines)]
        changed = {
            "drop": [],
            "double": [line, line],
            "indent": [f"  {line}"],
            "cut": [line[: len(line) // 2]],
            "insert": [line + letters],
        }
        lines[place % len(lines) : place % len(lines) + 1] = changed[how]
    return "\n".join(lines)


@pytest.mark.slow
@often
@given(edits=EDITS)
def test_damaged_yaml(ground, number, edits):
    content = edited(edits)
    check(
        ground,
        number,
        Case(
            "random",
            repr(edits),
            ("train", "t.yaml", "out=new"),
            ("t.yaml", "model", "objective", "data", "training"),
            prepare=text(content, "t.yaml"),
            refused=False,
        ),
    )


@pytest.mark.slow
@often
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_value_of_any_shape(ground, number, key, value):
    written = (
        yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=False).removesuffix("\n...\n").strip()
    )
    check(
        ground,
        number,
        Case(
            "random",
            f"{key}={written}",
            ("train", "config.yaml", "out=new", "training.snapshots=[]", "training.steps=1", f"{key}={written}"),
            (key.split(".")[0], key.split(".")[-1], "injection", "term", "prior"),
            refused=False,
        ),
    )


@pytest.mark.slow
@often
@given(kind=st.sampled_from(list(FILES)), content=st.binary(max_size=300))
def test_file_of_any_bytes(ground, number, kind, content):
    file, arguments = FILES[kind]
    needs = ("run",) if kind == "codes" else ()
    check(
        ground,
        number,
        Case(
            "random",
            f"{kind}: {content!r}",
            arguments,
            (file,),
            needs=needs,
            prepare=every(text(content, file)),
            refused=False,
        ),
    )
