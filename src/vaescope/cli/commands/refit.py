"""``vaescope refit``: a new prior, or a new decoder, for a trained encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vaescope.assessment.assessment import Assessment
    from vaescope.examine.examined_run import Examined
    from vaescope.examine.refit import Refit

SHOWN = ("rate", "distortion", "elbo", "log_likelihood", "mutual_information", "marginal_kl")
"""Estimates that are shown before and after."""


def refit(
    run: Annotated[Path, typer.Argument(help="the run folder")],
    out: Annotated[Path | None, typer.Option(help="the folder of the new run; RUN-refit, or RUN-decoder")] = None,
    family: Annotated[list[str] | None, typer.Option(help="mixture, aggregate or flow; may be given again")] = None,
    components: Annotated[
        int | None, typer.Option(min=2, help="most training posteriors in an aggregate (5000)")
    ] = None,
    texts: Annotated[int | None, typer.Option(min=2, help="assess only this many test texts, the first")] = None,
    decoder: Annotated[
        bool, typer.Option("--decoder", help="train a new decoder instead, with q(z|x) as it is")
    ] = False,
) -> None:
    """Fit p(z) to the encodings of the training texts, and show the model before and after.

    The density is chosen on the validation texts and reported on the test texts, so one that memorises the training
    texts is not chosen. The new run has the same encoder and decoder; every command takes it like any run.
    """
    if decoder:
        given = {"--family": family, "--components": components, "--texts": texts}
        useless = [name for name, value in given.items() if value]
        if useless:
            raise typer.BadParameter(f"{useless[0]} is of the fit of p(z); leave it out with --decoder")
        _refit_decoder(run, out or run.with_name(f"{run.name}-decoder"))
    else:
        families = tuple(family or ("mixture", "aggregate"))
        _refit_prior(run, out or run.with_name(f"{run.name}-refit"), families, components or 5_000, texts)


def _refit_prior(path: Path, out: Path, families: tuple[str, ...], components: int, texts: int | None) -> None:
    from vaescope.cli.console import console, progress
    from vaescope.cli.load_and_train import load_run
    from vaescope.examine.refit import AS_TRAINED, refit_run

    run = load_run(path)
    with progress("encode") as meter:
        found = refit_run(run, out, families=families, components=components, progress=meter)
    _show_candidates(found)
    if found.chosen.name == AS_TRAINED:
        console.print("No fitted density is better than the prior as trained; nothing is written.")
        return
    gain = found.gain
    console.print(
        f"On test texts R = {found.before.value:.3f}, R_g = {found.after.value:.3f} (on the training texts "
        f"{found.training:.3f}): the new prior saves {gain.value:.3f} ± {gain.se:.3f} nats per text."
    )
    both = [_assessed(each, texts) for each in (run, load_run(out))]
    _show_both(*both)
    console.print(f"The new run is in {out}. Next: vaescope sample {out}", soft_wrap=True, markup=False)


def _assessed(run: Examined, texts: int | None) -> Assessment:
    from vaescope.cli.console import progress
    from vaescope.examine.assess_run import assess_run

    with progress(f"assess {run.folder.path.name}") as meter:
        return assess_run(run, "test", suite="fast", texts=texts, progress=meter)


def _refit_decoder(path: Path, out: Path) -> None:
    from vaescope.cli.console import console
    from vaescope.cli.load_and_train import train_run
    from vaescope.examine.refit_decoder import decoder_config

    train_run(decoder_config(path, out), title="train the decoder")
    console.print(f"The new run is in {out}. Next: vaescope assess {out}", soft_wrap=True, markup=False)


def _show_candidates(found: Refit) -> None:
    from vaescope.cli.console import console
    from vaescope.report.tables import number

    rows = sorted(found.validation.items(), key=lambda item: item[1])
    _table(("density", "rate on validation texts"), [(name, number(rate)) for name, rate in rows])
    console.print()


def _show_both(before: Assessment, after: Assessment) -> None:
    from vaescope.report.tables import estimate_rows

    was, now = ({row[0]: row for row in estimate_rows(each)} for each in (before, after))
    rows = [
        (name, was[name][1], was[name][3], now[name][1], now[name][3]) for name in SHOWN if name in was and name in now
    ]
    _table(("test texts", "before", "95% interval", "after", "95% interval"), rows)


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.table import Table

    from vaescope.cli.console import console

    table = Table(box=None, padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)
