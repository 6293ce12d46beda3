r"""The density of the aggregate posterior by importance sampling of texts, where P(x) of each text is known.

.. math:: q(z) = E_{x \sim r(x|z)} w(x), \qquad w(x) = P(x) \, q(z|x) / r(x|z)

for every sampler r with a known density that is positive where P(x) q(z|x) > 0, such as the decoder p(x|z). With x_0
the text that made z and x_1..x_K drawn from r,

.. math:: E \log \frac1K \sum_{k=1}^K w_k \le \log q(z) \le E \log \frac1{K+1} \sum_{k=0}^K w_k

The upper end holds because x_0 given z has the density P(x) q(z|x) / q(z), so the K + 1 texts are those of an extended
space in which the mean of the weights is a ratio of two densities (Sobolev and Vetrov 2019, arXiv:1909.07346;
Brekelmans et al. 2022, arXiv:2303.06992). The two ends meet when log K is well above E KL(q(x|z) || r(x|z)), however
large the information is.
"""

from __future__ import annotations

import math

from torch import Tensor


def log_density_ends(log_w_KP: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lower and the upper end of log q(z) of P points, each ``[P]``, float64.

    Args:
        log_w_KP: log w of the text that made each z, then those of K >= 1 texts drawn from r, ``[1 + K, P]``; -inf
            for a drawn text that P gives no probability. The lower end is -inf if all K weights are.

    >>> import torch
    >>> lower, upper = log_density_ends(torch.tensor([[0.0], [-torch.inf], [0.0]]))
    >>> round(lower.exp().item(), 4), round(upper.exp().item(), 4)
    (0.5, 0.6667)
    """
    log_w_KP = log_w_KP.double()
    drawn = len(log_w_KP) - 1
    return log_w_KP[1:].logsumexp(0) - math.log(drawn), log_w_KP.logsumexp(0) - math.log(drawn + 1)
