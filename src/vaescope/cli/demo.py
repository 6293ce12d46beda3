"""``vaescope demo``: three small VAEs, from scratch to a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vaescope.report.run import RunReport

SETTINGS = "demo.yaml"


def demo(
    out: Annotated[Path, typer.Option(help="the folder of the runs and of report.html")] = Path("demo"),
) -> None:
    """Train three small VAEs on the built-in corpus, assess each, and write one report."""
    from importlib import resources

    import torch
    import yaml

    from vaescope.cli.console import console
    from vaescope.report.html import write_report

    # Matrices this small cost more to share between cores than to multiply on one.
    torch.set_num_threads(1)
    settings = yaml.safe_load(resources.files("vaescope.cli").joinpath(SETTINGS).read_text(encoding="utf-8"))
    runs = [
        _run(name, settings["run"] | {"objective": objective, "out": str(out / name)})
        for name, objective in settings["objectives"].items()
    ]
    path = write_report(out / "report.html", runs, title=settings["title"])
    console.print("\nThe report, to open in a browser:", markup=False)
    typer.echo(str(path.resolve()))


def _run(name: str, raw: dict[str, Any]) -> RunReport:
    """Train and assess one run; one that is already there is only assessed."""
    from vaescope.cli.console import progress, show_findings
    from vaescope.cli.runs import load_run, train_run
    from vaescope.config import parse_config
    from vaescope.report.gather import gather

    config = parse_config(raw, source=SETTINGS)
    train_run(config, title=f"{name}: train")
    run = load_run(config.out)
    with progress(f"{name}: assess") as meter:
        assessment = run.assess("valid", progress=meter)
    assessment.save(config.out)
    show_findings(assessment)
    return gather(run, assessment, name=name)
