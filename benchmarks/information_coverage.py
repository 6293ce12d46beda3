"""How often the 95% intervals of I and of the marginal KL miss the truth, by shape of q(z), texts and evidence.

    python -m benchmarks.information_coverage [--repetitions 400] [--texts 20 300] [--shapes gaussian ring]

``linear Gaussian`` has every kind of evidence (H(X), texts drawn at z) and closed forms; the other shapes
(``tests/populations.py``) have q(z) in closed form. Each is assessed alone, with the encodings of 5 N training texts,
and with those of 5 N further texts too. A row also has the misses of each bound's own end (one-sided, 2.5%).
"""

from __future__ import annotations

import argparse
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from tests.assessment.test_information_ends import evidence_of, model
from tests.populations import Population, finite, hidden_half, shapes

from vaescope.assessment.diagnostics.marginal_kl import marginal_kl
from vaescope.assessment.diagnostics.mutual_information import mutual_information
from vaescope.estimators import jackknife
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Facts
from vaescope.evidence.references import References

PER_TEXT = 5
"""Training texts, and further texts, for each assessed text."""
PARTS = ("training", "components", "known_entropy", "text_space")

Trial = tuple[str, Evidence]


def linear_gaussian(texts: int, seed: int) -> Iterator[Trial]:
    """Yield every kind of evidence of the linear-Gaussian model alone, then all."""
    whole = evidence_of(model(), seed, n=texts, training=PER_TEXT * texts, components=PER_TEXT * texts, drawn=16)
    yield "assessed texts alone", Evidence(whole.draws)
    for part in PARTS:
        kept = {} if part == "known_entropy" else {part: getattr(whole.references, part)}
        facts = whole.facts if part == "known_entropy" else Facts()
        yield part.replace("_", " "), Evidence(whole.draws, facts=facts, references=replace(References(), **kept))
    yield "all", whole


def of_shape(population: Population) -> Callable[[int, int], Iterator[Trial]]:
    """Return what draws the evidence of a population."""

    def draw(texts: int, seed: int) -> Iterator[Trial]:
        generator = torch.Generator().manual_seed(seed)
        assessed, *others = (population.draw(k * texts, generator) for k in (1, PER_TEXT, PER_TEXT))
        draws, (training, further) = population.draws(assessed, generator), (some.encodings for some in others)
        yield "assessed texts alone", Evidence(draws)
        yield "training", Evidence(draws, references=References(training=training))
        yield "all", Evidence(draws, references=References(training=training, components=further))

    return draw


def counted(
    draw: Callable[[int, int], Iterator[Trial]], truth: tuple[float, float], texts: int, repetitions: int
) -> dict[str, Counter[str]]:
    """Return for each kind of evidence the misses, the widths and the misses of each bound."""
    found: dict[str, Counter[str]] = {}
    for seed in range(repetitions):
        for part, evidence in draw(texts, seed):
            count = found.setdefault(part, Counter())
            estimates = (mutual_information(evidence), marginal_kl(evidence))
            for name, estimate, true in zip(("I", "KL"), estimates, truth, strict=True):
                count[f"{name} missed"] += not estimate.low - 0.01 <= true <= estimate.high + 0.01
                count[f"{name} width"] += estimate.high - estimate.low
            ends = evidence.information_ends
            for bound, values in ends.lower.items():
                count[f"lower {bound}"] += jackknife.lower_end(values) > truth[0] + 0.01
            for bound, values in ends.upper.items():
                count[f"upper {bound}"] += jackknife.upper_end(values) < truth[0] - 0.01
    return found


def main() -> None:
    """Print a row for each shape, number of texts and kind of evidence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=400)
    parser.add_argument("--texts", type=int, nargs="+", default=[20, 300, 4_000])
    parser.add_argument("--shapes", nargs="+", help="by default all; for instance 'linear Gaussian' ring")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    vae = model()
    several = [*shapes(), finite("10^6 narrow codes", 13.8155), hidden_half()]
    all_shapes = {"linear Gaussian": (linear_gaussian, (vae.information, vae.marginal_kl))}
    all_shapes |= {p.name: (of_shape(p), (0.0, 0.0)) for p in several}
    by_name = {p.name: p for p in several}
    print(f"{time.strftime('%Y-%m-%d')}, torch {torch.__version__}, {platform.machine()}, one thread")
    print(f"{arguments.repetitions} data sets each\n")
    print("| q(z) | I, KL | N | evidence | I misses | I width | KL misses | KL width | worst bound alone |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in arguments.shapes or all_shapes:
        draw, truth = all_shapes[name]
        truth = by_name[name].truth if name in by_name else truth
        for texts in arguments.texts:
            for part, count in counted(draw, truth, texts, arguments.repetitions).items():
                bounds = {key: value for key, value in count.items() if key.startswith(("lower", "upper"))}
                worst = max(bounds, key=lambda key: bounds[key])
                numbers = f"{count['I missed']} | {count['I width'] / arguments.repetitions:.2f} | "
                numbers += f"{count['KL missed']} | {count['KL width'] / arguments.repetitions:.2f}"
                both = f"{truth[0]:.2f}, {truth[1]:.2f}"
                print(f"| {name} | {both} | {texts} | {part} | {numbers} | {worst}: {bounds[worst]:g} |", flush=True)


if __name__ == "__main__":
    main()
