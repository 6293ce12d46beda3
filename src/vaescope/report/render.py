"""Templates of pages: one file without external resources, safe against what the texts contain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from vaescope import __version__
from vaescope.plotting import PALETTE
from vaescope.writing import write_text


def write_page(path: Path, template: str, **content: Any) -> Path:
    """Fill a template of this folder, write it to a file, whose folder is made, and return its path."""
    environment = Environment(
        loader=PackageLoader("vaescope.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template).render(version=__version__, palette=PALETTE, **content)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page)
    return path
