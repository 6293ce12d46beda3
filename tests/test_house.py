"""House rules as tests: sizes, the direction of imports, the form of a choice."""

from __future__ import annotations

import ast
import graphlib
import importlib
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import vaescope
from vaescope import choices

SOURCE = Path(vaescope.__file__).parent
ROOT = SOURCE.parent.parent
FILES = sorted(SOURCE.rglob("*.py"))
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)

# A stage may import the stages before it (and itself); the stages of one line stand side by side and do not.
STAGES = [
    {"errors", "checks", "arguments", "choices", "yaml_file", "config", "randomness", "plotting", "writing", "reading"},
    {"estimators"},
    {"corpora"},
    {"evidence"},
    {"model"},
    {"objectives"},
    {"runs"},
    {"training", "sweep", "assessment"},
    {"examine"},
    {"study"},
    {"report"},
    {"api"},
    {"explore"},
    {"cli"},
    {"testing"},
    {"__main__"},
    {"__init__"},  # for type checkers only: at run time a public name is imported when it is used
]
PURE = {
    "evidence": {"estimators"},
    "assessment": {"estimators", "evidence"},
    # a page is made of files: no weights, no code of a model
    "report": {"estimators", "corpora", "evidence", "runs", "assessment", "objectives"},
}
"""What a room may import, beyond the ground, where that is less than all the stages before it."""
LEVEL = {name: level for level, stage in enumerate(STAGES) for name in stage}

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def functions(file: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree_of(file)) if isinstance(node, FUNCTION)]


def code_lines(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def strings(file: Path) -> list[str]:
    """String constants that are not documentation."""
    tree = tree_of(file)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTION)) and ast.get_docstring(node) is not None
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documentation)
    return [node.value for node in constants if isinstance(node.value, str)]


def stage(file: Path) -> str:
    return file.relative_to(SOURCE).with_suffix("").parts[0]


def imported(file: Path) -> set[str]:
    """The vaescope modules that a file imports anywhere in it, annotations' imports included."""
    found = set()
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.startswith("vaescope.")}


@each_file
def test_file_has_at_most_300_lines(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300


@each_file
def test_functions_fit_on_a_screen(file):
    long = {function.name: code_lines(function) for function in functions(file) if code_lines(function) > 50}
    assert not long


@each_file
def test_functions_take_at_most_10_parameters(file):
    def parameters(function: ast.FunctionDef) -> int:
        a = function.args
        return len([p for p in [*a.posonlyargs, *a.args, *a.kwonlyargs] if p.arg not in ("self", "cls")])

    many = {function.name: parameters(function) for function in functions(file) if parameters(function) > 10}
    assert not many


@each_file
def test_only_the_command_line_prints(file):
    calls = [node for node in ast.walk(tree_of(file)) if isinstance(node, ast.Call)]
    prints = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("print", "quit")]
    assert stage(file) == "cli" or not prints


@each_file
def test_no_device_is_demanded(file):
    """A device may be asked for its type (in a comparison); which one is used is decided by Accelerate or torch."""
    tree = tree_of(file)
    asked = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in ast.walk(node)}
    constants = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    assert not [n.lineno for n in constants if re.fullmatch(r"cuda(:\d+)?", n.value) and id(n) not in asked]


RAW_SEEDS = {"randomness", "corpora", "testing"}
"""Where a generator may be seeded by a number: a corpus *is* its seed, and examples are fixed."""


@each_file
def test_no_seed_is_computed_by_hand(file):
    """``seed + 1`` is the seed of another run: a stream is named by its purpose (``randomness.stream``)."""
    sums = (node for node in ast.walk(tree_of(file)) if isinstance(node, ast.BinOp))
    assert not [node.lineno for node in sums if any("seed" in name_of(side) for side in (node.left, node.right))]


@each_file
def test_every_random_stream_has_a_purpose(file):
    if stage(file) in RAW_SEEDS:
        return
    calls = (node for node in ast.walk(tree_of(file)) if isinstance(node, ast.Call) and node.args)
    raw = [call for call in calls if name_of(call.func) in ("manual_seed", "default_rng")]
    assert not [call.lineno for call in raw if not isinstance(call.args[0], ast.Constant)]


def name_of(node: ast.AST) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


@each_file
def test_a_verdict_and_its_rule_are_one(file):
    """A finding is made by a ``Rule`` or a ``Check``, whose sentence and comparison cannot disagree."""
    if file == SOURCE / "assessment" / "findings.py":
        return
    calls = (node for node in ast.walk(tree_of(file)) if isinstance(node, ast.Call) and node.args)
    assert not [call.lineno for call in calls if name_of(call.func) == "Finding"]


@each_file
def test_no_path_of_a_machine(file):
    assert not [text for text in strings(file) if re.match(r"(/(home|root|work|tmp|usr|mnt|data)(/|$)|[A-Z]:\\)", text)]


@each_file
def test_there_are_no_todo_marks(file):
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text(encoding="utf-8")).readline)
    comments = [t.string for t in tokens if t.type in (tokenize.COMMENT, tokenize.STRING)]
    assert not [c for c in comments if re.search(r"\b(TODO|FIXME|XXX)\b", c)]


@each_file
def test_imports_flow_one_way(file):
    here = stage(file)
    for module in imported(file):
        there = module.split(".")[1]
        if there not in LEVEL or there == here:
            continue
        assert LEVEL[there] <= LEVEL[here], f"{here} imports {module}, a later stage"
        assert LEVEL[there] < LEVEL[here] or LEVEL[here] == 0, f"{here} and {there} are two wings"
        allowed = PURE.get(here, {there}) | STAGES[0]
        assert there in allowed, f"{here} imports {module}; it may import {sorted(allowed)} only"


def test_every_stage_has_its_place():
    assert {stage(file) for file in FILES} <= set(LEVEL)


def module_name(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(["vaescope", *parts]).removesuffix(".__init__")


def imported_at_once(file: Path, modules: set[str]) -> set[str]:
    """The ``modules`` that the top-level imports of a file need; a package on the way to a module does not count."""
    found = set()
    for node in tree_of(file).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else node.module for name in inner.values()}
    return (found & modules) - {module_name(file)}


def test_every_module_can_be_imported_first():
    """Without cycles in the top-level imports, any module can be imported first."""
    files = {module_name(file): file for file in FILES}
    graph = {name: imported_at_once(file, set(files)) for name, file in files.items()}
    assert list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_module_imports_in_a_fresh_interpreter(file):
    done = subprocess.run(
        [sys.executable, "-c", f"import {module_name(file)}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_package_imports_without_torch():
    command = "import sys, vaescope, vaescope.cli; sys.exit(not {'torch', 'transformers'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0


@pytest.mark.parametrize("kind", choices.KINDS)
def test_every_kind_offers_something(kind):
    assert choices.names(kind)
    importlib.import_module(choices.KINDS[kind].package)


def test_contributing_names_every_folder():
    tree = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = {file.parent.name for file in FILES} - {"vaescope"}
    assert not [folder for folder in sorted(folders) if not re.search(rf"^\s*{folder}/\s+\S", tree, re.M)]
