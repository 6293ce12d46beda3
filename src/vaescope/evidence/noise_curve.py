"""NoiseCurve: rate, information and distortion of a deterministic code over the size of its noise; bits needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vaescope.errors import UserError
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.noisy_code import NoisyCode


@dataclass(frozen=True)
class NoiseLevel:
    """The numbers at one size of the noise, nats per text.

    Attributes:
        std: the size sigma.
        distortion: -E log p(x|z).
        rise: distortion minus that of the code without noise, paired by text.
        rate: the rate against a Gaussian fitted to the other half of the texts, an upper bound of the information.
        information: the interval of I(X;Z).
    """

    std: float
    distortion: Estimate
    rise: Estimate
    rate: Estimate
    information: Estimate

    @property
    def bits(self) -> tuple[float, float]:
        """The ends of the information in bits per text."""
        return self.information.low / math.log(2), self.information.high / math.log(2)

    def row(self) -> dict[str, float]:
        """Return the numbers by name, for a table or a CSV file."""
        found: dict[str, float] = {"noise": self.std}
        for name in ("distortion", "rise", "rate"):
            estimate = getattr(self, name)
            found |= {name: estimate.value, f"{name}_se": estimate.se}
        low, high = self.bits
        ends = {"information_low": self.information.low, "information_high": self.information.high}
        return found | ends | {"bits_low": low, "bits_high": high}


@dataclass(frozen=True)
class NoiseCurve:
    """A code seen through noise of several sizes.

    Attributes:
        levels: one for each size, ascending.
        texts: the number N of texts.
    """

    levels: tuple[NoiseLevel, ...]
    texts: int

    @classmethod
    def of(cls, code: NoisyCode) -> NoiseCurve:
        """Return the curve of a code at all sizes that were scored.

        >>> from vaescope.testing.example_evidence import noisy_gaussian_code
        >>> curve = NoiseCurve.of(noisy_gaussian_code(texts=200, size=1, levels=[0.5]))
        >>> level = curve.levels[0]  # the truth is log(1 + 1 / 0.5^2) / 2 = 0.805
        >>> level.information.low < 0.805 < level.information.high
        True
        """
        return cls(tuple(_level(code, std) for std in code.std.tolist()), len(code.code))

    def bits_needed(self, nats: float) -> NoiseLevel:
        r"""Return the level with the largest noise whose distortion is at most the given nats above that of the code.

        Its ``bits`` are the bits needed: I(X;Z)/ln 2 per text. With that many bits (and randomness that sender and
        receiver share) a sample of z can be sent (Bennett et al. 2002, arXiv:quant-ph/0106052; for one text
        :math:`I + \log_2(I + 1) + O(1)`, Li and El Gamal 2018), and its decoder loses at most ``nats``.

        Raises:
            UserError: even the smallest noise raises the distortion by more.
        """
        fits = [level for level in self.levels if level.rise.value <= nats]
        if not fits:
            least = self.levels[0]
            raise UserError(
                f"a rise of {nats:g} nats: noise {least.std:g}, the smallest of the curve, already raises the "
                f"distortion by {least.rise.value:.3g} ± {least.rise.se:.2g}; score smaller noise, or allow more"
            )
        return fits[-1]

    def rows(self) -> list[dict[str, float]]:
        """Return a row for each level."""
        return [level.row() for level in self.levels]


def _level(code: NoisyCode, std: float) -> NoiseLevel:
    evidence = code.at(std)
    aggregate, draws = evidence.aggregate, evidence.draws
    ends = evidence.information_ends.information

    def estimate(values: Tensor, kind: str, **more: Any) -> Estimate:
        value, se = jackknife.value(values), jackknife.standard_error(values)
        return Estimate(value=value, se=se, unit="nats/text", kind=kind, n=draws.texts, **more)

    return NoiseLevel(
        std=std,
        distortion=estimate(aggregate.means(draws.distortions), "unbiased"),
        rise=estimate(aggregate.means(draws.distortions + code.log_p_x_code.double()), "unbiased"),
        rate=estimate(aggregate.information_gaussian, "upper"),
        information=Estimate(
            value=math.nan,
            se=0.0,
            unit="nats/text",
            kind="interval",
            n=draws.texts,
            low=ends.low,
            high=ends.high,
            detail={"low_by": ends.low_by, "high_by": ends.high_by},
        ),
    )
