"""The line under a path in the latent space: how much of it lies where no text is encoded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from vaescope.model.latent_space import LatentSpace

MOST = 500
"""Texts whose encodings say where texts are encoded."""


def hole_share(run: Path, vae: LatentSpace, points: Tensor) -> str:
    """Return the share of points that lie in holes of q(z) in words; why it is unknown if the run has too few texts.

    The texts are the first distinct ones of the validation split. Outside lie the points at which log q(z) is below its
    1% quantile at these encodings, as in the diagnostic ``holes``.
    """
    from vaescope.corpora.corpus import read_corpus
    from vaescope.errors import UserError
    from vaescope.estimators.encoded_region import FEWEST, EncodedRegion
    from vaescope.runs.run_folder import RunFolder

    if not (run / "config.yaml").is_file():
        return "Share of the points in holes: unknown, since a model alone has no texts; give its run folder."
    try:
        texts = list(dict.fromkeys(read_corpus(RunFolder(run).config.data).valid))[:MOST]
    except UserError as error:
        return f"Share of the points in holes: unknown ({error})."
    if len(texts) < FEWEST:
        return (
            f"Share of the points in holes: unknown with {len(texts)} distinct validation texts; {FEWEST} are needed."
        )
    q = vae.encode(texts)
    outside = int(EncodedRegion.of(q.mean, q.stddev).holes(points).sum())
    where = f"where fewer of {len(texts)} validation texts are encoded than at 99% of the encodings"
    return f"{outside} of {len(points)} points lie in holes, {where}."
