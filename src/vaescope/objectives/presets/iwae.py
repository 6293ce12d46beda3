"""IWAE: maximise the importance-weighted bound of S samples, training.samples=S (Burda et al. 2016)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def iwae() -> Spec:
    """Maximise L_S = E log 1/S sum_s w_s; S is ``training.samples`` (1 makes it the VAE; the paper uses 5 and 50).

    Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016, with the doubly reparameterised
    gradient of Tucker et al., ICLR 2019.
    """
    return {"terms": {"importance_weighted_dreg": 1.0, "distortion": 0.0, "rate": 0.0}}
