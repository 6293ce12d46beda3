"""AggregateTerm: a term of the aggregate posterior q(z), estimated from the texts of the micro-batch."""

from __future__ import annotations

import math

from torch import Tensor

from vaescope.errors import unknown
from vaescope.estimators.minibatch import LOG_WEIGHTS, log_aggregate, log_marginal_aggregate
from vaescope.model.passes import Pass
from vaescope.objectives.term import Term


class AggregateTerm(Term):
    """A term that needs log q(z) of the N training texts; ``estimator`` is a key of ``LOG_WEIGHTS``.

    ``stratified``, ``weighted``, ``batch`` and ``others`` are explained, with their biases, in
    ``estimators.minibatch``. With accumulation or several processes each micro-batch has its own estimate, so B is the
    size of a micro-batch.

    Raises:
        UserError: an unknown estimator.
    """

    def __init__(self, *, estimator: str = "stratified") -> None:
        if estimator not in LOG_WEIGHTS:
            raise unknown("estimator of q(z)", str(estimator), LOG_WEIGHTS)
        self.estimator = estimator

    def log_q_z(self, pass_: Pass) -> Tensor:
        """Return log q(z), ``[S, B]``."""
        q, log_w_BB = pass_.posterior, self._log_weights(pass_)
        return log_aggregate(pass_.z, q.mean, q.stddev, log_w_BB=log_w_BB, own_SB=pass_.log_q_z_x)

    def log_q_units(self, pass_: Pass) -> Tensor:
        """Return log q(z_d) of every latent unit, ``[S, B, D]``."""
        q = pass_.posterior
        return log_marginal_aggregate(pass_.z, q.mean, q.stddev, log_w_BB=self._log_weights(pass_))

    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        """Return 0 as the smallest value if the estimate has no offset."""
        return (0.0 if self.estimator in ("stratified", "batch") else -math.inf), math.inf

    def _log_weights(self, pass_: Pass) -> Tensor:
        return LOG_WEIGHTS[self.estimator](pass_.z.shape[1], pass_.dataset_size).to(pass_.z.device)
