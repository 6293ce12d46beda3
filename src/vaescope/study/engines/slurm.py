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
    """Return the commands that submit the script: first the controls, then the runs that are assessed against them."""
    controls = len({run.control for run in plan.runs if run.control is not None})
    count, limit, file = len(plan.runs), f"%{jobs}" if jobs else "", shlex.quote(str(script))
    if not controls:
        return [f"sbatch --array=0-{count - 1}{limit} {file}"]
    return [
        f"controls=$(sbatch --parsable --array=0-{controls - 1}{limit} {file})",
        f'sbatch --dependency="afterany:${{controls%%;*}}" --array={controls}-{count - 1}{limit} {file}',
    ]
