"""``vaescope score``: rate, distortion, ELBO and the bound on log p(x) of each text of any file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def score(
    run: Annotated[Path, typer.Argument(help="the run folder")],
    file: Annotated[Path, typer.Argument(help="a text per line, or CSV, TSV, JSON, JSON lines or Parquet")],
    out: Annotated[
        Path | None, typer.Option(help="a file .csv or .jsonl for the numbers of each text; by default FILE.scores.csv")
    ] = None,
    column: Annotated[str, typer.Option(help="the column of the texts, if the file has columns")] = "text",
    samples: Annotated[int, typer.Option(min=2, max=1_000_000, help="samples of q(z|x) per text")] = 32,
    standard_error: Annotated[
        float | None,
        typer.Option(help="wanted error of log p(x) of each text, in nats: it sets the samples"),
    ] = None,
    most_samples: Annotated[int, typer.Option(min=2, max=1_000_000, help="with it: most samples of a text")] = 4_096,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="seed of the samples")] = 0,
) -> None:
    """Score texts: their rate, distortion, ELBO and bound on log p(x) in nats, each with its standard error.

    The table shows the means over the texts; their errors are those of drawing the texts. In the file the errors are
    those of the samples of each text.
    """
    from vaescope.cli.console import progress
    from vaescope.cli.load_and_train import load_run, read_texts
    from vaescope.errors import UserError
    from vaescope.examine.score import means_of, score_texts, write_scores
    from vaescope.writing import check_place

    out = file.with_name(f"{file.name}.scores.csv") if out is None else out
    if out.suffix not in (".csv", ".jsonl"):
        raise UserError(f"--out {out}: give a file that ends in .csv or .jsonl")
    if out.resolve() == file.resolve():
        raise UserError(f"--out {out} is the file of the texts; give another")
    if out.is_dir():
        raise UserError(f"--out {out}: a folder; give a file that ends in .csv or .jsonl")
    check_place(out)
    texts = read_texts(file, column)
    with progress(f"score {file.name}") as meter:
        scores = score_texts(
            load_run(run),
            texts,
            samples=samples,
            standard_error=standard_error,
            most=most_samples,
            seed=seed,
            progress=meter,
        )
    write_scores(out, texts, scores)
    used = f"{samples} samples each"
    if standard_error is not None:
        missed = int((scores["log_likelihood_se"] > standard_error).sum())
        drawn = scores["samples"].double()
        used = f"{drawn.min():.0f} to {drawn.max():.0f} samples, {drawn.mean():.0f} on average, after {samples} each"
        used += f"; the error of {missed} is above {standard_error:g} nats"
    if len(set(texts)) < 2:
        typer.echo(f"{len(texts)} equal texts, {used}; no means, whose error needs two distinct texts")
    else:
        typer.echo(f"{len(texts)} texts, {used}; means over texts in nats per text:")
        for name, mean in means_of(scores, texts).items():
            typer.echo(f"{name:15} {'≥ ' if mean.kind == 'lower' else ''}{mean.value:.3f} ± {mean.se:.3f}")
    typer.echo(f"written: {out}")
