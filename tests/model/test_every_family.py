"""Every causal family of transformers that builds at a tiny size is scored right or refused in one line."""

import warnings

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from vaescope.corpora.batch import Batch
from vaescope.errors import UserError
from vaescope.model.backbone import causal, decoder_from, head_of
from vaescope.model.build import tiny_model
from vaescope.model.startup_check import check_model

SIZES = {
    **dict.fromkeys(("hidden_size", "embedding_size", "input_embedding_size", "output_embedding_size"), 16),
    **dict.fromkeys(("num_hidden_layers", "decoder_layers", "encoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "num_key_value_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("intermediate_size", "decoder_ffn_dim", "encoder_ffn_dim", "ffn_dim", "d_ff"), 32),
    **dict.fromkeys(("n_routed_experts", "num_experts", "num_local_experts"), 4),
    **dict.fromkeys(("head_dim", "kv_lora_rank", "q_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim"), 8),
    "encoder_attention_heads": 2,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "rotary_dim": 4,
    "v_head_dim": 8,
    "qk_head_dim": 16,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "word_embed_proj_dim": 16,
    "vocab_size": 20,
    "max_position_embeddings": 32,
    "sliding_window": 8,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
FAST = ["bart", "bloom", "cohere", "codegen", "gemma2", "gpt_oss", "gptj", "granite", "mamba", "mpt", "opt", "xglm"]
FAST += ["ernie", "modernbert-decoder", "moshi"]
SUPPORTED = [name for name in FAST if name not in ("mamba", "moshi")]
LARGEST = 2_000_000
"""Parameters; families whose sizes have other names stay larger than that and are left out."""
SPECIAL = {
    "cohere": {"logit_scale": 0.3},
    "cohere2": {"logit_scale": 0.3},
    "gemma2": {"final_logit_softcapping": 0.5, "attn_logit_softcapping": 0.5},
    "granite": {"logits_scaling": 4.0},
}
"""Settings under which what a family does to its logits cannot be overlooked."""


def tiny_config(family):
    known = AutoConfig.for_model(family)
    names = {*known.to_dict(), *known.attribute_map}
    sizes = {name: size for name, size in SIZES.items() if name in names}
    return causal(AutoConfig.for_model(family, **sizes, **SPECIAL.get(family, {})))


def built(family):
    """The configuration, if transformers itself can build and run a network of it."""
    try:
        config = tiny_config(family)
        if config.get_text_config() is config:
            with torch.device("meta"):
                assert AutoModelForCausalLM.from_config(config).num_parameters() < LARGEST, "it is large"
            network = AutoModelForCausalLM.from_config(config).eval()
            with torch.no_grad():
                network(input_ids=torch.randint(3, 12, (2, 6)))
    except Exception as error:
        pytest.skip(f"does not build at this size: {type(error).__name__}")
    return config


def nudged(model):
    """Weights far from their initial values, so that every part of the network has a visible effect."""
    noise = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=noise)
    return model


def check_family(family, injection):
    """Whether the family works with the injection; scores and draws are compared with those of the network itself."""
    config = built(family)
    try:
        model, _ = tiny_model(decoder=config, injection=injection, tie_encoder_decoder=False)
        check_model(nudged(model))
    except UserError as error:
        refusal = str(error)
    else:
        refusal = None
    if refusal is not None:
        assert "\n" not in refusal
        assert family in refusal
        return False
    torch.manual_seed(0)
    z = torch.randn(16, 4)
    drawn = model.sample(z)
    ids, mask = drawn.input_ids.clone(), drawn.attention_mask.clone()
    with torch.no_grad():
        scored = model.log_likelihood(Batch(ids, mask, torch.arange(16)), z)
        torch.testing.assert_close(scored, drawn.log_prob.clone(), atol=1e-3, rtol=1e-3)
    return True


@pytest.mark.parametrize("injection", ["none", "memory+embedding", "prefix"])
@pytest.mark.parametrize("family", FAST)
def test_families_that_were_wrong_or_a_traceback(family, injection):
    assert check_family(family, injection) == (family in SUPPORTED)


@pytest.mark.parametrize("family", SPECIAL)
def test_what_follows_the_head_is_part_of_it(family):
    """Against the unchanged forward pass and attention of the network, with logits that are scaled or capped."""
    model, _ = tiny_model(decoder=built(family), injection="none")
    ids = torch.tensor([[0, 5, 6, 7, 8, 2], [0, 9, 3, 4, 11, 2]])
    with torch.no_grad():
        found = nudged(model).log_likelihood(Batch(ids, torch.ones_like(ids), torch.arange(2)), torch.zeros(2, 4))
        head = head_of(model.decoder)
        assert head.scale != 1 or head.cap is not None
        model.decoder.set_attn_implementation("eager")
        own = model.decoder(input_ids=ids).logits[:, :-1].log_softmax(-1).gather(2, ids[:, 1:, None]).sum((1, 2))
    torch.testing.assert_close(found, own, atol=1e-4, rtol=1e-4)


def test_a_network_that_changes_its_logits_in_an_unknown_way_is_refused(monkeypatch):
    model, _ = tiny_model()
    forward = type(model.decoder).forward

    def tripled(*args, **kwargs):
        out = forward(*args, **kwargs)
        out.logits = 3 * out.logits
        return out

    monkeypatch.setattr(type(model.decoder), "forward", tripled)
    with pytest.raises(UserError, match="nats where its own forward pass scores"):
        check_model(model)


def test_a_multimodal_network_is_refused_before_it_is_built():
    with pytest.raises(UserError, match="'gemma3' is made of several networks; give its text model"):
        decoder_from(AutoConfig.for_model("gemma3"))


@pytest.mark.slow
@pytest.mark.parametrize("injection", ["memory+embedding", "prefix"])
@pytest.mark.parametrize("family", sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))
def test_every_family(family, injection):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_family(family, injection)
