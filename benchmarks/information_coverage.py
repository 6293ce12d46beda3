"""How often the 95% intervals of I and of the marginal KL miss the truth, by kind of evidence, and how wide they are.

    python -m benchmarks.information_coverage [REPETITIONS]

Linear-Gaussian models of known truth (``tests/assessment/test_information_ends.py``): I 8.72 and marginal KL 0.24 nats,
300 texts, 2,000 training texts, 1,000 further texts, 16 texts drawn at each of 150 z.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import torch
from tests.assessment.test_information_ends import evidence_of, model

from vaescope.assessment.diagnostics.marginal_kl import marginal_kl
from vaescope.assessment.diagnostics.mutual_information import mutual_information
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Facts
from vaescope.evidence.references import References

PARTS = ("none", "training", "components", "known_entropy", "text_space", "all")


def restricted(whole: Evidence, part: str) -> Evidence:
    """Return the evidence with one kind of reference alone."""
    if part == "all":
        return whole
    kept = {part: getattr(whole.references, part)} if part in ("training", "components", "text_space") else {}
    facts = whole.facts if part == "known_entropy" else Facts()
    return Evidence(whole.draws, facts=facts, references=replace(References(), **kept))


def main(repetitions: int) -> None:
    """Print a row for each kind of evidence."""
    torch.set_num_threads(1)
    vae = model()
    missed = {(part, name): 0 for part in PARTS for name in ("information", "marginal_kl")}
    width = dict.fromkeys(missed, 0.0)
    for seed in range(repetitions):
        whole = evidence_of(vae, seed, n=300, training=2000, components=1000, drawn=16)
        for part in PARTS:
            evidence = restricted(whole, part)
            for name, e in (("information", mutual_information(evidence)), ("marginal_kl", marginal_kl(evidence))):
                missed[part, name] += not e.low <= getattr(vae, name) <= e.high
                width[part, name] += (e.high - e.low) / repetitions
    for (part, name), count in missed.items():
        print(f"{part:14} {name:12} {count} of {repetitions} miss, mean width {width[part, name]:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
