"""TransformerVAE: encoder, latent and decoder as one model of the transformers library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    Cache,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.pytorch_utils import Conv1D

from vaescope import choices
from vaescope.corpora.batch import Batch
from vaescope.corpora.tokenized import Tokenized, tokenize
from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model import backbone
from vaescope.model.adapt import add_lora
from vaescope.model.attention import LATENT_ATTENTION
from vaescope.model.checkpoints.base_weights import Base, load_with_base, read_base
from vaescope.model.checkpoints.strict import load_strictly
from vaescope.model.decoder import conditioned_states
from vaescope.model.encoder import PosteriorHead, positions, token_states
from vaescope.model.injection import Conditioning, Injection
from vaescope.model.kernels.dropout import replace_dropout
from vaescope.model.kernels.packing import can_pack
from vaescope.model.posterior import Posterior
from vaescope.model.prior import Prior
from vaescope.model.sampling import Generated
from vaescope.model.text_distribution import TextDistribution
from vaescope.model.tying import ties
from vaescope.model.vae_config import TransformerVAEConfig
from vaescope.model.vocabularies import load_encoder_tokenizer, save_encoder_tokenizer


class TransformerVAE(PreTrainedModel, GenerationMixin):
    """A text VAE with a Transformer on each side: q(z|x), p(x|z) and p(z).

    The three distributions are ``encode(batch)``, ``decode(z)`` and ``prior()``.
    ``forward`` is the decoder as a language model given ``latents``, which is what ``generate`` calls.

    >>> from vaescope.config import ModelConfig
    >>> from vaescope.model.build import tiny_model
    >>> model, batch = tiny_model()
    >>> posterior = model.encode(batch)
    >>> model.log_likelihood(batch, posterior.rsample((3,))).shape
    torch.Size([3, 2])
    """

    config_class = TransformerVAEConfig
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    # loaded in half precision, q(z|x) and p(z) stay in float32, in which their densities are computed
    _keep_in_fp32_modules_strict = {"posterior_head", "prior"}
    _supports_attention_backend = True
    encoder: PreTrainedModel
    posterior_head: PosteriorHead
    encoder_tokenizer: PreTrainedTokenizerFast | None = None
    base: Mapping[str, Base] = MappingProxyType({})
    """The frozen weights of each side that are those of a checkpoint, which the folder of a run does not hold."""

    def __init__(
        self,
        config: TransformerVAEConfig,
        encoder: PreTrainedModel | None = None,
        decoder: PreTrainedModel | None = None,
    ) -> None:
        super().__init__(config)
        self._make_encoder(encoder)
        self.decoder = decoder if decoder is not None else backbone.decoder_from(_given(config.decoder, "decoder"))
        config.decoder = self.decoder.config
        if config.tied:
            self._tied_weights_keys = ties(self.encoder, self.decoder)
        if config.lora is not None:
            add_lora(self.decoder, config.lora, tied=config.tied)
        replace_dropout(self.decoder)
        self.injections = self._make_injections()
        name, options = config.prior_options
        self.prior: Prior = choices.build("priors", name, config.latent_size, **options)
        self.prior.bind(self)
        self.post_init()
        with backbone.in_one_line(self.decoder.config):
            for injection in self.injections.values():
                cast(Injection, injection).attach(self.decoder)
            self.decoder.set_attn_implementation(LATENT_ATTENTION)
        if self.encoder is not None:
            attention = LATENT_ATTENTION if can_pack(self.encoder) else "sdpa"
            self.encoder.set_attn_implementation(attention)

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> None:
        """Write the model as ``PreTrainedModel`` does, and the encoder's tokenizer where it has its own."""
        super().save_pretrained(save_directory, *args, **kwargs)
        save_encoder_tokenizer(self.encoder_tokenizer, save_directory)

    @property
    def packs(self) -> bool:
        """Whether padding costs almost nothing in both networks, so that texts need not be grouped by length."""
        return all(can_pack(side) for side in (self.encoder, self.decoder) if side is not None)

    def encode(self, *batches: Batch) -> DiagonalGaussian:
        """Return q(z|x) of all texts of the batches: a diagonal Gaussian, batch shape ``[B]``, event shape ``[D]``.

        A language model (injection ``none``) has no encoder: its posterior is its prior N(0, I).
        """
        if self.config.is_language_model:
            texts = sum(len(batch) for batch in batches)
            return DiagonalGaussian.standard(self.config.latent_size, self.device).expand([texts])
        if self.config.encoder_text_length is not None:
            batches = tuple(_read_by_encoder(batch) for batch in batches)
        head = self.posterior_head
        pooled = [head.pool(token_states(self.encoder, batch), batch.attention_mask) for batch in batches]
        return head(torch.cat(pooled) if len(pooled) > 1 else pooled[0])

    def readable(self, tokenized: Tokenized) -> Tokenized:
        """Return a split as both sides read it: where the encoder has its own vocabulary, its tokens are added."""
        if self.encoder_tokenizer is None:
            return tokenized
        limit = self.config.encoder_text_length
        read = tokenize(tokenized.texts, self.encoder_tokenizer, max_length=limit, name="texts (encoder)")
        return replace(tokenized, encoder=read)

    def encode_embeddings(self, embeddings_KTH: Tensor) -> DiagonalGaussian:
        """Return q(z|x) of K inputs given by their token embeddings, without padding: batch shape ``[K]``."""
        mask_KT = torch.ones(embeddings_KTH.shape[:2], dtype=torch.long, device=embeddings_KTH.device)
        embeddings_KTH = embeddings_KTH.to(self.encoder.dtype)
        places = positions(self.encoder, *mask_KT.shape)
        states = self.encoder(inputs_embeds=embeddings_KTH, attention_mask=mask_KT, **places).last_hidden_state
        return self.posterior_head(self.posterior_head.pool(states, mask_KT))

    def decode(self, z: Tensor) -> TextDistribution:
        """Return p(x|z), a distribution over texts for each z of ``[B, D]`` or ``[S, B, D]``."""
        return TextDistribution(self, z)

    def log_likelihood(self, batch: Batch, z: Tensor) -> Tensor:
        """Return log p(x|z) in nats per text, ``decode(z).log_prob(batch)``: ``[B]``, or ``[S, B]`` for S samples.

        Raises:
            UserError: z does not fit the batch or the latent size.
        """
        return self.decode(z).log_prob(batch)

    def condition(self, z_ND: Tensor) -> Conditioning:
        """Return what the decoder is conditioned on, by every injection of the model."""
        conditioning: Conditioning = {}
        for name, injection in self.injections.items():
            dtype = next((p.dtype for p in injection.parameters()), z_ND.dtype)
            part = injection(z_ND.to(dtype))
            for place in part.keys() & conditioning.keys():
                raise UserError(f"injection '{name}' fills the place '{place}', which another fills; use one of them")
            conditioning |= part
        return conditioning

    @torch.inference_mode()
    def sample(self, z_ND: Tensor, *, max_length: int | None = None, temperature: float = 1.0) -> Generated:
        """Draw one text from p(x|z) for every row of z, with its log-probability; temperature 0 is greedy."""
        return self.decode(z_ND.to(self.device)).sample(max_length=max_length, temperature=temperature)

    def forward(
        self,
        input_ids: Tensor,
        latents: Tensor,
        attention_mask: Tensor | None = None,
        use_cache: bool | None = None,
        **options: Any,
    ) -> CausalLMOutputWithPast:
        """Return next-token logits ``[N, T, V]`` of p(x|z) for ``latents`` z ``[N, D]``; the entry of ``generate``."""
        conditioning = self.condition(latents)
        cache: Cache | None = options.get(backbone.CACHE)
        cached = cache.get_seq_length() if cache is not None else 0
        # a latent prefix is in the cache, but not part of the text
        start = cached - conditioning["prefix"].shape[1] if cached and "prefix" in conditioning else cached
        states = conditioned_states(
            self.decoder,
            input_ids,
            conditioning,
            start=start,
            cache=cache if use_cache else None,
            attention_mask=attention_mask,
        )
        remembered: dict[str, Any] = {backbone.CACHE: cache}
        return CausalLMOutputWithPast(logits=backbone.head_of(self.decoder)(states), **remembered)

    def get_input_embeddings(self) -> nn.Module:
        """Return the decoder's token embeddings."""
        return self.decoder.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        """Return the decoder's output layer."""
        return self.decoder.get_output_embeddings()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *model_args: Any, **options: Any) -> Any:
        """Return the model of a folder or of the hub; every weight must be there, of its shape, and finite.

        Raises:
            UserError: weights that are not those of the configuration, by name, a model of another class, or one that
                fails its start-up check.
        """
        from vaescope.model.startup_check import check_model

        place = str(pretrained_model_name_or_path)
        load = partial(super().from_pretrained, *model_args)
        if bases := read_base(Path(place)):
            loaded = load_with_base(cls, Path(place), bases, **options)
        else:
            loaded = load_strictly(load, place, cls, **options)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        if model.config.encoder_text_length is not None:
            model.encoder_tokenizer = load_encoder_tokenizer(pretrained_model_name_or_path, **options)
        try:
            check_model(model)
        except UserError as error:
            raise UserError(f"{pretrained_model_name_or_path}: config.json describes no model: {error}") from error
        return loaded

    @classmethod
    def is_custom_code(cls) -> bool:
        """Return False: for custom code, transformers would never initialise a module without direct parameters.

        Such modules are the injections and the posterior head; their ``reset_parameters`` spare loaded weights.
        """
        return False

    def _adjust_bias(self, output_embeddings: nn.Module, input_embeddings: nn.Module) -> None:
        # transformers assumes that the bias has the first size of the weight; in GPT-2's Conv1D it has the second
        if not isinstance(output_embeddings, Conv1D):
            super()._adjust_bias(output_embeddings, input_embeddings)

    def _make_encoder(self, encoder: PreTrainedModel | None) -> None:
        config = self.config
        name, options = config.posterior_options
        if config.is_language_model:
            self.register_module("encoder", None)
            self.register_module("posterior_head", None)
            return
        self.encoder = encoder if encoder is not None else backbone.encoder_from(_given(config.encoder, "encoder"))
        config.encoder = self.encoder.config
        family = choices.build("posteriors", name, config.latent_size, **options)
        self.posterior_head = PosteriorHead(config.encoder.hidden_size, config.latent_size, config.pooling, family)

    def _make_injections(self) -> nn.ModuleDict:
        config = self.config
        with backbone.in_one_line(self.decoder.config):
            return nn.ModuleDict(
                {
                    # a name of the form module:Class may have dots, which the name of a parameter cannot
                    name.replace(".", "_"): choices.build(
                        "injections", name, config.latent_size, config.decoder, **options
                    )
                    for name, options in config.injections.items()
                }
            )

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, Injection | Posterior | PosteriorHead | Prior):
            module.reset_parameters()
        else:
            super()._init_weights(module)


def _read_by_encoder(batch: Batch) -> Batch:
    if batch.encoder is None:
        raise UserError("this model's encoder has its own vocabulary; make batches of model.readable(tokenized)")
    return batch.encoder


def _given(side: PreTrainedConfig | None, name: str) -> PreTrainedConfig:
    if side is None:
        raise UserError(
            f"a TransformerVAEConfig without {name} describes no model; give the configuration of the {name}"
        )
    return side


AutoConfig.register(TransformerVAEConfig.model_type, TransformerVAEConfig)
AutoModel.register(TransformerVAEConfig, TransformerVAE)
