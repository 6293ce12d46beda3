"""Print the tables of docs/results/chunks.md: ``python examples/chunks/table.py FILE ...`` (files of chunks.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROWS = {
    "rate": "rate",
    "latent_sequence": "rate per latent",
    "distortion": "distortion",
    "mutual_information": "information",
    "marginal_kl": "marginal KL",
    "information_ceiling": "information ceiling",
    "information_ceiling_waste": "rate beyond the ceiling",
    "dimension_kl": "marginal KL within single units",
    "active_units": "active units of 192",
}
INTERVALS = ("mutual_information", "marginal_kl")


def table(results: dict[str, Any]) -> str:
    """Return the estimates of every model and prior, a column each, in Markdown."""
    columns = [(model, prior) for model in ("clamp", "mdr") if model in results for prior in ("standard", "learned")]
    head = ["nats per text", *(f"{model}, {prior} prior" for model, prior in columns)]
    rows = [
        [words, *(cell(results[model][prior].get(name), name in INTERVALS) for model, prior in columns)]
        for name, words in ROWS.items()
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def cell(found: dict[str, Any] | None, interval: bool) -> str:
    """Return an interval by itself, or a value with its 95% interval."""
    if found is None:
        return "–"
    ends = f"[{found['low']:.2f}, {found['high']:.2f}]"
    return ends if interval else f"{found['value']:.2f} {ends}"


def main(files: list[str]) -> None:
    """Print a table for each file."""
    for file in files:
        print(table(json.loads(Path(file).read_text(encoding="utf-8"))), end="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
