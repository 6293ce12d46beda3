"""``vaescope sample``: texts from the prior of a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def sample(
    run: Annotated[Path, typer.Argument(help="the run folder")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1_000_000, help="how many texts")] = 10,
    temperature: Annotated[float, typer.Option(min=0.0, max=1000.0, help="1 samples p(x|z) as it is")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="seed of z and of the tokens")] = 0,
    generation: Any = None,
) -> None:
    """Print texts that the model makes up: z from p(z), then x from p(x|z)."""
    from vaescope.cli.load_and_train import load_run

    for text in load_run(run).sample(count, temperature=temperature, seed=seed, generation=generation):
        typer.echo(" ".join(text.split()))
