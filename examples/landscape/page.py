"""Write docs/results/landscape.md from the numbers that the two scripts saved."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

HERE = Path(__file__).parent
ROWS = {
    "the usual numbers": ("elbo", "rate", "distortion", "joint_inconsistency", "inference_gap", "log_likelihood"),
    "q(z) against p(z)": (
        "marginal_kl",
        "moment_kl",
        "mmd",
        "sliced_wasserstein",
        "radius",
        "kolmogorov_smirnov",
        "classifier_two_sample_logistic",
        "total_correlation",
        "holes",
    ),
    "what z says about x": ("mutual_information", "active_units"),
}
"""Which estimates the page compares, in its order."""

FINAL = ("rate", "distortion", "elbo", "mutual_information", "marginal_kl", "dimension_kl", "total_correlation")


def write_page(out: Path) -> Path:
    """Write the page next to the folder ``out`` from its files; what is missing is left out."""
    parts = {"closed_forms": "", "sees": "", "floors": "", "along": "", "snapshots": ""}
    if (out / "landscape.json").exists():
        found = json.loads((out / "landscape.json").read_text(encoding="utf-8"))
        parts |= {"closed_forms": closed_forms(found), "sees": sees(found), "floors": floors(found["forced"])}
    if (out / "along_training.json").exists():
        found = json.loads((out / "along_training.json").read_text(encoding="utf-8"))
        parts |= {"along": along(found), "snapshots": first_seed(found)}
    text = (HERE / "page.md").read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"<!-- {name} -->", part)
    path = out.parent / f"{out.name}.md"
    path.write_text(text, encoding="utf-8")
    return path


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def closed_forms(found: dict[str, Any]) -> str:
    """Return the exact values at both ends of both paths."""
    names = ("elbo", "rate", "distortion", "information", "marginal_kl")
    ends = [(model, end) for model in ("linear", "toy") for end in (0, -1)]
    rows = [
        [name.replace("_", " "), *(f"{found[model][end]['exact'][name]:.3f}" for model, end in ends)] for name in names
    ]
    return table(["exact, nats", "linear, A", "linear, E", "toy, A", "toy, E"], rows)


def interval(estimate: dict[str, Any]) -> str:
    """Return the 95% interval of an estimate."""
    return f"[{estimate['low']:.2f}, {estimate['high']:.2f}]"


def apart(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two intervals do not overlap."""
    return one["high"] < other["low"] or other["high"] < one["low"]


def sees(found: dict[str, Any]) -> str:
    """Return what vaescope measured at both ends, and whether the intervals are apart."""
    rows = []
    for group, names in ROWS.items():
        rows.append([f"*{group}*", "", "", "", ""])
        for name in names:
            cells = [name]
            for model in ("linear", "toy"):
                one, other = (found[model][end]["estimates"].get(name) for end in (0, -1))
                if one is None or other is None:
                    cells += ["too few texts", ""]
                    continue
                cells += [f"{interval(one)} → {interval(other)}", "**apart**" if apart(one, other) else "–"]
            rows.append(cells)
    at = {m: " → ".join(found[m][end]["verdicts"]["marginal_kl"] for end in (0, -1)) for m in ("linear", "toy")}
    rows.append(["verdict of marginal_kl", at["linear"], "", at["toy"], ""])
    return table(["measured", "linear, A → E", "", "toy, A → E", ""], rows)


def floors(forced: dict[str, list[dict[str, Any]]]) -> str:
    """Return the end of each training with a floor on the rate, and its multiplier."""
    names = ("rate", "distortion", "information", "marginal_kl")
    rows = [
        [
            f"linear, starts with {row['start']}" if "start" in row else "toy",
            f"{row['floor']:g}",
            *(f"{row['exact'][name]:.2f}" for name in names),
            f"{row['multiplier']:.3f} ({row['verdict']})",
        ]
        for row in [*forced["linear"], *forced["toy"]]
    ]
    return table(["model", "floor", "rate", "distortion", "information", "marginal KL", "multiplier"], rows)


def along(found: dict[str, list[dict[str, Any]]]) -> str:
    """Return the end of the runs: the mean over seeds with its standard error."""
    rows = []
    for name in FINAL:
        cells = [name]
        for runs in found.values():
            values = [run["final"][name][0] for run in runs]
            cells.append(f"{fmean(values):.2f} ± {stdev(values) / len(values) ** 0.5:.2f}")
        rows.append(cells)
    return table([f"mean ± SE of {len(next(iter(found.values())))} seeds, nats per text", *found], rows)


def first_seed(found: dict[str, list[dict[str, Any]]]) -> str:
    """Return rate, information and marginal KL of the snapshots of the first seed."""
    rows = []
    for name, runs in found.items():
        for shot in runs[0]["snapshots"]:
            ends = [f"{shot[key][1]:.2f} to {shot[key][2]:.2f}" for key in ("mutual_information", "marginal_kl")]
            rows.append([name, str(shot["step"]), f"{shot['rate'][0]:.2f}", *ends])
    return table(["run", "step", "rate", "information", "marginal KL"], rows)
