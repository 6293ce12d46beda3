"""``vaescope explain``: the page of a finding, a number or a diagnostic."""

from __future__ import annotations

from typing import Annotated

import typer


def explain(
    name: Annotated[str, typer.Argument(help="a finding, a number or a diagnostic: holes")],
) -> None:
    """Say what a finding or a number means: the question, the number, when not to trust it, the verdict, the source."""
    from rich.markdown import Markdown

    from vaescope.assessment.explanations import pages_about, text_of
    from vaescope.cli.console import console

    for place, page in enumerate(pages_about(name)):
        if place:
            console.print()
        text = text_of(page)
        console.print(Markdown(text) if console.is_terminal else text, soft_wrap=not console.is_terminal, markup=False)
