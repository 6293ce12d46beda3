"""Importance-weighted bound with the doubly reparameterised gradient (DReG), whose noise does not grow with S.

The value is that of ``importance_weighted``. Its gradient for the decoder (and a learned prior) is the derivative of
the value; for q(z|x) it is

    sum_s v_s^2 d log w_s / d z_s  dz_s / d phi,    v_s = w_s / sum_s' w_s',

with the density's own parameters held fixed: unbiased for the gradient of the expected bound, of smaller variance, and
0 where q(z|x) = p(z|x). Cost: a second backward pass through the decoder, for z alone. At most 0. Tucker et al., Doubly
Reparameterized Gradient Estimators, ICLR 2019.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.passes import Pass
from vaescope.objectives.terms.importance_weighted import ImportanceWeighted


class ImportanceWeightedDreg(ImportanceWeighted):
    """The batch mean of log 1/S sum_s w_s, in nats per text, with the gradient above."""

    own_gradient: ClassVar[bool] = True

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        value = super().__call__(pass_).detach()
        if not (torch.is_grad_enabled() and pass_.z.requires_grad):
            return value
        surrogate = _surrogate(pass_)
        return value + (surrogate - surrogate.detach())


def _surrogate(pass_: Pass) -> Tensor:
    """Return a scalar whose gradient is the doubly reparameterised one.

    sum_s v_s log w_s has the right gradient for the decoder; through z it would weigh v_s where v_s^2 belongs, which
    the linear part in z, with a constant as its coefficient, makes up for.
    """
    q = pass_.posterior
    log_q_SB = DiagonalGaussian(q.mean.detach(), q.stddev.detach()).log_prob(pass_.z)
    log_w_SB = pass_.log_p_x_z + pass_.log_p_z - log_q_SB
    exact_SB = pass_.log_p_x_z + pass_.log_p_z - pass_.log_q_z_x
    share_SB = exact_SB.detach().softmax(0)
    excess_SB = share_SB.square() - share_SB
    (slope_SBD,) = torch.autograd.grad((excess_SB * log_w_SB).sum(), pass_.z, retain_graph=True)
    return ((share_SB * log_w_SB).sum(0) + (slope_SBD * pass_.z).sum((0, 2))).mean()
