"""``vaescope study``: many runs from one file, here, on Ray or on SLURM."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vaescope.study.drive import Engine
    from vaescope.study.plan import Plan
    from vaescope.study.progress import Job


class Place(StrEnum):
    """Where runs are carried out."""

    LOCAL = "local"
    RAY = "ray"
    SLURM = "slurm"


def study(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="the study, a YAML file")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="run.KEY=VALUE for every run; seeds=[0] or out=FOLDER"),
    ] = None,
    on: Annotated[
        Place, typer.Option(help="here, on a Ray cluster, or as a SLURM array to be submitted")
    ] = Place.LOCAL,
    jobs: Annotated[int | None, typer.Option(min=1, help="runs at a time (here: 1, elsewhere: what there is)")] = None,
    gpus_per_run: Annotated[int, typer.Option(min=0, help="more than 1: by torchrun; 0: CPU")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would happen, and do nothing")] = False,
    only: Annotated[str | None, typer.Option(metavar="RUN", help="carry out this one run, in this process")] = None,
) -> None:
    """Train and assess every run of a grid; run the same command to resume a study that was interrupted.

    Runs that exist are kept and half-done ones resumed. A failing run stops no other and is named at the end, with exit
    status 1. Afterwards OUT/comparison/compare.html shows the runs side by side.
    """
    from vaescope.cli.console import progress
    from vaescope.cli.load_and_train import carry_out
    from vaescope.runs.lock import one_at_a_time
    from vaescope.study.check_runs import check_runs
    from vaescope.study.engines.slurm import submission, write_script
    from vaescope.study.plan import read_plan

    plan = read_plan(file, overrides)
    if only is not None:
        carry_out(plan, plan.named(only))
        return
    with progress("check configurations") as meter:
        check_runs(plan.runs, str(file), meter)
    if dry_run:
        _show_prospects(plan)
    elif on is Place.SLURM:
        script = write_script(plan, plan.save(), gpus=gpus_per_run)
        typer.echo("Submit the runs with these commands (put --partition, --time and the like after sbatch):\n")
        typer.echo("\n".join(submission(plan, script, jobs=jobs)))
        typer.echo(f"\nAfterwards, to see what became of them: vaescope study {plan.save()}")
    else:
        with one_at_a_time(plan.study.out):
            _drive(plan, _engine(on, plan.save(), jobs, gpus_per_run))


def _engine(on: Place, file: Path, jobs: int | None, gpus: int) -> Engine:
    from vaescope.study.engines.local import Local
    from vaescope.study.engines.on_ray import OnRay

    return OnRay(file, jobs=jobs, gpus=gpus) if on is Place.RAY else Local(file, jobs=jobs or 1, gpus=gpus)


def _show_prospects(plan: Plan) -> None:
    from rich.table import Table
    from rich.text import Text

    from vaescope.cli.console import console
    from vaescope.study.drive import prospect

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("run", "would", "", "assessed against"):
        table.add_column(column, overflow="fold")
    for run in plan.runs:
        table.add_row(Text(run.name), *map(Text, prospect(plan, run)), Text(run.control or ""))
    console.print(table)
    console.print(f"{len(plan.runs)} runs in {plan.study.out}; nothing was done.", markup=False, soft_wrap=True)


def _drive(plan: Plan, engine: Engine) -> None:
    from vaescope.cli.study_table import show_summary, watching
    from vaescope.study.drive import drive

    at_once = engine.capacity
    try:
        with watching(at_once) as watch:
            jobs = drive(plan, engine, watch)
    except KeyboardInterrupt as error:
        typer.secho("stopped; the same command resumes every run", err=True)
        raise typer.Exit(130) from error
    split = plan.runs[0].config.assessment.splits[0]
    show_summary(jobs, split)
    _compare(plan, jobs, split)
    if any(job.state == "failed" for job in jobs):
        raise typer.Exit(1)


def _compare(plan: Plan, jobs: list[Job], split: str) -> None:
    """Write the page that shows the assessed runs side by side."""
    from vaescope.cli.load_and_train import hide_other_bars
    from vaescope.errors import UserError
    from vaescope.report.page import compare
    from vaescope.runs.assessments import assessment_name

    folders = [job.run.config.out for job in jobs if job.state in ("kept", "done")]
    assessed = [folder for folder in folders if (folder / f"{assessment_name(split)}.json").exists()]
    if not assessed:
        return
    hide_other_bars()
    try:
        page = compare(assessed, plan.study.out / "comparison", split=split, title=plan.study.out.name)
    except UserError as error:
        # a grid over corpora, say: runs that are each of use, but not side by side
        typer.echo(f"no page that compares the runs: {error}")
    else:
        typer.echo(f"written: {page}")
