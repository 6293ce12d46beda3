"""Networks of transformers with a bottleneck: the losses of transformers itself, closed forms, and what is refused."""

import math

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

import vaescope
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError
from vaescope.evidence.evidence import Evidence

TEXTS = ["a red cat", "the dog sleeps on the mat", "a cat", "the red dog", "on a mat", "the cat sleeps"]
SIZE = 3


@pytest.fixture(scope="module")
def tokenizer():
    return train_bpe(TEXTS, 300)


def pooled(hidden, mask, head):
    mean, log_std = head((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).chunk(2, -1)
    return mean, log_std.exp()


def t5_of(tokenizer):
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    t5, head, up = T5ForConditionalGeneration(config).eval(), nn.Linear(16, 2 * SIZE), nn.Linear(SIZE, 16)

    def posterior(ids, mask):
        return pooled(t5.encoder(ids, attention_mask=mask).last_hidden_state, mask, head)

    def logits(ids, mask, z):
        memory = BaseModelOutput(last_hidden_state=up(z)[:, None])
        return t5(encoder_outputs=memory, decoder_input_ids=ids, decoder_attention_mask=mask).logits

    return t5, up, vaescope.FromTransformers(posterior, logits, tokenizer, max_length=40, start=0)


def gpt2_of(tokenizer, **options):
    """BERT as the encoder, GPT-2 with cross-attention to z as the decoder."""
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    bert = BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).eval()
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, add_cross_attention=True, **options)
    gpt2, head, up = GPT2LMHeadModel(config).eval(), nn.Linear(16, 2 * SIZE), nn.Linear(SIZE, 16)

    def posterior(ids, mask):
        return pooled(bert(ids, attention_mask=mask).last_hidden_state, mask, head)

    def logits(ids, mask, z):
        return gpt2(ids, attention_mask=mask, encoder_hidden_states=up(z)[:, None]).logits

    return gpt2, up, vaescope.FromTransformers(posterior, logits, tokenizer, max_length=40)


@torch.no_grad()
def test_log_likelihood_of_an_encoder_decoder_is_minus_the_loss_of_transformers(tokenizer):
    t5, up, model = t5_of(tokenizer)
    model.check(TEXTS)
    z_SBD = torch.randn(2, len(TEXTS), SIZE)
    found = model.text_model.log_likelihood(TEXTS, z_SBD)
    for s, i in ((0, 0), (1, 1), (1, 2)):
        labels = torch.tensor([[*tokenizer(TEXTS[i], add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]])
        memory = BaseModelOutput(last_hidden_state=up(z_SBD[s, i])[None, None])
        loss = t5(encoder_outputs=memory, labels=labels).loss
        assert found[s, i].item() == pytest.approx(-loss.item() * labels.shape[1], rel=1e-4)


@torch.no_grad()
def test_log_likelihood_of_a_causal_decoder_is_minus_the_loss_of_transformers(tokenizer):
    gpt2, up, model = gpt2_of(tokenizer)
    model.check(TEXTS)
    z_SBD = torch.randn(2, len(TEXTS), SIZE)
    found = model.text_model.log_likelihood(TEXTS, z_SBD)
    inner = tokenizer(TEXTS[1], add_special_tokens=False)["input_ids"]
    ids = torch.tensor([[tokenizer.bos_token_id, *inner, tokenizer.eos_token_id]])
    loss = gpt2(ids, labels=ids, encoder_hidden_states=up(z_SBD[1, 1])[None, None]).loss
    assert found[1, 1].item() == pytest.approx(-loss.item() * (ids.shape[1] - 1), rel=1e-4)
    assert model.text_model.count_tokens(TEXTS)[1] == ids.shape[1] - 1


def coin(tokenizer):
    """Every token is its own text: p(a|z) = sigmoid(z), p(the|z) = 1 - p(a|z), then the end; q(z|x) = N(+-1, 1/4)."""
    a, b = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a", "the"))
    assert len(a) == len(b) == 1

    def posterior(ids, mask):
        mean = 1.0 - 2.0 * (ids == b[0]).any(1, keepdim=True)
        return mean, torch.full_like(mean, 0.5)

    def logits(ids, mask, z):
        found = torch.full((*ids.shape, len(tokenizer)), -1e4)
        found[..., tokenizer.eos_token_id] = 0.0
        first = torch.full((len(ids), len(tokenizer)), -1e4)
        first[:, a[0]], first[:, b[0]] = z[:, 0], 0.0
        found[:, 0] = first
        return found

    return vaescope.FromTransformers(posterior, logits, tokenizer, max_length=4)


def test_rate_distortion_and_sampler_have_their_closed_forms(tokenizer, tmp_path):
    path = tmp_path / "coin.safetensors"
    found = vaescope.assess(
        coin(tokenizer),
        ["a", "the"] * 40,
        samples=64,
        simulations=64,
        adapted_texts=4,
        panel_texts=4,
        save=path,
    )
    rate = -math.log(0.5) + (0.25 + 1 - 1) / 2
    assert found.estimates["rate"].value == pytest.approx(rate, rel=1e-5)
    z = 1 + 0.5 * torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    distortion = torch.nn.functional.softplus(-z).mean().item()
    assert found.estimates["distortion"].value == pytest.approx(distortion, abs=0.03)
    simulations = Evidence.load(path).simulations
    assert set(simulations.strings) == {"a", "the"}
    assert simulations.finished.all()
    torch.testing.assert_close(simulations.sampler_log_p, simulations.log_p_x_z)
    verdicts = {finding.name: finding.verdict for finding in found.findings}
    assert verdicts["identity_sampler"] == "PASS"


def test_texts_drawn_are_of_the_model_and_those_cut_say_so(tokenizer):
    _, _, model = gpt2_of(tokenizer)
    z_MD = torch.randn(5, SIZE)
    torch.manual_seed(0)
    drawn = model.text_model.sample(z_MD)
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in drawn.texts]
    assert not drawn.finished.all()  # a model that knows nothing rarely ends a text
    known = drawn.finished & ~drawn.log_prob.isnan()
    fit = [i for i in range(5) if known[i] and len(rows[i]) < 40]
    for i in fit:
        with torch.no_grad():
            scored = model.text_model.log_likelihood([drawn.texts[i]], z_MD[None, i : i + 1])
        assert drawn.log_prob[i].item() == pytest.approx(scored.item(), rel=1e-4)
    assert model.text_model.decode(z_MD) == model.text_model.decode(z_MD)


