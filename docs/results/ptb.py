"""Write docs/results/ptb.md from the saved assessments: python docs/results/ptb.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RUNS = {"plain VAE": "vae", "minimum desired rate 8": "mdr8"}
ROWS = (
    "rate",
    "distortion",
    "elbo",
    "log_likelihood",
    "perplexity_per_token",
    "perplexity_per_word",
    "bits_per_byte",
    "mutual_information",
    "marginal_kl",
    "active_units",
)


def cell(estimate: dict[str, Any]) -> str:
    """Return an estimate with its error or its ends."""
    if estimate["kind"] == "interval":
        return f"{estimate['value']:.2f} in [{estimate['low']:.2f}, {estimate['high']:.2f}]"
    sign = {"lower": "≥ ", "upper": "≤ "}.get(estimate["kind"], "")
    return f"{sign}{estimate['value']:.2f} ± {estimate['se']:.2f}"


def table(split: str) -> list[str]:
    """Return the lines of one split's table."""
    runs = {title: json.loads((HERE / "ptb" / f"{name}-{split}.json").read_text()) for title, name in RUNS.items()}
    lines = [f"| {split} | unit | kind | " + " | ".join(runs) + " |", "|---" * (3 + len(runs)) + "|"]
    for name in ROWS:
        estimates = [run["estimates"][name] for run in runs.values()]
        first = estimates[0]
        cells = " | ".join(cell(estimate) for estimate in estimates)
        lines.append(f"| {name} | {first['unit']} | {first['kind']} | {cells} |")
    return lines


def identities(split: str) -> list[str]:
    """Return one line per run with the identities that must hold."""
    lines = []
    for title, name in RUNS.items():
        e = json.loads((HERE / "ptb" / f"{name}-{split}.json").read_text())["estimates"]
        gap = e["rate"]["value"] - e["mutual_information"]["value"] - e["marginal_kl"]["value"]
        gain = e["log_likelihood"]["value"] - e["elbo"]["value"]
        both = f"rate - (information + marginal KL) = {gap:.0e} (by construction)"
        lines.append(f"- {title}, {split}: {both}; log-likelihood - ELBO = {gain:.3f} nats.")
    return lines


def main() -> None:
    """Write the page: the head by hand, then the tables."""
    head = (HERE / "ptb" / "head.md").read_text()
    parts = [head.rstrip(), *("\n".join(table(s)) for s in ("valid", "test"))]
    parts.append("\n".join(identities("valid") + identities("test")))
    parts.append((HERE / "ptb" / "reading.md").read_text().rstrip())
    (HERE / "ptb.md").write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
