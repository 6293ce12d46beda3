"""Runs as a SLURM array: a script with one task per run, and the commands that submit it."""

from __future__ import annotations

import shlex
from pathlib import Path

from vaescope.study.engines.command import command
from vaescope.study.plan import Plan
from vaescope.writing import write_text

SCRIPT = "study.sbatch"


def write_script(plan: Plan, study: Path, *, gpus: int = 1) -> Path:
    """Write ``study.sbatch`` next to the resolved study: task i of the array carries out run i of the plan."""
    out = study.parent.resolve()
    gpu_line = [f"#SBATCH --gpus-per-task={gpus}"] if gpus else []
    words = command(study.resolve(), "NAME", gpus=gpus)[:-1]
    lines = [
        "#!/bin/bash",
        f"#SBATCH --job-name={shlex.quote(out.name)}",
        f"#SBATCH --output={shlex.quote(str(out / 'slurm-%A_%a.out'))}",
        "#SBATCH --ntasks=1",
        *gpu_line,
        "# One run per task of the array; a task that is submitted again resumes its run, or finds it done.",
        "set -euo pipefail",
        f"cd {shlex.quote(str(Path.cwd()))}",
        "runs=(",
        *(f"  {shlex.quote(run.name)}" for run in plan.runs),
        ")",
        "run=${runs[${SLURM_ARRAY_TASK_ID:?submit this script with sbatch --array}]}",
        f'exec {shlex.join(words)} "--only=$run" >> {shlex.quote(str(out))}/"$run.log" 2>&1',
    ]
    path = study.with_name(SCRIPT)
    write_text(path, "\n".join(lines) + "\n")
    return path


def submission(plan: Plan, script: Path, *, jobs: int | None = None) -> list[str]:
    """Return the commands that submit the script: runs that need no other first, then those that need them."""
    limit, file = f"%{jobs}" if jobs else "", shlex.quote(str(script))
    commands, waits = [], ""
    groups = _in_order(plan)
    for number, group in enumerate(groups, start=1):
        submit = f"--array={_ranges(group)}{limit} {file}"
        if number == len(groups):
            commands.append(f"sbatch {waits}{submit}")
        else:
            name = f"step{number}"
            commands.append(f"{name}=$(sbatch --parsable {waits}{submit})")
            waits = f'--dependency="afterany:${{{name}%%;*}}" '
    return commands


def _in_order(plan: Plan) -> list[list[int]]:
    """Return the numbers of the runs in groups, each of runs whose needs are in earlier groups."""
    level: dict[str, int] = {}
    for run in plan.runs:
        level[run.name] = max((level[name] + 1 for name in run.needs), default=0)
    places = [level[run.name] for run in plan.runs]
    return [[i for i, place in enumerate(places) if place == wanted] for wanted in range(max(places) + 1)]


def _ranges(numbers: list[int]) -> str:
    """Return increasing numbers as sbatch reads them.

    >>> _ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
