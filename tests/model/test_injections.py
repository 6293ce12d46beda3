"""The ways in which z reaches the decoder, each against its equation."""

import copy

import pytest
import torch
from torch import nn

from vaescope import choices
from vaescope.errors import UserError
from vaescope.model.backbone import layers_of, projections_of
from vaescope.model.build import tiny_model
from vaescope.model.decoder import conditioned_states
from vaescope.testing.injections import DecoderContract, InjectionContract

from . import outside
from .families import DECODERS, model_of

OUTSIDE = f"{outside.__name__}:Film"

IDS = torch.tensor([[0, 5, 6, 7, 8], [0, 8, 9, 4, 2]])


@pytest.mark.parametrize("name", [*choices.names("injections"), OUTSIDE])
class TestInjections(InjectionContract):
    """Every injection of the package, and one by a hook from outside of it."""


@pytest.mark.parametrize("name", [OUTSIDE])
class TestOutside(DecoderContract):
    """The injections of the package are tested with those of the model."""


def plain(model):
    with torch.no_grad():
        return conditioned_states(model.decoder, IDS, {})


def conditioned(model, z):
    with torch.no_grad():
        return conditioned_states(model.decoder, IDS, model.condition(z))


@pytest.mark.parametrize("decoder", DECODERS)
def test_cross_attention_starts_as_the_identity(decoder):
    model, _ = model_of("cross_attention", decoder, awake=False)
    assert torch.equal(conditioned(model, torch.randn(2, 4)), plain(model))


@pytest.mark.parametrize("decoder", DECODERS)
def test_matrix_starts_with_an_all_but_closed_gate(decoder):
    model, _ = model_of("matrix", decoder, awake=False)
    difference = (conditioned(model, torch.randn(2, 4)) - plain(model)).abs().max()
    assert 0 < difference < 0.05


@pytest.mark.parametrize("decoder", DECODERS)
def test_matrix_is_a_change_of_the_weights(decoder):
    """The rank-one identity against matrices that are really formed, for one z."""
    model, _ = model_of("matrix", decoder)
    z = torch.randn(1, 4)
    expected = conditioned(model, z.expand(2, -1))
    injection = model.injections["matrix"]
    latent = model.condition(z)["matrix"][0].detach()
    formed = copy.deepcopy(model.decoder)
    for index, layer in enumerate(layers_of(formed)):
        gate, u = latent[index, 0].sigmoid(), latent[index, 1:]
        update = injection.layers[index]
        _, projections = projections_of(layer)
        parts = update.direction.detach().split(update.widths) if len(projections) == 3 else [update.direction.detach()]
        for projection, a in zip(projections, parts, strict=True):
            change = gate * torch.outer(u, a)
            change = change if projection.weight.shape == change.shape and decoder == "gpt2" else change.T
            projection.weight = nn.Parameter((1 - gate) * projection.weight.detach() + change)
    with torch.no_grad():
        torch.testing.assert_close(conditioned_states(formed, IDS, {}), expected, atol=1e-5, rtol=1e-4)


def test_the_gate_alone_decides_between_context_and_latent():
    """With the key of the latent far along the query, the context is the latent; far against it, the text."""
    from vaescope.model.attention import by_layer, latent_attention

    module = nn.Module()
    module.layer_idx = 0
    query, key, value = torch.randn(3, 2, 2, 5, 4).unbind(0)
    query = query.abs()
    context, _ = latent_attention(module, query, key, value, None)
    for sign, expected in ((1, torch.full_like(context, 1e4)), (-1, context)):
        gate = torch.full((2, 1, 2, 4), sign * 1e4)
        gated, _ = latent_attention(module, query, key, value, None, latent=by_layer({"gate": gate}))
        torch.testing.assert_close(gated, expected)
    m = torch.randn(2, 1, 2, 4)
    gated, _ = latent_attention(module, query, key, value, None, latent=by_layer({"gate": m}))
    g = torch.einsum("bhtd,bhd->bth", query, m[:, 0]).div(2).sigmoid().unsqueeze(-1)
    torch.testing.assert_close(gated, (1 - g) * context + g * m)


def test_cross_attention_is_a_softmax_over_latent_and_self():
    model, _ = model_of("cross_attention")
    block = model.injections["cross_attention"].layers[0]
    states, m = torch.randn(2, 5, 16), torch.randn(2, 2, 8)
    query, key, value = (part.view(2, 5, 2, 8) for part in block.query_key_value(states).chunk(3, -1))
    keys, values = (torch.stack([m.unsqueeze(1).expand_as(own), own]) for own in (key, value))
    weights = ((query * keys).sum(-1) / 8**0.5).softmax(0).unsqueeze(-1)
    torch.testing.assert_close(block(states, m.unsqueeze(1)), block.out((weights * values).sum(0).flatten(2)))


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_prefix_leaves_the_positions_of_the_text_alone(decoder):
    """A soft token that the text cannot attend to does not change the model: positions are not shifted."""
    model, _ = model_of({"prefix": {"tokens": 3}}, decoder)
    conditioning = model.condition(torch.randn(2, 4))
    pads = []
    original = nn.functional.pad

    def hiding(x, pad, **options):
        pads.append(pad)
        return original(x, pad, **{**options, "value": 0})

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr("vaescope.model.decoder.F.pad", hiding)
        states = conditioned_states(model.decoder, IDS, conditioning)
    assert pads
    torch.testing.assert_close(states, plain(model), atol=1e-5, rtol=1e-4)


def test_after_norm_adds_to_the_normalised_embeddings():
    model, _ = model_of("embedding after norm")
    seen = []
    layer = layers_of(model.decoder)[0]
    layer.attention.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    z = torch.randn(2, 4)
    conditioned(model, z)
    plain(model)
    added = model.injections["embedding"].projection(z).unsqueeze(1)
    torch.testing.assert_close(seen[0] - seen[1], added.expand_as(seen[0]), atol=1e-5, rtol=1e-4)


def test_a_language_model_has_no_encoder_and_ignores_z():
    model, batch = model_of("none")
    assert model.encoder is None
    assert not any(name.startswith(("encoder", "posterior_head", "injections")) for name in model.state_dict())
    q = model.encode(batch)
    assert model.prior.rate(q).abs().max() == 0
    with torch.no_grad():
        first, second = (model.log_likelihood(batch, z) for z in (torch.zeros(2, 4), torch.randn(2, 4)))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"injection": "none+memory"}, "composes with no other"),
        ({"injection": "memory+memory"}, "'memory' is given more than once"),
        ({"injection": "none", "prior": "mixture"}, r"set model\.prior=standard"),
        ({"injection": {"prefix": {"tokens": 0}}}, "tokens must be at least 1"),
        ({"injection": {"embedding": {"placement": "after_nrm"}}}, "did you mean 'after_norm'"),
    ],
)
def test_injections_that_cannot_be_combined_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        tiny_model(**options)


def test_two_injections_cannot_fill_one_place():
    model, _ = tiny_model(injection="memory+embedding")
    model.injections["embedding"] = copy.deepcopy(model.injections["memory"])
    with pytest.raises(UserError, match="fills the place 'memory', which another fills"):
        model.condition(torch.zeros(2, 4))


def test_an_architecture_without_known_projections_is_refused():
    class Fused(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.Module()

    with pytest.raises(UserError, match="no known query, key and value projections; use gpt2"):
        projections_of(Fused())
