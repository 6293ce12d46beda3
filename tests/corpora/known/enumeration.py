"""The exact numbers of a language that can be listed, recomputed from log p(x) and the posterior alone."""

import pytest
import torch

from vaescope.corpora.known._known import DiscreteCause, KnownCorpus


def check_by_enumeration(corpus: KnownCorpus, texts: list[str], tolerance: float = 1e-10) -> None:
    """Compare every number of ``corpus`` with its sum over ``texts``, all texts of its language."""
    assert len(set(texts)) == len(texts)
    log_p = corpus.log_prob(texts)
    p = log_p.exp()
    assert float(p.sum()) == pytest.approx(1, abs=tolerance)
    assert float(torch.special.entr(p).sum()) == pytest.approx(corpus.entropy(), abs=tolerance)
    possible = p > 0
    information = corpus.information(texts)
    assert information[possible].isfinite().all()
    assert float(p[possible] @ information[possible]) == pytest.approx(corpus.mutual_information(), abs=tolerance)
    lengths = torch.tensor([len(text.split()) for text in texts], dtype=torch.float64)
    assert float(p @ lengths) == pytest.approx(corpus.expected_length(), abs=tolerance)
    if isinstance(corpus, DiscreteCause):
        joint = p[possible, None] * corpus.posterior(texts)[possible]
        torch.testing.assert_close(joint.sum(0), corpus.prior())
        conditional = torch.special.entr(joint).sum() - torch.special.entr(corpus.prior()).sum()
        assert float(conditional) == pytest.approx(corpus.conditional_entropy(), abs=tolerance)
