"""A start-up check: the model does what its configuration says, tested on a few tokens before it is used."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from vaescope.errors import UserError
from vaescope.model.backbone import head_of, position_offset
from vaescope.model.decoder import conditioned_states
from vaescope.model.vae import TransformerVAE


@torch.inference_mode()
def check_model(model: TransformerVAE) -> None:
    """Check that z moves every position and that body and head apart compute the decoder's own logits.

    An attention implementation that ignores the latent memory, or an architecture that post-processes its logits, would
    otherwise train and be assessed without a word.

    Raises:
        UserError: the decoder does not react to z, or its logits are not head(body).
    """
    was_training = model.training
    model.eval()
    decoder = model.decoder
    kind = decoder.config.model_type
    # draws of its own generator: building a model must not advance the global random state by the probe
    noise = torch.Generator(device="cpu").manual_seed(0)
    ids = torch.randint(0, decoder.config.vocab_size, (2, 6), generator=noise).to(model.device)
    z = torch.randn(2, model.config.latent_size, generator=noise).to(model.device, model.dtype)
    if not model.config.is_language_model and not _reacts(model, ids, z, noise):
        raise UserError(f"decoder '{kind}' does not react to z at every position; use gpt2, roberta, bert or llama")
    plain = head_of(decoder)(conditioned_states(decoder, ids, {}))
    positions = torch.arange(ids.shape[1], device=ids.device) + position_offset(decoder)
    own = decoder(input_ids=ids, position_ids=positions.expand(ids.shape)).logits
    if not torch.allclose(plain, own, atol=1e-3, rtol=1e-3):
        raise UserError(f"decoder '{kind}' does not compute its logits as head(body); use gpt2, roberta, bert or llama")
    model.train(was_training)


def _reacts(model: TransformerVAE, ids: Tensor, z: Tensor, noise: torch.Generator) -> bool:
    # an injection that starts as the identity shows what it does only once its parameters have moved
    nudged = {
        f"injections.{name}": p + 0.1 * torch.randn(p.shape, generator=noise).to(p)
        for name, p in model.injections.named_parameters()
    }
    first, second = (functional_call(model, nudged, (ids, value)).logits for value in (z, z + 1))
    return bool(((first - second).abs().amax((0, 2)) > 0).all())
