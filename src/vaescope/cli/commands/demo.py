"""``vaescope demo``: three small VAEs, from scratch to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

SETTINGS = "demo.yaml"


def demo(
    out: Annotated[Path, typer.Option(help="the folder of the runs and of report.html")] = Path("demo"),
) -> None:
    """Train three small VAEs on the built-in corpus, assess each, and write one report."""
    from importlib import resources

    import torch
    import yaml

    from vaescope.cli.console import console
    from vaescope.report.page import compare

    # Matrices this small cost more to share between cores than to multiply on one.
    torch.set_num_threads(1)
    settings = yaml.safe_load(resources.files("vaescope.cli.commands").joinpath(SETTINGS).read_text(encoding="utf-8"))
    for name, objective in settings["objectives"].items():
        _run(name, settings["run"] | {"objective": objective, "out": str(out / name)})
    runs = [out / name for name in settings["objectives"]]
    path = compare(runs, out, split="valid", title=settings["title"], page="report.html")
    console.print("\nThe report, to open in a browser:", markup=False)
    typer.echo(str(path.resolve()))


def _run(name: str, raw: dict[str, Any]) -> None:
    """Train and assess one run; a run that is trained already is only assessed."""
    from vaescope.cli.console import progress, show_findings, show_verdict
    from vaescope.cli.load_and_train import load_run, train_run
    from vaescope.config import parse_config
    from vaescope.examine.save_assessment import assess_and_save

    config = parse_config(raw, source=SETTINGS)
    train_run(config, title=f"{name}: train")
    with progress(f"{name}: assess") as meter:
        assessment, _ = assess_and_save(load_run(config.out), "valid", progress=meter)
    show_verdict(assessment)
    show_findings(assessment)
