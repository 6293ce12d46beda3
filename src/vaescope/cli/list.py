"""``vaescope list``: what there is to choose from."""

from __future__ import annotations

from typing import Annotated

import typer


def list_choices(
    kind: Annotated[str | None, typer.Argument(help="corpora, injections, priors, terms, ...; all by default")] = None,
) -> None:
    """List the choices of a kind, each with one line of explanation."""
    from rich.table import Table
    from rich.text import Text

    from vaescope import choices
    from vaescope.cli.console import console
    from vaescope.errors import unknown

    if kind is not None and kind not in choices.KINDS:
        raise unknown("kind of choice", kind, choices.KINDS)
    for shown in [kind] if kind else choices.KINDS:
        console.print(shown, style="bold")
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
        table.add_column(style="cyan", no_wrap=True)
        table.add_column()
        for name in choices.names(shown):
            table.add_row(name, Text(choices.summary(shown, name)))
        console.print(table)
        console.print()
