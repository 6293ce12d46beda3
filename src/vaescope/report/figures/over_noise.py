"""The figure of a deterministic code over the size of its noise."""

from __future__ import annotations

from matplotlib.figure import Figure

from vaescope.evidence.noise_curve import NoiseCurve
from vaescope.plotting import PALETTE, axes


def over_noise(curve: NoiseCurve) -> Figure:
    """Return rate and information (left) and the rise of the distortion (right) over the noise, with 95% intervals.

    >>> from vaescope.testing.example_evidence import noisy_gaussian_code
    >>> curve = NoiseCurve.of(noisy_gaussian_code(texts=100, size=1, levels=[0.3, 1.0]))
    >>> len(over_noise(curve).axes)
    2
    """
    figure, (left, right) = axes(8.0, 3.4, columns=2)
    noise = [level.std for level in curve.levels]
    ends = [(level.information.low, level.information.high) for level in curve.levels]
    left.fill_between(
        noise,
        [low for low, _ in ends],
        [high for _, high in ends],
        color=PALETTE[0],
        alpha=0.3,
        label="information, 95% interval",
    )
    left.plot(
        noise, [level.rate.value for level in curve.levels], "s-", color=PALETTE[1], label="rate, fitted Gaussian"
    )
    left.set(xscale="log", xlabel="standard deviation of the noise", ylabel="nats per text", ylim=(0, None))
    left.legend(frameon=False)
    rises = [level.rise for level in curve.levels]
    errors = [[rise.value - rise.low for rise in rises], [rise.high - rise.value for rise in rises]]
    right.errorbar(noise, [rise.value for rise in rises], errors, fmt="o-", color=PALETTE[2], capsize=2)
    right.set(xscale="log", xlabel="standard deviation of the noise", ylabel="rise of the distortion, nats per text")
    return figure
