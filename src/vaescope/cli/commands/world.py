"""``vaescope world``: a corpus drawn from a language model, with the exact log P(x) of every text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def world(
    source: Annotated[Path, typer.Argument(help="a run with objective=language_model, or a causal checkpoint")],
    out: Annotated[Path, typer.Option(help="the folder of the world")],
    texts: Annotated[int, typer.Option(min=2, help="training texts")] = 20_000,
    valid: Annotated[int, typer.Option(min=2, help="validation texts")] = 2_000,
    test: Annotated[int, typer.Option(min=2, help="test texts")] = 10_000,
    max_length: Annotated[
        int | None, typer.Option(min=4, help="most tokens of a text; by default as in the model's own training")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="seed of the texts")] = 0,
    workers: Annotated[int, typer.Option(min=1, max=256, help="processes that draw")] = 1,
) -> None:
    """Draw a corpus from a language model at temperature 1, with log P(x) of every text.

    The same command resumes where it was interrupted; with more texts it adds to those that are there. Train on it
    with data.world=FOLDER.
    """
    from vaescope.cli.console import console, progress
    from vaescope.cli.load_and_train import hide_other_bars
    from vaescope.examine.make_world import make_world

    hide_other_bars()
    sizes = {"train": texts, "valid": valid, "test": test}
    with progress("world") as meter:
        record = make_world(source, out, sizes=sizes, max_length=max_length, seed=seed, workers=workers, progress=meter)
    entropy = record["entropy"]
    console.print(f"H(X) = {entropy['value']:.3f} ± {entropy['se']:.3f} nats per text")
    console.print(
        f"{record['forced_share']:.2%} of the texts reach {record['max_length']} tokens, where EOS is certain; "
        f"{record['encoded_otherwise_share']:.2%} are strings that the tokenizer would encode to other tokens"
    )
    console.print(
        f"The world is in {out}. Next: vaescope train CONFIG data={{world: {out}}}", soft_wrap=True, markup=False
    )