def broken(tokenizer, **parts):
    _, _, model = gpt2_of(tokenizer)
    given = {"posterior": model.posterior, "logits": model.logits} | parts
    return vaescope.FromTransformers(**given, tokenizer=tokenizer, max_length=40)


def test_faults_of_the_functions_are_named(tokenizer):
    _, _, model = gpt2_of(tokenizer)

    def unsteady(ids, mask):
        return [x + torch.rand(1) for x in model.posterior(ids, mask)]

    def refused(says, **parts):
        with pytest.raises(UserError, match=says):
            vaescope.assess(broken(tokenizer, **parts), TEXTS, suite="fast")

    def leaky(ids, mask, z):
        return model.logits(ids.roll(-1, 1), mask, z)

    def unmasked(ids, mask):
        mean, std = model.posterior(ids, torch.ones_like(mask))
        return mean + ids.shape[1], std

    def padding_counts(ids, mask, z):
        return model.logits(ids, mask, z) * ids.shape[1]

    refused("depend on the token that they predict", logits=leaky)
    refused("posterior: padding changes the mean", posterior=unmasked)
    refused("logits: padding changes", logits=padding_counts)
    refused("logits: two calls differ", logits=lambda ids, mask, z: model.logits(ids, mask, z) * torch.rand(()))
    refused(
        "posterior: two calls differ",
        posterior=lambda ids, mask: [x + torch.rand(1) for x in model.posterior(ids, mask)],
    )
    refused(r"expected a tensor \[M, T, V\]", logits=lambda ids, mask, z: model.logits(ids, mask, z)[:, -1])
    refused("give its tokenizer", logits=lambda ids, mask, z: model.logits(ids, mask, z)[..., :20])
    with pytest.raises(UserError, match=r"has \d+ tokens, but max_length is 2"):
        vaescope.FromTransformers(model.posterior, model.logits, tokenizer, max_length=2).text_model.count_tokens(TEXTS)


def test_a_tokenizer_without_a_start_needs_one():
    bare = train_bpe(TEXTS, 300)
    bare.bos_token = None
    _, _, model = gpt2_of(bare)
    with pytest.raises(UserError, match="no BOS token; give start=ID"):
        model.check(TEXTS)
