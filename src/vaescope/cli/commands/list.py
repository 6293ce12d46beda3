"""``vaescope list``: what there is to choose from."""

from __future__ import annotations

from typing import Annotated

import typer


def list_choices(
    kind: Annotated[str | None, typer.Argument(help="corpora, priors, terms, ...; by default all names")] = None,
) -> None:
    """List the names of all choices, or the choices of a kind, each with one line of explanation."""
    from rich.table import Table
    from rich.text import Text

    from vaescope import choices
    from vaescope.cli.console import console
    from vaescope.errors import unknown

    if kind is not None and kind not in choices.KINDS:
        raise unknown("kind of choice", kind, choices.KINDS)
    if kind is None:
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for each in choices.KINDS:
            table.add_row(Text(each, "bold"), Text(", ".join(choices.names(each))))
        console.print(table)
        console.print("\nvaescope list KIND explains each in one line.")
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for name in choices.names(kind):
        table.add_row(name, Text(choices.summary(kind, name)))
    console.print(table)
