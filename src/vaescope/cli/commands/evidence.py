"""``vaescope evidence``: all that is known of a run on a split, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaescope.cli.commands.assess import Split
from vaescope.cli.run_words import read_words


def evidence(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN [KEY=VALUE]", help="the run folder, then settings, for instance assessment.texts=500"
        ),
    ],
    out: Annotated[Path, typer.Option(help="the file to write, NAME.safetensors")],
    split: Annotated[Split, typer.Option(help="train, valid or test")] = Split.VALID,
    labels: Annotated[
        Path | None, typer.Option(help="a file with one label per text, or a kind of label of the corpus")
    ] = None,
    control: Annotated[Path | None, typer.Option(help="run of a language model on these texts, as a baseline")] = None,
) -> None:
    """Write all evidence about a run to one file: draws, facts, encodings of other texts, simulations, experiments.

    vaescope assess --draws FILE gives the numbers of the run from this file, without the model and its texts.
    """
    from vaescope.cli.console import progress
    from vaescope.errors import UserError
    from vaescope.examine.collect_evidence import collect_evidence

    if out.suffix != ".safetensors":
        raise UserError(f"--out {out}: give a name that ends with .safetensors")
    if out.exists():
        raise UserError(f"--out {out}: this file exists; give another name, or remove it")
    run, compared = read_words(words).load("model", control)
    with progress(f"sweep {split}") as meter:
        settings = run.config.assessment
        found = collect_evidence(run, str(split), settings, labels=labels, control=compared, progress=meter)
    found.save(out)
    typer.echo(f"written: {out}; next: vaescope assess --draws {out}")
