"""Pathological directions of the ELBO in closed form, and which numbers of an assessment show them.

    python examples/landscape/landscape.py --out docs/results/landscape

Two VAEs with two parameters each (closed_forms.py). On each a path along which the ELBO stays put while what the rate
pays for changes from information to marginal KL. At five points of each path a sweep of fresh data is assessed by
vaescope. Then both are trained under floors on the rate (forced.py). Writes landscape.json, landscape.png and the page.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from closed_forms import READ_RATE, Linear, Toy
from forced import force
from landscape_figure import draw, save_small
from page import write_page

import vaescope

TEXTS, SAMPLES, STOPS = 2000, 64, 5
UNREAD_RATE = 2.0
TOY_ELBO = -2.7
FLOORS = (1.0, 1.5, 2.0, 2.5, 3.0)
STARTS = {"narrow codes": [0.1, 0.9], "between": [0.6, 0.6], "wide codes": [0.1, 1.1]}
"""Where the unread unit of the linear model starts: slope and standard deviation."""


def linear_stops(count: int) -> torch.Tensor:
    """Return points of the path on the linear model, ``[count, 2]``."""
    return Linear().path(UNREAD_RATE, torch.linspace(1, 0, count, dtype=torch.float64))


def toy_stops(count: int) -> torch.Tensor:
    """Return points of the path on the toy, ``[count, 2]``."""
    return Toy().path(TOY_ELBO, torch.linspace(0.85, 1.75, count, dtype=torch.float64))


def exact(model: Linear | Toy, point: torch.Tensor) -> dict[str, float]:
    """Return the closed forms at a point."""
    at = model.numbers(*point)
    names = ("rate", "distortion", "information", "marginal_kl", "elbo")
    return {name: getattr(at, name).item() for name in names}


def measured(model: Linear | Toy, point: torch.Tensor, seed: int) -> dict[str, Any]:
    """Assess a sweep at a point; return every estimate with its ends, and the verdicts."""
    draws = model.draws(*point.tolist(), texts=TEXTS, samples=SAMPLES, seed=seed)
    found = vaescope.assess(draws)
    estimates = {
        name: {"value": e.value, "low": e.low, "high": e.high, "kind": e.kind, "unit": e.unit}
        for name, e in found.estimates.items()
    }
    return {"estimates": estimates, "verdicts": {f.name: f.verdict for f in found.findings}}


def along(model: Linear | Toy, stops: torch.Tensor) -> list[dict[str, Any]]:
    """Return exact and measured values at each stop, from fresh data each time."""
    return [
        {"parameters": point.tolist(), "exact": exact(model, point), **measured(model, point, seed)}
        for seed, point in enumerate(stops)
    ]


def forced() -> dict[str, list[dict[str, Any]]]:
    """Train both models with floors on the rate, and return the multipliers."""
    linear, toy = Linear(), Toy()
    rows: dict[str, list[dict[str, Any]]] = {"linear": [], "toy": []}
    for name, start in STARTS.items():
        run = force(linear.numbers, start, READ_RATE + UNREAD_RATE)
        row = {"start": name, "floor": READ_RATE + UNREAD_RATE, "path": run.path[::100].tolist()}
        rows["linear"].append(row | {"exact": exact(linear, run.path[-1]), **judged(run.multipliers)})
    for floor in FLOORS:
        run = force(toy.numbers, [0.8, 0.8, 0.7], floor)
        rows["toy"].append({"floor": floor, "exact": exact(toy, run.path[-1]), **judged(run.multipliers)})
    return rows


def judged(multipliers: list[float]) -> dict[str, Any]:
    """Return the estimate and the verdict of the diagnostic ``multiplier``, which reads nothing else of the draws."""
    draws = Toy().draws(1.0, 0.5, texts=100, samples=1, seed=0)
    draws.metadata["multipliers"] = {"rate>=": multipliers}
    found = vaescope.assess(draws, diagnostics=["multiplier"])
    (finding,) = [f for f in found.findings if f.name == "rate_return"]
    return {"multiplier": found.estimates["multiplier"].value, "verdict": finding.verdict}


def rounded(content: Any) -> Any:
    """Return numbers rounded to five digits."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [rounded(value) for value in content]
    return round(content, 5) if isinstance(content, float) else content


def main(out: Path) -> None:
    """Compute, measure, draw and write."""
    torch.manual_seed(0)
    found = {
        "texts": TEXTS,
        "samples": SAMPLES,
        "entropy": {"linear": Linear.entropy, "toy": Toy.entropy},
        "linear": along(Linear(), linear_stops(STOPS)),
        "toy": along(Toy(), toy_stops(STOPS)),
        "forced": forced(),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "landscape.json").write_text(json.dumps(rounded(found)) + "\n", encoding="utf-8")
    picture = draw(found, {"linear": linear_stops(401), "toy": toy_stops(81)})
    image = save_small(picture, out / "landscape.png", dpi=120)
    print(f"written: {out / 'landscape.json'}, {image}, {write_page(out)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/results/landscape"))
    main(parser.parse_args().out)
