"""Costs that must stay low, as counts and ratios that do not depend on the load of the machine."""

import weakref

import torch

from vaescope.corpora.known.topic_pcfg import TopicPcfg
from vaescope.corpora.tokenized import tokenize
from vaescope.corpora.tokenizer import train_bpe
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.priors.standard import Standard
from vaescope.sweep.sweep import sweep


class Watched:
    """Knows how many entries of all z that it was ever given are still held by somebody."""

    def __init__(self, size):
        self.prior = Standard(size)
        self.size, self.seen, self.most = size, [], 0

    def encode(self, batch):
        mean = torch.zeros(len(batch), self.size)
        return DiagonalGaussian(mean, torch.ones_like(mean))

    def log_likelihood(self, batch, z):
        self.seen = [ref for ref in self.seen if ref() is not None] + [weakref.ref(z.untyped_storage())]
        self.most = max(self.most, sum(ref().nbytes() for ref in self.seen if ref() is not None) // 4)
        return -z.square().sum(-1)


def test_a_sweep_never_holds_all_z():
    texts = TopicPcfg().sample(400, seed=0)
    split = tokenize(texts, train_bpe(texts, 300), max_length=32)
    model = Watched(8)
    draws = sweep(model, split, samples=64, group_tokens=512)
    assert draws.z.shape == (1, 400, 8)
    assert model.most < 0.1 * 64 * 400 * 8
