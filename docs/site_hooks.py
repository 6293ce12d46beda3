"""What the site needs beyond its pages: the generated reference, mathematics as MathML, links that leave the site.

mkdocs calls these functions by their names. Pages write mathematics as on GitHub (``$x$``, ``$$x$$``), docstrings write
``:math:`x```. Both become MathML, which browsers draw without a script or a font from elsewhere.
"""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

DOCS = Path(__file__).parent
CODE = re.compile(r"(```.*?```|~~~.*?~~~|`[^`\n]*`)", re.DOTALL)
OUTSIDE = re.compile(
    r"\[([^\]]+)\]\((?:\.\./)+(?:examples|benchmarks|src|tests|README|CONTRIBUTING|CHANGELOG|CITATION)[^)]*\)"
)


def on_pre_build(config: Any) -> None:
    """Write the reference pages from the program itself."""
    subprocess.run([sys.executable, str(DOCS / "make_reference.py")], check=True)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Convert mathematics outside code, and name files of the repository instead of linking to them."""
    parts = CODE.split(OUTSIDE.sub(r"`\1`", markdown.replace("[`", "[").replace("`](", "](")))
    return "".join(part if index % 2 else _mathematics(part) for index, part in enumerate(parts))


def on_page_content(content: str, **_: Any) -> str:
    """Convert the mathematics of docstrings."""
    return re.sub(r":math:<code>(.*?)</code>", lambda found: convert(html.unescape(found[1])), content, flags=re.DOTALL)


def _mathematics(text: str) -> str:
    text = re.sub(r"\$\$(.+?)\$\$", lambda found: convert(found[1], display="block"), text, flags=re.DOTALL)
    return re.sub(r"(?<![\\\w$])\$([^$\n]+?)\$(?![\w$])", lambda found: convert(found[1]), text)
