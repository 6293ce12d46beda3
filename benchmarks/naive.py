"""The baseline: a Transformer VAE as one writes it from the public classes of transformers, without vaescope.

Texts come in random padded batches; float32; all logits at once; a Python loop over importance samples; sampling with a
cache until the longest text has ended. z enters by a prefilled cache (one latent key and value per layer) and is added
to the input embeddings; encoder and decoder are tied.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, RobertaConfig, RobertaForCausalLM, RobertaModel

PAD = 1


class NaiveVAE(nn.Module):
    """RoBERTa on either side, tied; z as a latent key and value of every layer and in the embeddings."""

    def __init__(self, *, vocabulary: int, latent: int, tokens: int, **sizes: int) -> None:
        super().__init__()
        options = {"vocab_size": vocabulary, "max_position_embeddings": tokens + PAD + 1, "type_vocab_size": 1, **sizes}
        self.encoder = RobertaModel(RobertaConfig(**options), add_pooling_layer=False)
        self.decoder = RobertaForCausalLM(RobertaConfig(**options, is_decoder=True))
        for name, parameter in list(self.encoder.named_parameters()):
            owner, _, attribute = f"roberta.{name}".rpartition(".")
            setattr(self.decoder.get_submodule(owner), attribute, parameter)
        self.decoder.lm_head.decoder.weight = self.encoder.embeddings.word_embeddings.weight
        config = self.decoder.config
        self.heads = config.num_attention_heads
        self.posterior = nn.Linear(2 * config.hidden_size, 2 * latent)
        self.memory = nn.Linear(latent, config.num_hidden_layers * config.hidden_size)
        self.embedding = nn.Linear(latent, config.hidden_size)

    def encode(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        last = states[torch.arange(len(ids)), mask.sum(1) - 1]
        mean, log_variance = self.posterior(torch.cat([states[:, 0], last], -1)).chunk(2, -1)
        return mean, (0.5 * log_variance).exp()

    def cache(self, z: Tensor) -> DynamicCache:
        cache = DynamicCache()
        for layer, slot in enumerate(self.memory(z).chunk(self.decoder.config.num_hidden_layers, -1)):
            slot = slot.view(len(z), self.heads, 1, -1)
            cache.update(slot, slot, layer)
        return cache

    def logits(self, ids: Tensor, mask: Tensor, z: Tensor, cache: DynamicCache, start: int = 0) -> Tensor:
        embeddings = self.decoder.get_input_embeddings()(ids) + self.embedding(z).unsqueeze(1)
        positions = torch.arange(start, start + ids.shape[1]) + PAD + 1
        mask = torch.cat([mask.new_ones(len(z), 1), mask], 1)
        return self.decoder(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=positions.expand(ids.shape),
            past_key_values=cache,
            use_cache=True,
        ).logits

    def log_likelihood(self, ids: Tensor, mask: Tensor, z: Tensor) -> Tensor:
        logits = self.logits(ids[:, :-1], mask[:, :-1], z, self.cache(z))
        targets = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
        nll = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none", ignore_index=-100)
        return -nll.sum(1)

    def loss(self, ids: Tensor, mask: Tensor) -> Tensor:
        mean, std = self.encode(ids, mask)
        z = mean + std * torch.randn_like(std)
        rate = 0.5 * (mean.square() + std.square() - 1 - 2 * std.log()).sum(1)
        return (rate - self.log_likelihood(ids, mask, z)).mean()

    @torch.no_grad()
    def log_weights(self, ids: Tensor, mask: Tensor, samples: int) -> Tensor:
        weights = []
        for _ in range(samples):
            mean, std = self.encode(ids, mask)
            noise = torch.randn_like(std)
            z = mean + std * noise
            log_ratio = (0.5 * noise.square() + std.log() - 0.5 * z.square()).sum(1)
            weights.append(self.log_likelihood(ids, mask, z) + log_ratio)
        return torch.stack(weights)

    @torch.no_grad()
    def generate(self, z: Tensor, *, bos: int, eos: int, tokens: int) -> Tensor:
        ids, cache = torch.full((len(z), 1), bos), self.cache(z)
        ended = torch.zeros(len(z), dtype=torch.bool)
        while ids.shape[1] < tokens and not ended.all():
            logits = self.logits(ids[:, -1:], torch.ones_like(ids), z, cache, start=ids.shape[1] - 1)
            token = torch.multinomial(logits[:, -1].softmax(-1), 1)
            token[ended] = PAD
            ids = torch.cat([ids, token], 1)
            ended |= token.squeeze(1) == eos
        return ids
