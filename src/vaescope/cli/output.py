"""How ``vaescope assess`` shows what it found: a table for a terminal, or one format alone on stdout."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vaescope.cli.added_options import option, wrapped

if TYPE_CHECKING:
    from vaescope.assessment.assessment import Assessment


class Format(StrEnum):
    """What stdout holds."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    json = "json"
    csv = "csv"


_form: ContextVar[Format] = ContextVar("format", default=Format.table)


def with_format(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--format`` to a command, which ``chosen`` reads."""
    text = "all but table: then it is all that stdout holds"
    added = [option("form", Format, Format.table, "--format", help=text)]

    def with_it(*, form: Format, **options: Any) -> None:
        token = _form.set(form)
        try:
            command(**options)
        finally:
            _form.reset(token)

    return wrapped(command, with_it, added)


def chosen() -> Format:
    """Return the format that the user chose."""
    return _form.get()


def show(assessment: Assessment, *, title: str) -> None:
    """Print the headline and the badges, then the estimates by question, then what to look at."""
    from rich.table import Table
    from rich.text import Text

    from vaescope.assessment.estimates_by_question import grouped
    from vaescope.cli.console import console, show_findings, show_verdict
    from vaescope.report.estimates import COLUMNS, cells

    console.print(Text(title, "bold"))
    show_verdict(assessment)
    # a narrow terminal has no room for the kinds; the relation before a value says which are bounds
    columns = COLUMNS if console.width >= 100 else COLUMNS[:-1]
    table = Table(box=None, padding=(0, 1, 0, 0))
    for column in columns:
        right = column in ("value", "SE", "95% interval")
        table.add_column(column, justify="right" if right else "left", no_wrap=column != "unit")
    for group, names in grouped(assessment.estimates).items():
        table.add_row()
        table.add_row(Text(group, "bold"))
        for name in names:
            row = cells(f"  {folded(name)}", assessment.estimates[name])
            table.add_row(*map(Text, row[: len(columns)]))
    console.print(table)
    console.print("\n≥ and ≤: the truth is above or below, up to the SE. No value: only the interval is known.\n")
    show_findings(assessment)


def folded(name: str, width: int = 30) -> str:
    r"""Break a long name after an underscore, never inside a word.

    >>> folded("probe_information_the_category_of_a_text")
    'probe_information_the_\n    category_of_a_text'
    """
    lines = [""]
    for word in name.replace("_", "_ ").split():
        if lines[-1] and len(lines[-1] + word) > width - 2 * (len(lines) > 1):
            lines.append("")
        lines[-1] += word
    return "\n    ".join(lines)


def written(file: Path, *, split: str | None, err: bool) -> None:
    """Say which files were written, after writing the page of the run where there can be one.

    Args:
        file: the file of the assessment.
        split: the split of the final model that a page is about; None for a kept model, which has no page.
        err: whether to say it on stderr.
    """
    lines = [f"written: {file}"]
    figures = file.with_name(f"{file.stem}-figures")
    lines += [f"figures: {figures}"] if figures.is_dir() else []
    lines += [_page(file, split)] if split else []
    for line in lines:
        typer.echo(line, err=err)


def _page(file: Path, split: str) -> str:
    """Write the page of one run into ``report``, or ``report-SPLIT``, next to its assessment."""
    from vaescope.cli.load_and_train import hide_other_bars
    from vaescope.errors import UserError
    from vaescope.report.page import compare

    run = file.parent
    out = run / file.stem.replace("assessment", "report")
    hide_other_bars()
    try:
        return f"page:    {compare([run], out, split=split, title=run.resolve().name, page='report.html')}"
    except UserError as error:
        return f"no page: {error}"
