from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from vaescope.corpora.batch import Batch
from vaescope.sweep.sweep import noise, sweep


class Texts:
    """Texts of random tokens whose length grows with the position, cut into batches by a budget."""

    def __init__(self, n: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.lengths = 3 + torch.randperm(n, generator=generator) % 6
        self.ids = torch.randint(5, 20, (n, 9), generator=generator)
        self.words = self.lengths - 2
        self.bytes = 4 * self.words

    def __len__(self) -> int:
        return len(self.ids)

    def by_length(self, indices, budget):
        order = sorted(indices, key=lambda i: -int(self.lengths[i]))
        size = max(1, budget // 9)
        return [self._batch(torch.tensor(order[i : i + size])) for i in range(0, len(order), size)]

    def _batch(self, index_B):
        width = int(self.lengths[index_B].max())
        mask = (torch.arange(width) < self.lengths[index_B][:, None]).long()
        return Batch(self.ids[index_B, :width] * mask, mask, index_B)


class Standard:
    def log_prob(self, z):
        return Independent(Normal(torch.zeros(z.shape[-1]), torch.ones(z.shape[-1])), 1).log_prob(z)

    def sample(self, n):
        return torch.randn(n, 3)


class Shifted(Standard):
    def log_prob(self, z):
        return super().log_prob(z - 1)


class Model(nn.Module):
    def __init__(self, prior=None):
        super().__init__()
        self.prior = prior or Standard()
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.dropout = nn.Dropout(0.5)
        self.encoded, self.largest = 0, 0

    def encode(self, batch):
        self.encoded += len(batch)
        total = (batch.input_ids * batch.attention_mask).sum(1, keepdim=True) / 50
        mean = total * torch.tensor([1.0, -0.5, 0.1])
        return Independent(Normal(mean, self.scale.expand_as(mean)), 1)

    def log_likelihood(self, batch, z):
        self.largest = max(self.largest, z.shape[0] * batch.input_ids.numel())
        return -self.dropout(z.square()).sum(-1) - batch.tokens


def test_draws_do_not_depend_on_the_token_budget():
    texts = Texts(31)
    few, many = (sweep(Model(), texts, samples=5, group_tokens=budget, seed=3, keep_z=2) for budget in (20, 4000))
    for name, tensor in few.tensors().items():
        torch.testing.assert_close(tensor, many.tensors()[name], msg=name)
    assert few.validate().z.shape == (2, 31, 3)
    assert torch.equal(few.tokens, texts.lengths - 1)


def test_draws_of_a_text_do_not_depend_on_the_others():
    texts = Texts(31)
    some, every = sweep(Model(), texts, samples=4, texts=10), sweep(Model(), texts, samples=4)
    torch.testing.assert_close(some.log_p_x_z, every.log_p_x_z[:, :10])
    assert some.texts == 10
    assert len(some.words) == 10


def test_seed_decides_the_noise():
    texts = Texts(8)
    assert torch.equal(sweep(Model(), texts, samples=2, seed=1).z, sweep(Model(), texts, samples=2, seed=1).z)
    assert not torch.equal(sweep(Model(), texts, samples=2, seed=1).z, sweep(Model(), texts, samples=2, seed=2).z)


def test_every_text_is_encoded_once_and_the_budget_holds():
    model = Model().train()
    sweep(model, Texts(31), samples=50, group_tokens=100)
    assert model.encoded == 31
    assert model.largest <= 100
    assert model.training


def test_another_prior_brings_its_samples():
    draws = sweep(Model(Shifted()), Texts(8), samples=2)
    assert draws.prior_z.shape[1] == 3
    draws.validate()


def test_progress_reaches_the_number_of_texts():
    seen = []
    sweep(Model(), Texts(8), samples=2, group_tokens=20, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8, 8)
    assert len(seen) > 1


def test_bfloat16_is_autocast():
    assert sweep(Model(), Texts(8), samples=2, precision="bf16").validate().metadata["precision"] == "bf16"


def test_noise_is_standard_normal_and_independent():
    noise_SBD = noise(0, torch.arange(500), 20, 4)
    assert noise_SBD.mean().item() == pytest.approx(0, abs=0.02)
    assert noise_SBD.std().item() == pytest.approx(1, abs=0.02)
    correlations = torch.corrcoef(noise_SBD[:, :50].permute(1, 0, 2).reshape(50, -1)) - torch.eye(50)
    assert correlations.abs().max() < 0.6
