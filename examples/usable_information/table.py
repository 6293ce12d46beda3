"""Does information in z mean usable information? Labels read from z against labels read from the text.

    python examples/usable_information/table.py yelp=DATA/yelp:runs/usable/yelp e2e=DATA/e2e:runs/usable/e2e

Each argument is NAME=FOLDER:RUNS: the folder of texts and attributes that ``subset.py`` wrote, and that of the runs
of the study, assessed on the validation split. An attribute is read by logistic regression, cross-validated, from one
sample z ~ q(z|x) of each text (and by trees, which need not be linear), and, as the ceiling, from words and pairs of
words of the text itself by the same reader. Writes docs/results/usable_information.json and, with the words of page.md
and reading.md, the page next to it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import CountVectorizer

from vaescope.estimators.estimate import mean_of
from vaescope.estimators.label_prediction import LabelPrediction, predict_labels
from vaescope.evidence.per_text import PerText

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "docs" / "results" / "usable_information.json"
TREES = {"n_estimators": 200, "min_samples_leaf": 5, "random_state": 0}
"""A nonlinear reader, extremely randomised trees; only its accuracy is shown."""

LEAST = 25
"""Values of an attribute with fewer texts are left out, with their texts."""


def attributes(folder: Path) -> dict[str, list[str]]:
    """Return the values of each attribute over the validation texts."""
    header, *rows = (folder / "valid.attrs.tsv").read_text(encoding="utf-8").splitlines()
    columns = list(zip(*(row.split("\t") for row in rows), strict=True))
    return {name: list(column) for name, column in zip(header.split("\t"), columns, strict=True)}


def numbers(read: LabelPrediction) -> dict[str, float]:
    """Return accuracy and nats of a label with their standard errors, and what bounds them."""
    accuracy = mean_of(read.right, unit="accuracy")
    nats = mean_of(read.gains, unit="nats/text")
    return {
        "accuracy": accuracy.value,
        "accuracy_se": accuracy.se,
        "nats": nats.value,
        "nats_se": nats.se,
        "entropy": read.entropy,
        "commonest": read.shares.max().item(),
        "texts": len(read.right),
    }


def study(folder: Path, runs: Path) -> dict[str, Any]:
    """Return the reading of every attribute from the text and from the z of every run."""
    texts = (folder / "valid.txt").read_text(encoding="utf-8").splitlines()
    words = CountVectorizer(ngram_range=(1, 2), binary=True, min_df=2).fit_transform(texts)
    found: dict[str, Any] = {"texts": len(texts), "from_text": {}, "runs": {}}
    kept = {name: _kept(values) for name, values in attributes(folder).items()}
    for name, (rows, values) in kept.items():
        found["from_text"][name] = numbers(predict_labels(words[rows], values, scale=False))
    for file in sorted(runs.glob("*/assessment.json")):
        estimates = json.loads(file.read_text(encoding="utf-8"))["estimates"]
        known = PerText.load(file.with_name("assessment-texts.safetensors"))
        z_ND = known.sample(seed=0)
        if len(z_ND) != len(texts):
            raise SystemExit(f"{file}: assessed on {len(z_ND)} texts, but {folder} has {len(texts)}")
        names = ("rate", "distortion", "mutual_information", "marginal_kl", "active_units")
        found["runs"][file.parent.name] = {
            "estimates": {n: {k: estimates[n].get(k) for k in ("value", "se", "low", "high")} for n in names},
            "from_z": {n: from_z(z_ND[rows], values) for n, (rows, values) in kept.items()},
        }
    return found


def from_z(z_ND: torch.Tensor, values: list[str]) -> dict[str, float]:
    """Return what a linear reader finds in z, and the accuracy of a nonlinear one."""
    trees = predict_labels(z_ND, values, reader=ExtraTreesClassifier(**TREES))
    return {**numbers(predict_labels(z_ND, values)), "accuracy_trees": trees.right.double().mean().item()}


def _kept(values: list[str]) -> tuple[list[int], list[str]]:
    counts = Counter(values)
    rows = [i for i, v in enumerate(values) if counts[v] >= LEAST]
    return rows, [values[i] for i in rows]


def page(found: dict[str, Any]) -> str:
    """Return a table for each corpus: the numbers of the runs, and each attribute read from z and from the text."""
    parts = []
    for corpus, part in found.items():
        runs = part["runs"]
        lines = [f"### {corpus}: {part['texts']} validation texts", ""]
        lines += [_line(["", *(f"`{name}`" for name in runs), "words of the text"])]
        lines += [_line(["---"] * (len(runs) + 2))]
        for name in ("rate", "distortion"):
            cells = [f"{r['estimates'][name]['value']:.2f} ± {r['estimates'][name]['se']:.2f}" for r in runs.values()]
            lines += [_line([f"{name}, nats", *cells, ""])]
        for name, title in (("mutual_information", "I(X;Z), nats"), ("marginal_kl", "marginal KL, nats")):
            ends = [r["estimates"][name] for r in runs.values()]
            lines += [_line([title, *(f"[{e['low']:.2f}, {e['high']:.2f}]" for e in ends), ""])]
        for name, ceiling in part["from_text"].items():
            reads = [r["from_z"][name] for r in runs.values()]
            title = f"{name}: accuracy (commonest {ceiling['commonest']:.1%})"
            lines += [_line([title, *(_accuracy(r) for r in [*reads, ceiling])])]
            if "accuracy_trees" in reads[0]:
                lines += [_line([f"{name}: accuracy of trees", *(f"{r['accuracy_trees']:.1%}" for r in reads), ""])]
            title = f"{name}: nats (of {ceiling['entropy']:.2f})"
            lines += [_line([title, *(f"{r['nats']:.2f} ± {r['nats_se']:.2f}" for r in [*reads, ceiling])])]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _accuracy(read: dict[str, float]) -> str:
    return f"{read['accuracy']:.1%} ± {read['accuracy_se']:.1%}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Read the runs given; without arguments, write the page from the saved numbers."""
    if len(sys.argv) > 1:
        found = {}
        for argument in sys.argv[1:]:
            name, _, places = argument.partition("=")
            folder, _, runs = places.partition(":")
            found[name] = study(Path(folder), Path(runs))
        OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    found = json.loads(OUT.read_text(encoding="utf-8"))
    text = (HERE / "page.md").read_text(encoding="utf-8")
    text = text.replace("<!-- reading -->", (HERE / "reading.md").read_text(encoding="utf-8").strip())
    text = text.replace("<!-- tables -->", page(found))
    OUT.with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
