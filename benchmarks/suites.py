"""The suites: what the fast and the full suite cost on draws alone, whatever the model is.

    python benchmarks/suites.py [--texts 3370] [--latent 32] [--samples 4] [--training 50000]

The claim: the fast suite of 3,370 texts takes at most 15 processor seconds beyond the model's own passes (the sweep
and the encoding of training texts). What these cost is the model's affair: ``time vaescope assess RUN --suite fast``.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from dataclasses import replace

from common import header, row

from vaescope import Draws, assess, choices
from vaescope.errors import Missing
from vaescope.evidence.encodings import Encodings
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.evidence.references import References


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=3370)
    parser.add_argument("--latent", type=int, default=32)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--training", type=int, default=50_000, help="training texts whose encodings bound I; 0: none")
    options = parser.parse_args()
    header()
    vae = LinearGaussian.matched(latent_size=options.latent, data_size=options.latent + 8, rate=8.0)
    draws = vae.sample_draws(options.texts, samples=options.samples)
    evidence = Evidence(Draws(**draws))
    size = f"{options.texts} texts, {options.latent} units, {options.samples} samples"
    if options.training:
        others = vae.sample_draws(options.training, samples=1)
        training = Encodings(others["posterior_mean"], others["posterior_std"])
        evidence = replace(evidence, references=References(training=training))
        size += f", {options.training} training encodings"
    for suite in ("fast", "full"):
        processor, wall = time.process_time(), time.perf_counter()
        assess(replace(evidence, draws=Draws(**draws)), suite=suite)
        processor, wall = time.process_time() - processor, time.perf_counter() - wall
        row(f"{suite} suite, {size}: processor seconds", "", f"{processor:.1f}", f"wall {wall:.0f}")
    for name in choices.names("diagnostics"):
        diagnostic, fresh = choices.build("diagnostics", name), Evidence.of(Draws(**draws))
        with contextlib.suppress(Missing):
            processor = time.process_time()
            diagnostic.estimate(fresh)
            row(f"{name}, alone: processor seconds", "", f"{time.process_time() - processor:.1f}", "")


if __name__ == "__main__":
    main()
