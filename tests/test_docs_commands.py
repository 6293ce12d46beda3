"""Every command and Python block of README and docs is parsed by the real program, and run if it needs nothing else."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

import vaescope
from tests.doc_blocks import PAGES, PLACEHOLDER, ROOT, Block, blocks, commands, vaescope_commands, words_of
from vaescope.cli import app
from vaescope.cli.examples import EXAMPLES
from vaescope.cli.settings import settings_of
from vaescope.yaml_file import read_yaml

from .tiny_runs import build_config

COMMANDS = vaescope_commands() + [(f"--help of {name}", line) for name, lines in EXAMPLES.items() for line in lines]
BARE = re.compile(r"vaescope [a-z-]+")
"""A command named in a sentence, without its arguments."""

ALONE = ("interpolate", "reconstruct", "sample", "neighbours", "traverse", "compare", "diagnose", "explain", "list")
"""Commands that need a run and little time."""


def subcommand(words):
    group = typer.main.get_command(app)
    return group.resolve_command(typer.Context(group), words[1:])


@pytest.mark.parametrize(("page", "command"), [(p, c) for p, c in COMMANDS if not c.startswith("vaescope --")])
def test_a_printed_command_is_one_of_the_program(page, command, tmp_path):
    name, parser, rest = subcommand(words_of(command))
    if BARE.fullmatch(command):
        return
    values = parser.make_context(name, rest).params
    if name == "train" and values["words"]:
        settings_of(with_a_file(values["words"], tmp_path), data=None, objective=None, rate=None, out=None)


def with_a_file(words, folder):
    """Write the named configuration to its place, or one of a built-in corpus if it is the reader's own."""
    named = ROOT / words[0]
    raw = read_yaml(named) if named.is_file() else {"data": {"known": "topic_pcfg"}}
    overrides = words[1:] if "=" not in words[0] else words
    if any(word.startswith("data.path=") for word in overrides):
        raw["data"] = {key: value for key, value in raw["data"].items() if key != "known"}
    (folder / "config.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    return [str(folder / "config.yaml"), *overrides]


PYTHON = [block for page in PAGES for block in blocks(page) if block.language == "python"]


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.name)
def test_a_python_block_uses_names_that_exist(block):
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            exec(f"from {node.module} import {', '.join(alias.name for alias in node.names)}", {})
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "vaescope":
            assert hasattr(vaescope, node.attr)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.name in ("README.md", "tutorial.md", "studies.md", "corpora.md")]
)
def test_files_that_commands_name_are_there(page):
    for block in blocks(page):
        for word in (word for line in commands(block) for word in line.split()):
            if word.startswith("examples/"):
                assert (ROOT / word).exists(), word


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with small assessed runs under the names that README and the tutorial use."""
    from vaescope.examine.examined_run import Examined
    from vaescope.examine.save_assessment import assess_and_save
    from vaescope.training.loop import train

    folder = tmp_path_factory.mktemp("reader")
    run = train(build_config(folder / "demo" / "mdr", objective={"preset": "mdr", "rate": 2}))
    assess_and_save(Examined.load(run.path), "valid", suite="fast", samples=2)
    for name in ("runs/mdr", "runs/vae", "runs/reviews", "runs/mine", "demo/vae"):
        shutil.copytree(run.path, folder / name)
    return folder


def short_commands():
    lines = [line for name in ("README.md", "docs/tutorial.md") for b in blocks(ROOT / name) for line in commands(b)]
    vaescope_lines = [line for line in lines if line.startswith("vaescope ")]
    return [line for line in vaescope_lines if line.split()[1] in ALONE and not PLACEHOLDER.search(line)]


def test_short_commands_run_as_printed(place, monkeypatch):
    monkeypatch.chdir(place)
    lines = short_commands()
    assert len(lines) >= 8
    for line in lines:
        done = CliRunner().invoke(app, words_of(line)[1:])
        statuses = (0, 1, 2) if line.split()[1] == "diagnose" else (0,)
        assert done.exit_code in statuses, f"{line}\n{done.output}\n{done.exception}"


STEPS = 40
"""Steps of a training here, so that hours become minutes; nothing else about a command is changed."""

SHIM = """#!{python}
import sys
from vaescope.cli import main
if sys.argv[1:2] == ["train"]:
    sys.argv += ["training.steps={steps}", "training.tracker=none"]
if sys.argv[1:2] == ["explore"]:
    sys.exit(0)  # it serves until it is stopped; tests/explore drives it
main()
"""


@pytest.fixture
def shell(tmp_path):
    """Run lines and blocks like a reader in the folder of the repository, with the program on the path."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "vaescope").write_text(SHIM.format(python=sys.executable, steps=STEPS), encoding="utf-8")
    (tmp_path / "bin" / "vaescope").chmod(0o755)
    path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    source = str(Path(vaescope.__file__).parents[1])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": source}

    def run(*command):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1800, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def runnable(block: Block) -> list[str]:
    """Return the lines that need no file of the reader, no new environment, and no external corpus."""
    needs = ("make ", "git ", "pip ", "ssh ", "bash .ci", "cd ")
    lines = [line for line in commands(block) if not line.startswith(needs) and "URL" not in line]
    return [line for line in lines if not PLACEHOLDER.search(line) and "examples/ptb" not in line]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README.md", "docs/tutorial.md"])
def test_a_page_from_its_first_block_to_its_last(shell, name):
    """pytest -m slow tests/test_docs_commands.py"""
    shell("vaescope", "demo", "--out", "demo")
    ran = 0
    for block in blocks(ROOT / name):
        if block.language == "python":
            steps = f'"training.steps={STEPS}", "training.tracker=none", objective={{'
            shell(sys.executable, "-c", block.text.replace("objective={", steps))
            ran += 1
        for line in runnable(block):
            shell("bash", "-ec", line)
            ran += 1
    assert ran >= 10
