"""Write docs/results/thesis.md and its figures from its saved numbers: python examples/thesis/page.py

The words are those of page.md and reading.md in this folder; tables are put where the first names them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pictures

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "docs" / "results" / "thesis"
Run = dict[str, Any]
Group = list[Run]


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def spread(values: list[float], digits: int = 2) -> str:
    """Return the mean over seeds, with half the range of two seeds or the standard deviation of more."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{fmean(values):.{digits}f} ± {stdev(values):.{digits}f}"


def value(group: Group, name: str, digits: int = 2) -> str:
    """Return an estimate of a group of seeds, with the sign of a bound."""
    sign = {"lower": "≥ ", "upper": "≤ "}.get(group[0]["estimates"][name]["kind"], "") if name != "elbo" else ""
    return sign + spread([run["estimates"][name]["value"] for run in group], digits)


def interval(group: Group, name: str) -> str:
    """Return the ends of an interval, each the mean over the seeds."""
    low, high = (fmean(run["estimates"][name][end] for run in group) for end in ("low", "high"))
    return f"[{low:.2f}, {high:.2f}]"


def sample_error(group: Group, name: str) -> float:
    """Return the standard error over sentences of one run."""
    return group[0]["estimates"][name]["se"]


def objectives(groups: dict[str, Group]) -> str:
    """Return the table of these runs, one row per objective."""
    head = ["objective", "seeds", "R", "D", "ELBO", "log p(x)", "I(X;Z)", "marginal KL", "units"]
    names = ("rate", "distortion", "elbo", "log_likelihood")
    rows = [
        [
            f"`{label}`",
            str(len(group)),
            *(value(group, name) for name in names),
            interval(group, "mutual_information"),
            interval(group, "marginal_kl"),
            spread([run["estimates"]["active_units"]["value"] for run in group], 0),
        ]
        for label, group in groups.items()
    ]
    return table(head, rows)


def beside(groups: dict[str, Group], published: dict[str, Any]) -> str:
    """Return the rates and marginal KL of these runs next to the published ones."""
    rows = []
    for label, theirs in published["rows"].items():
        if label not in groups:
            continue
        group = groups[label]
        cells = [f"{theirs[k]:.2f}" if k in theirs else "–" for k in ("rate", "distortion", "elbo", "marginal_kl")]
        ours = [value(group, name) for name in ("rate", "distortion", "elbo")]
        rows.append([f"`{label}`", *cells, *ours, interval(group, "marginal_kl")])
    names = ("R", "D", "ELBO", "marginal KL")
    return table(["objective", *(f"{n}, published" for n in names), *(f"{n}, ours" for n in names)], rows)


def difference(run: Run, key: str, name: str) -> str:
    """Return a paired difference with its 95% interval over sentences."""
    mean, error = run[key][name]
    return f"{mean:+.2f} ± {1.96 * error:.2f}"


def headline(groups: dict[str, Group]) -> str:
    """Return free bits minus the minimum desired rate at the same target and seed."""
    head = ["target", "kind", "seed", "R", "D", "ELBO", "log p(x)", "marginal KL, mdr", "marginal KL, this", "apart by"]
    rows = []
    for kind in ("free_bits", "cyclical_free_bits"):
        for target in (4, 8, 16, 24, 32):
            for run in groups.get(f"{kind}-{target}", []):
                mdr = next((r for r in groups.get(f"mdr-{target}", []) if r["seed"] == run["seed"]), None)
                if mdr is None:
                    continue
                low, high = (mdr["estimates"]["marginal_kl"], run["estimates"]["marginal_kl"])
                names = ("rate", "distortion", "elbo", "log_likelihood")
                ends = [f"[{e['low']:.2f}, {e['high']:.2f}]" for e in (low, high)]
                apart = f"≥ {high['low'] - low['high']:.2f}" if high["low"] > low["high"] else "intervals overlap"
                cells = [difference(run, "against_mdr", name) for name in names]
                rows.append([str(target), f"`{kind}`", str(run["seed"]), *cells, *ends, apart])
    return table(head, rows)


