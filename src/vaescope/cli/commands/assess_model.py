"""``vaescope assess-model``: a model that a Python file of yours defines, assessed on a file of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaescope.cli.noise import asked


def assess_model(
    model: Annotated[
        str, typer.Argument(help="FILE.py:NAME or module:NAME of a TextModel, a FromTransformers or a function of one")
    ],
    file: Annotated[Path, typer.Argument(help="texts: one per line, or CSV, TSV, JSON, JSON lines or Parquet")],
    out: Annotated[Path, typer.Option(help="folder for the evidence, the assessment, its figures and page")] = Path(
        "assessment"
    ),
    column: Annotated[str, typer.Option(help="the column of the texts, if the file has columns")] = "text",
    labels: Annotated[Path | None, typer.Option(help="a file with one label per text")] = None,
    training: Annotated[
        Path | None, typer.Option(help="a file of training texts, whose encodings bound the information from above")
    ] = None,
    suite: Annotated[str, typer.Option(help="fast, or full, which also draws texts from the model")] = "full",
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="posterior samples per text")] = 64,
    texts: Annotated[int | None, typer.Option(min=2, help="assess only this many texts, the first")] = None,
) -> None:
    """Assess any latent variable model of text that Python code of yours defines.

    The file's code runs. All evidence is kept in OUT/evidence.safetensors, which vaescope assess --draws reads again.
    """
    from vaescope.assessment.assess import check_suite
    from vaescope.cli.commands.assess import say
    from vaescope.cli.console import progress
    from vaescope.cli.output import Format, chosen
    from vaescope.corpora.files import read_file
    from vaescope.corpora.rows import Columns, strip
    from vaescope.examine.assess_text_model import assess_text_model
    from vaescope.examine.collect_facts import read_labels
    from vaescope.examine.load_text_model import load_text_model

    check_suite(suite)
    rows = strip(read_file(file, Columns(column)), str(file), 2)
    known = {"label": read_labels(labels, len(rows.texts))} if labels is not None else rows.labels
    trained = [] if training is None else strip(read_file(training, Columns(column)), str(training), 2).texts
    found = load_text_model(model)
    evidence = out / "evidence.safetensors"
    with progress(f"assess {model}", err=chosen() is not Format.table) as meter:
        assessment = assess_text_model(
            found,
            rows.texts[:texts],
            save=evidence,
            suite=suite,
            samples=samples,
            labels=known or None,
            training_texts=trained,
            noise=asked().std,
            noise_distortion=asked().distortion,
            progress=meter,
        )
    say({"valid": assessment}, [assessment.save(out)], title=f"{model} on {file}", page=True)
