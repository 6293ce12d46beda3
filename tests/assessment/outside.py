"""A diagnostic from outside the package."""

from typing import ClassVar

from vaescope.assessment.diagnostic import Diagnostic
from vaescope.estimators.estimate import mean_of


class PosteriorEntropy(Diagnostic):
    """The mean of -log q(z|x), whose truth has no name in the linear-Gaussian VAE."""

    no_truth: ClassVar[str] = "an example"

    def estimate(self, evidence):
        return {"posterior_entropy": mean_of(-evidence.draws.log_q_z_x[0], unit="nats/text")}


class MeanRate(Diagnostic):
    """The mean rate, whose truth is that of the linear-Gaussian VAE."""

    truths: ClassVar = {"mean_rate": "rate"}

    def estimate(self, evidence):
        return {"mean_rate": mean_of(evidence.draws.rates, unit="nats/text")}