def constraints(groups: dict[str, Group]) -> str:
    """Return how well the multiplier held the rate: on the test set, and during the last fifth of training."""
    head = ["target", "seed", "R, test", "off by", "R, last fifth of training", "farthest from the target there"]
    rows = []
    for target in (4, 8, 16, 24, 32):
        for run in groups.get(f"mdr-{target}", []):
            rate, line = run["estimates"]["rate"]["value"], [r for _, r in run["trajectory"]]
            last = line[-len(line) // 5 :]
            stray = max(abs(r / target - 1) for r in last)
            off = f"{rate / target - 1:+.1%}"
            rows.append([str(target), str(run["seed"]), f"{rate:.2f}", off, f"{fmean(last):.2f}", f"{stray:.1%}"])
    return table(head, rows)


def follow_up(groups: dict[str, Group], published: dict[str, Any]) -> str:
    """Return the table of the follow-up paper: these runs with errors, the published values in brackets."""
    head = ["objective", "R", "D", "ELBO", "log p(x)", "log p(x) − language model, paired", "MMD², ×1000"]
    rows = []
    for label, theirs in published["follow_up"].items():
        if label not in groups:
            continue
        group = groups[label]
        pairs = [r["against_language_model"] for r in group if r["against_language_model"]]
        paired = difference(group[0], "against_language_model", "log_likelihood") if pairs else "–"
        cells = [
            f"{value(group, name)} ({sample_error(group, name):.2f}) [{theirs[name]:.2f}]"
            for name in ("rate", "distortion", "elbo", "log_likelihood")
        ]
        mmd = group[0]["mmd"]
        rows.append(
            [
                f"{theirs['name']} (`{label}`)",
                *cells,
                paired,
                f"{1e3 * mmd['value']:.2f} ({1e3 * mmd['se']:.2f}) [{1e3 * theirs['mmd']:.1f}]",
            ]
        )
    return table(head, rows)


def language_model(groups: dict[str, Group]) -> str:
    """Return what z saves: each objective minus the language model on the same sentences, first seed."""
    head = ["objective", "R", "D saved, per sentence", "nats of D per nat of R", "ELBO", "log p(x)"]
    rows = []
    for label, group in groups.items():
        pair = group[0]["against_language_model"]
        if pair is None:
            continue
        rate, saved = group[0]["estimates"]["rate"]["value"], -pair["distortion"][0]
        ratio = f"{saved / rate:.2f}" if rate > 0.5 else "–"
        bought = f"{saved:.2f} ± {1.96 * pair['distortion'][1]:.2f}"
        ends = [difference(group[0], "against_language_model", name) for name in ("elbo", "log_likelihood")]
        rows.append([f"`{label}`", f"{rate:.2f}", bought, ratio, *ends])
    return table(head, rows)


def bounds() -> str:
    """Return the table of bounds on log p(x), by how many samples and which proposal."""
    found = json.loads((OUT / "bounds.json").read_text(encoding="utf-8"))
    few, many = found["few"], found["samples"]
    head = ["objective", "ELBO", f"q(z given x), S = {few}", f"S = {many}", f"adapted, S = {many}"]
    rows = [
        [
            f"`{label}`",
            *(f"{run[name][0]:.2f} ({run[name][1]:.2f})" for name in ("elbo", "few", "many", "adapted")),
            *("–" if label == "language_model" else difference(run, "gain", name) for name in ("many", "adapted")),
        ]
        for label, run in found["runs"].items()
    ]
    against = [f"S = {many}, less the language model's", "adapted, less the language model's"]
    return table([*head, *against], rows)


PARTS: dict[str, Callable[[dict[str, Group], dict[str, Any]], str]] = {
    "objectives": lambda groups, _: objectives(groups),
    "beside": beside,
    "headline": lambda groups, _: headline(groups),
    "constraints": lambda groups, _: constraints(groups),
    "follow_up": follow_up,
    "language_model": lambda groups, _: language_model(groups),
}


def grouped(file: Path, order: list[str]) -> dict[str, Group]:
    """Return the runs of a file by their label, in an order."""
    found: dict[str, Group] = defaultdict(list)
    for run in json.loads(file.read_text(encoding="utf-8"))["runs"].values():
        found[run["label"]].append(run)
    return {label: found[label] for label in [*order, *sorted(found.keys() - set(order))] if label in found}


def main() -> None:
    """Write the page and draw the figures."""
    published = json.loads((HERE / "published.json").read_text(encoding="utf-8"))
    order = ["language_model", "vae", *(f"beta_vae-{b}" for b in (0.75, 0.5, 0.25)), "autoencoder", "cyclical"]
    order += [f"{kind}-{t}" for kind in ("mdr", "free_bits", "cyclical_free_bits") for t in (4, 8, 16, 24, 32)]
    groups = grouped(OUT / "numbers.json", order)
    pretrained = grouped(OUT / "pretrained.json", order)
    text = (HERE / "page.md").read_text(encoding="utf-8")
    text = text.replace("<!-- reading -->", (HERE / "reading.md").read_text(encoding="utf-8").strip())
    for name, part in PARTS.items():
        text = text.replace(f"<!-- {name} -->", part(groups, published))
    text = text.replace("<!-- bounds -->", bounds())
    text = text.replace("<!-- pretrained -->", "\n\n".join([objectives(pretrained), headline(pretrained)]))
    OUT.with_suffix(".md").write_text(text, encoding="utf-8")
    pictures.draw(groups, published, OUT)


if __name__ == "__main__":
    main()
