"""The commands and the Python blocks of README and docs, as they are printed."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name not in ("commands.md", "configuration.md")),
]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(vaescope [a-z][^`\n]+)`")
PLACEHOLDER = re.compile(r"\b(?:[A-Z][A-Z_]{2,}|RUN\b)")
"""A word in capitals stands for something of the reader's: FOLDER, RUN, LM_RUN."""


@dataclass(frozen=True)
class Block:
    """A block of a page: its language and its text."""

    page: Path
    language: str
    text: str

    @property
    def name(self) -> str:
        return str(self.page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, and its indented commands as one block each."""
    text = page.read_text(encoding="utf-8")
    found = [Block(page, language, body) for language, body in FENCE.findall(text)]
    outside = FENCE.sub("", text)
    indented = re.findall(r"^    (vaescope .+)$", outside, re.MULTILINE)
    return found + [Block(page, "bash", line) for line in indented]


def commands(block: Block) -> list[str]:
    """Return the command lines of a block, with continued lines joined and comments left out."""
    if block.language not in ("bash", "sh"):
        return []
    lines = re.sub(r"\\\n\s*", " ", block.text).splitlines()
    return [line for raw in lines if (line := without_comment(raw))]


def inline(page: Path) -> list[str]:
    """Return the commands of vaescope within the sentences of a page."""
    return INLINE.findall(FENCE.sub("", page.read_text(encoding="utf-8")))


def without_comment(line: str) -> str:
    """Remove everything after a # outside quotes.

    >>> without_comment('vaescope sample "a # b" # says so')
    'vaescope sample "a # b"'
    """
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1].isspace()):
            return line[:place].strip()
    return line.strip()


def words_of(command: str) -> list[str]:
    """Return the words of a command before a redirection or a pipe; optional parts in brackets are left out."""
    words = shlex.split(re.sub(r"\s\[[A-Z][^\]]*\]", "", command).replace("...", ""))
    end = next((i for i, word in enumerate(words) if word in (">", "|", "2>", "&&")), len(words))
    return words[:end]


def vaescope_commands() -> list[tuple[str, str]]:
    """Return every command of vaescope that is printed, with its page."""
    found = []
    for page in PAGES:
        lines = [line for block in blocks(page) for line in commands(block)] + inline(page)
        # before the command may stand variables and launchers
        for line in lines:
            if match := re.search(r"(?:^|\s)vaescope [a-z-].*", line):
                found.append((str(page.relative_to(ROOT)), match.group().strip()))
    return list(dict.fromkeys(found))
