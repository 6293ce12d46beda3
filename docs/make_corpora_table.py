"""Write the tables of docs/corpora.md again from the corpora themselves: ``python docs/make_corpora_table.py``."""

from __future__ import annotations

import math
from pathlib import Path

from vaescope import choices
from vaescope.corpora.known._known import DiscreteCause, KnownCorpus

PAGE = Path(__file__).with_name("corpora.md")

DIALS = {
    "template": ("concentration", (0.1, 0.5, 5.0)),
    "topic_bigram": ("shared", (0.0, 0.4, 0.8, 1.0)),
    "topic_pcfg": ("purity", (0.3, 0.5, 0.8, 0.95)),
    "polya": ("length", (1, 5, 20, 60)),
    "gauss_topic": ("scale", (0.5, 1.0, 2.0)),
}
"""The option that turns I(X;K) of each corpus up and down, and the values that the page shows."""


def main() -> None:
    """Replace what stands between the marks of each table."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables().items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        text = before + mark + table + rest[rest.index("\n<!-- end -->") :]
    PAGE.write_text(text, encoding="utf-8")


def tables() -> dict[str, str]:
    """Return the tables in Markdown by name."""
    quantities = [row(name, choices.build("corpora", name)) for name in choices.names("corpora")]
    head = ["corpus", "cause", "words known", "words a text", "H(X)", "H(X\\|K)", "I(X;K)", "most I", "numerical error"]
    return {"quantities": markdown(head, quantities), "dials": markdown(["corpus", "option", "I(X;K)"], dials())}


def row(name: str, corpus: KnownCorpus) -> list[str]:
    """Return the exact numbers of a corpus with its default options."""
    numbers = [corpus.entropy(), corpus.conditional_entropy(), corpus.mutual_information()]
    if isinstance(corpus, DiscreteCause):
        cause = f"one of {len(corpus.prior())}" if len(corpus.prior()) > 1 else "none"
        most = f"{-sum(p * math.log(p) for p in corpus.prior().tolist()) + 0.0:.4f}"
    else:
        cause, most = f"{corpus.sample_with_cause(1, seed=0)[1].shape[1]} real numbers", "none"
    words = [str(len(corpus.vocabulary)), f"{corpus.expected_length():.3f}"]
    return [f"`{name}`", cause, *words, *(f"{v:.4f}" for v in numbers), most, f"{corpus.numerical_error:.0e}"]


def dials() -> list[list[str]]:
    """Return the information at several values of the option that governs it."""
    rows = []
    for name, (option, values) in DIALS.items():
        shown = [(v, choices.build("corpora", name, **{option: v}).mutual_information()) for v in values]
        rows.append([f"`{name}`", f"`{option}`", ", ".join(f"{v}: {i:.4f}" for v, i in shown)])
    return rows


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
