"""The page that explains a finding or a number: which one it is, and its text."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from vaescope import choices
from vaescope.errors import UserError, unknown

_PACKAGE = Path(__file__).parents[1]
FOLDERS = (_PACKAGE / "explanations", _PACKAGE.parents[1] / "docs" / "diagnostics")
"""Where the pages are: in an installed package, and in a checkout of the repository."""

PAGE_OF = {
    "latent_use": "rate",
    "outlying_texts": "rate",
    "decoder_use": "latent_use",
    "surplus_rate": "mutual_information",
    "rate_return": "multiplier",
    "unfinished_texts": "text_statistics",
    "repeated_texts": "texts",
    "training_texts": "texts",
    "lost_text": "texts",
}
"""The pages of findings that have another name than their page."""

_STARTS = {"identity_": "identities", "text_": "text_statistics"}


@cache
def pages() -> tuple[str, ...]:
    """Return the names of all pages, sorted."""
    written = {file.stem for folder in FOLDERS for file in folder.glob("*.md")}
    return tuple(sorted(written | set(choices.names("diagnostics"))))


def page_of(name: str) -> str:
    """Return the page of a finding, or an empty string where there is none.

    >>> page_of("latent_use"), page_of("identity_rate"), page_of("probe_topic"), page_of("somebody_elses")
    ('rate', 'identities', 'probe', '')
    """
    if name in PAGE_OF:
        return PAGE_OF[name]
    start = next((page for start, page in _STARTS.items() if name.startswith(start)), "")
    return start or page_of_estimate(name)


def page_of_estimate(name: str) -> str:
    """Return the page of an estimate, whose name begins with that of its diagnostic.

    >>> page_of_estimate("latent_use_prior"), page_of_estimate("probe_information_topic")
    ('latent_use', 'probe')
    """
    return max((page for page in pages() if name == page or name.startswith(f"{page}_")), key=len, default="")


def pages_about(name: str) -> list[str]:
    """Return every page about a finding, an estimate or a diagnostic.

    Raises:
        UserError: nothing has this name.
    """
    found = list(dict.fromkeys(page for page in (page_of(name), page_of_estimate(name)) if page))
    if not found:
        raise unknown("finding or number", name, sorted({*pages(), *PAGE_OF}))
    return found


def text_of(page: str) -> str:
    """Return the text of a page, in Markdown.

    Raises:
        UserError: no such page.
    """
    for folder in FOLDERS:
        if (file := folder / f"{page}.md").is_file():
            return file.read_text(encoding="utf-8")
    if page in choices.names("diagnostics"):
        return choices.explanation("diagnostics", page)
    raise UserError(f"{page}: no such page; the pages are {', '.join(pages())}")


def in_short(page: str) -> dict[str, str]:
    """Return the parts of a page by their headings, each as plain text on one line.

    >>> in_short("rate")["The question"]
    'What does a code cost?'
    """
    parts = re.split(r"^\*\*([^*]+?)\.\*\*", text_of(page), flags=re.MULTILINE)
    return {head: _plain(body) for head, body in zip(parts[1::2], parts[2::2], strict=True)}


def _plain(markdown: str) -> str:
    """Return the first paragraph without the marks of Markdown."""
    first = markdown.strip().split("\n\n")[0]
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", first)
    return " ".join(re.sub(r"[`*$]", "", text).split())
