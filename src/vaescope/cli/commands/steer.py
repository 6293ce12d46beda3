"""``vaescope steer``: move texts along the attribute vector of a label, and measure what that does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaescope.cli.numbers import numbers_of

if TYPE_CHECKING:
    from vaescope.sweep.steer import Steering


def steer(
    run: Annotated[Path, typer.Argument(help="the run folder")],
    toward: Annotated[str, typer.Option(help="the label to move to")],
    away: Annotated[str | None, typer.Option(help="the label to move from; by default all others")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="a file with one label per text of the split, or a kind of label of the corpus")
    ] = None,
    split: Annotated[str, typer.Option(help="train, valid or test: the labelled texts")] = "valid",
    strengths: Annotated[str, typer.Option(help="multiples of the vector")] = "0.5,1,2",
    texts: Annotated[int, typer.Option(min=10, help="steer at most this many held-out texts")] = 200,
    shown: Annotated[int, typer.Option(min=0, help="texts to show")] = 3,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="seed of the split of the texts")] = 0,
) -> None:
    """Move texts towards a label: the change of a held-out probe, of each text's own likelihood, and the way there.

    A half of the labelled texts makes the vector, a quarter trains the probe, and texts of the last quarter are moved.
    """
    from vaescope.cli.load_and_train import load_run
    from vaescope.errors import UserError
    from vaescope.examine.as_text_model import as_text_model
    from vaescope.examine.collect_facts import labels_of
    from vaescope.model.latent_space import LatentSpace
    from vaescope.sweep.steer import steer as measure

    numbers = numbers_of(strengths, "--strengths", "0.5,1,2")
    found = load_run(run)
    tokenized = found.tokenized(split)
    kinds = labels_of(tokenized, found.corpus, found.config, split, labels).kinds
    if len(kinds) != 1:
        known = f"one of {', '.join(kinds)}" if kinds else "a file with one label per text"
        raise UserError(f"{run}: {len(kinds)} kinds of labels for {split}; give --labels, {known}")
    functions = as_text_model(LatentSpace(found.model, found.tokenizer))
    (own,) = kinds.values()
    _show(measure(functions, tokenized.texts, own, toward, away=away, strengths=numbers, most=texts, seed=seed), shown)


def _show(found: Steering, shown: int) -> None:
    from rich.text import Text

    from vaescope.cli.console import console, print_columns

    console.print(
        f"The vector has length {found.length:.2f} (by chance {found.length_by_chance:.2f}). The probe labels "
        f"{found.accuracy.value:.1%} ± {found.accuracy.se:.1%} of held-out texts rightly.",
        soft_wrap=True,
    )
    columns = ("strength", "p(label | text)", "change", "random direction", "own log p(x|z), nats", "path in holes")
    rows = []
    for level in found.levels:
        cells = (level.probability, level.change, level.random_change, level.own_likelihood, level.holes)
        rows.append([f"{level.strength:g}", *(f"{each.value:.3f} ± {each.se:.3f}" for each in cells)])
    print_columns(columns, rows)
    console.print(f"{len(found.steered)} texts of other labels; means with standard errors; changes are paired.")
    for i, text in enumerate(found.steered[:shown]):
        console.print(Text(f"\n{'':>8}  {text}"))
        for level in found.levels:
            console.print(Text(f"{level.strength:>8g}  {level.texts[i]}"))
