"""log q(z) under very many posteriors: skipping components that cannot matter against the sum over all of them.

    python benchmarks/many_components.py [--points 4000] [--components 1000000]

Points are drawn from the posteriors, D = 32. Narrow codes: 10 informative dimensions of standard deviation about 0.1,
or 32 of about 0.05, 0.1 and 0.2; wide codes: 10 of about 0.4, or 32 of about 0.5; the means are N(0, 1). CPU seconds of
the process, so that a loaded machine changes them less than wall seconds. The claims: at most 60 s on two cores and
1 GiB beyond the posteriors themselves, an error below 1e-7 nats, at least 3 times as fast where codes are narrow and
never slower where they are wide. The last rows give the cost at five numbers of components.
"""

from __future__ import annotations

import argparse
import resource
import time

import torch
from common import header, row
from torch import Tensor

from vaescope.estimators import aggregate_density
from vaescope.estimators.aggregate_density import log_aggregate

D = 32
CODES = {"10 of 0.1": (10, 0.1), "32 of 0.05": (32, 0.05), "32 of 0.1": (32, 0.1), "32 of 0.2": (32, 0.2),
         "10 of 0.4": (10, 0.4), "32 of 0.5": (32, 0.5)}  # fmt: skip


def case(points: int, components: int, active: int, std: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return points, means and standard deviations; units that are not active have those of the prior."""
    generator = torch.Generator().manual_seed(0)
    mean, stds = torch.zeros(components, D), torch.full((components, D), 0.99)
    mean[:, :active] = torch.randn(components, active, generator=generator)
    stds[:, :active] = std * (0.5 + torch.rand(components, active, generator=generator))
    which = torch.randint(components, (points,), generator=generator)
    return mean[which] + stds[which] * torch.randn(points, D, generator=generator), mean, stds


def measured(z: Tensor, mean: Tensor, std: Tensor, from_pairs: int) -> tuple[float, Tensor]:
    """Return CPU seconds and log q(z), where skipping is tried from a number of pairs on."""
    aggregate_density._MANY_PAIRS = from_pairs
    start = time.process_time()
    found = log_aggregate(z, mean, std)
    return time.process_time() - start, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=4_000)
    parser.add_argument("--components", type=int, default=1_000_000)
    options = parser.parse_args()
    header()
    m, n = options.points, options.components
    for name, (active, std) in CODES.items():
        z, mean, stds = case(m, n, active, std)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours, found = measured(z, mean, stds, 1)
        extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        dense, expected = measured(z, mean, stds, 2**62)
        again, _ = measured(z, mean, stds, 1)
        error = (found - expected).abs().max()
        claim = f"log q(z), {name}, M = {m:,}, N = {n:,}: CPU seconds; largest change in nats; new peak MiB"
        figures = f"{ours:.1f}, {again:.1f}; {error:.0e}; {extra:.0f}"
        row(claim, f"{dense:.1f}", figures, f"{2 * dense / (ours + again):.1f} x")
    for share in (16, 8, 4, 2, 1):
        z, mean, stds = case(m, n // share, 10, 0.1)
        ours, _ = measured(z, mean, stds, 1)
        row(f"log q(z), 10 of 0.1, N = {n // share:,}: CPU seconds, ns per pair", "",
            f"{ours:.2f}, {1e9 * ours / m / (n // share):.2f}", "")  # fmt: skip


if __name__ == "__main__":
    main()
