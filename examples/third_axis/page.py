"""Write docs/results/third_axis.md and its figures from its saved numbers: python examples/third_axis/page.py

The words are those of page.md and reading.md in this folder; tables are put where the first names them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pictures

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "docs" / "results" / "third_axis"
ORDER = ("language_model", "vae", "free_bits", "free_bits_total", "mdr", "information_floor", "marginal_cap")
Run = dict[str, Any]


def family(label: str) -> str:
    """Return the objective of a label, without its target."""
    return label.rpartition("-")[0] or label


def target(label: str) -> float:
    """Return the target of a label, 0 where it has none."""
    end = label.rpartition("-")[2]
    return float(end) if end.isdigit() else 0.0


def load() -> list[Run]:
    """Return the finished runs, by objective, target and seed."""
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in OUT.glob("*_seed*.json")]
    return sorted(runs, key=lambda run: (ORDER.index(family(run["label"])), target(run["label"]), run["seed"]))


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def name(run: Run) -> str:
    """Return the label of a run, with its seed where it is not the first."""
    return f"`{run['label']}`" + (f", seed {run['seed']}" if run["seed"] else "")


def value(estimates: Run, key: str) -> str:
    """Return an estimate with its standard error."""
    found = estimates[key]
    return f"{found['value']:.2f} ± {found['se']:.2f}"


def interval(estimates: Run, key: str) -> str:
    """Return the ends of an interval and its width."""
    low, high = estimates[key]["low"], estimates[key]["high"]
    return f"[{low:.2f}, {high:.2f}]"


def still_falls(run: Run) -> float:
    """Return by how much D + R of the validation texts fell in the last fifth of training."""
    curve = run["curve"]
    last = curve[-1]["step"]
    losses = [(point["step"], point["distortion"] + point["rate"]) for point in curve]
    before = [loss for step, loss in losses if step <= 0.8 * last][-1]
    return before - losses[-1][1]


def with_latent(runs: list[Run]) -> list[Run]:
    """Return the runs that have a latent."""
    return [run for run in runs if "mutual_information" in (run["trained"] or {})]


def numbers(runs: list[Run]) -> str:
    """Return the parts of the rate of each run."""
    head = ["objective", "R", "D", "I(X;Z)", "marginal KL", "R + D - H", "decoder mismatch", "log p(x) ≥"]
    rows = []
    for run in with_latent(runs):
        e = run["trained"]
        joint = e["joint_inconsistency"]
        low, high = joint["decoder_mismatch"]
        cells = [
            value(e, "rate"),
            value(e, "distortion"),
            interval(e, "mutual_information"),
            interval(e, "marginal_kl"),
        ]
        rows.append(
            [name(run), *cells, value(e, "joint_inconsistency"), f"[{low:.2f}, {high:.2f}]", value(e, "log_likelihood")]
        )
    return table(head, rows)


def refits(runs: list[Run]) -> str:
    """Return the numbers after refitting the prior, and the decoder."""
    head = ["objective", "R", "R, prior refit", "marginal KL", "marginal KL, prior refit", "D", "D, decoder refit"]
    rows = []
    for run in with_latent(runs):
        before, prior, decoder = run["trained"], run["refit"], run["decoder"]
        if prior is None and decoder is None:
            continue
        cells = [value(before, "rate"), value(prior, "rate") if prior else "–", interval(before, "marginal_kl")]
        cells += [interval(prior, "marginal_kl") if prior else "–", value(before, "distortion")]
        rows.append([name(run), *cells, value(decoder, "distortion") if decoder else "–"])
    return table(head, rows) if rows else "No run has been refitted yet."


def binds(runs: list[Run]) -> str:
    """Return which bounds the ends are, and how wide the intervals are."""
    head = ["objective", "width of I", "lower end by", "upper end by", "width of marginal KL"]
    rows = []
    for run in with_latent(runs):
        i, kl = run["trained"]["mutual_information"], run["trained"]["marginal_kl"]
        widths = [f"{e['high'] - e['low']:.2f}" for e in (i, kl)]
        rows.append([name(run), widths[0], i["low_by"], i["high_by"], widths[1]])
    return table(head, rows)


def training(runs: list[Run]) -> str:
    """Return the validation loss during training."""
    shares = (0.2, 0.4, 0.6, 0.8, 1.0)
    head = ["run", *(f"D + R at {share:.0%}" for share in shares), "gained in the last fifth"]
    rows = []
    for run in runs:
        last, points = run["curve"][-1]["step"], run["curve"]
        at = [[p for p in points if p["step"] <= share * last][-1] for share in shares]
        losses = [f"{p['distortion'] + p['rate']:.2f}" for p in at]
        rows.append([name(run), *losses, f"{still_falls(run):.2f}"])
    return table(head, rows)


def worlds(runs: list[Run]) -> str:
    """Return the worlds that the runs were trained on, one line each."""
    found = {json.dumps(run["world"], sort_keys=True): run["world"] for run in runs}
    of = "H(X) = {value:.2f} ± {se:.2f} nats per text"
    return "; ".join(of.format(**w["entropy"]) for w in found.values())


def main() -> None:
    """Write the page and draw the figures."""
    runs = load()
    text = (HERE / "page.md").read_text(encoding="utf-8")
    text = text.replace("<!-- reading -->", (HERE / "reading.md").read_text(encoding="utf-8").strip())
    for part in (worlds, numbers, refits, binds, training):
        text = text.replace(f"<!-- {part.__name__} -->", part(runs))
    OUT.with_suffix(".md").write_text(text, encoding="utf-8")
    pictures.draw(with_latent(runs), OUT)


if __name__ == "__main__":
    main()
