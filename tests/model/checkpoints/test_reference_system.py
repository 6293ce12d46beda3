"""Conversion of the reference system's models, against an independent forward pass written in plain torch."""

import json
import math
import os
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from vaescope.corpora.batch import Batch
from vaescope.errors import UserError
from vaescope.model import TransformerVAE
from vaescope.model.checkpoints.reference_system import convert_reference

H, LAYERS, HEADS, D, V, P = 16, 2, 2, 4, 20, 14
SETTINGS = {
    "model_type": "roberta",
    "vocab_size": V,
    "hidden_size": H,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": 32,
    "max_position_embeddings": P,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "layer_norm_eps": 1e-5,
    "latent_size": D,
}
IDS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 3, 2], [0, 4, 4, 19, 2]])


def body_shapes():
    shapes = {f"embeddings.{name}_embeddings.weight": (n, H) for name, n in (("word", V), ("position", P))}
    shapes |= {"embeddings.token_type_embeddings.weight": (1, H)}
    norms, maps = ["embeddings.LayerNorm"], {}
    for layer in (f"encoder.layer.{i}" for i in range(LAYERS)):
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        maps |= {f"{layer}.attention.self.{name}": (H, H) for name in ("query", "key", "value")}
        maps |= {f"{layer}.attention.output.dense": (H, H), f"{layer}.output.dense": (H, 32)}
        maps |= {f"{layer}.intermediate.dense": (32, H)}
    shapes |= {f"{name}.{part}": (H,) for name in norms for part in ("weight", "bias")}
    return shapes | {f"{m}.weight": s for m, s in maps.items()} | {f"{m}.bias": s[:1] for m, s in maps.items()}


def reference_state(*, tied=True):
    torch.manual_seed(3)

    def draw(shapes):
        return {name: 0.3 * torch.randn(shape) + float("LayerNorm.weight" in name) for name, shape in shapes.items()}

    body = draw(body_shapes())
    own = body if tied else draw(body_shapes())
    state = {f"decoder.model.roberta.{name}": value for name, value in body.items()}
    state |= {f"encoder.model.{name}": value.clone() for name, value in own.items()}
    for name, value in body.items():
        for part in ("query", "key", "value"):
            if f"self.{part}." in name:
                twin = name.replace(f"self.{part}.", f"self.{part}_module.layer.")
                state[f"decoder.model.roberta.{twin}"] = value.clone()
    latent = "decoder.latent_to_decoder.latent_to_"
    heads = {
        "encoder.model.pooler.dense": (2 * D, 2 * H),
        f"{latent}memory_projection": (LAYERS * H, D),
        f"{latent}embedding_projection": (H, D),
        "decoder.model.lm_head.dense": (H, H),
    }
    state |= draw({f"{m}.weight": s for m, s in heads.items()} | {f"{m}.bias": s[:1] for m, s in heads.items()})
    state |= draw({"decoder.model.lm_head.layer_norm.weight": (H,), "decoder.model.lm_head.layer_norm.bias": (H,)})
    state["decoder.model.lm_head.decoder.weight"] = body["embeddings.word_embeddings.weight"].clone()
    state |= {f"{s}.embeddings.position_ids": torch.arange(P)[None] for s in ("decoder.model.roberta", "encoder.model")}
    return state


def linear(state, name, x):
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def norm(state, name, x):
    return F.layer_norm(x, (H,), state[f"{name}.weight"], state[f"{name}.bias"], 1e-5)


def roberta(state, prefix, ids, *, added=None, memory=None, causal=False):
    """A post-LN RoBERTa over unpadded ids; one latent slot per layer, the same vector as key and value."""
    n, t = ids.shape
    e = f"{prefix}.embeddings"
    x = state[f"{e}.word_embeddings.weight"][ids] + state[f"{e}.position_embeddings.weight"][2 : 2 + t]
    x = norm(state, f"{e}.LayerNorm", x + state[f"{e}.token_type_embeddings.weight"][0])
    if added is not None:
        x = x + added[:, None]
    for i in range(LAYERS):
        layer = f"{prefix}.encoder.layer.{i}"
        q, k, v = (linear(state, f"{layer}.attention.self.{name}", x) for name in ("query", "key", "value"))
        slots = 0
        if memory is not None:
            slot = memory[:, i * H : (i + 1) * H][:, None]
            k, v, slots = torch.cat([slot, k], 1), torch.cat([slot, v], 1), 1
        q, k, v = (y.view(n, -1, HEADS, H // HEADS).transpose(1, 2) for y in (q, k, v))
        scores = q @ k.mT / math.sqrt(H // HEADS)
        if causal:
            scores = scores.masked_fill(~torch.ones(t, t + slots, dtype=torch.bool).tril(slots), -torch.inf)
        context = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, H)
        x = norm(
            state, f"{layer}.attention.output.LayerNorm", x + linear(state, f"{layer}.attention.output.dense", context)
        )
        inner = F.gelu(linear(state, f"{layer}.intermediate.dense", x))
        x = norm(state, f"{layer}.output.LayerNorm", x + linear(state, f"{layer}.output.dense", inner))
    return x


def expected(state, ids, z):
    states = roberta(state, "encoder.model", ids)
    mean, log_variance = linear(
        state, "encoder.model.pooler.dense", torch.cat([states[:, 0], states[:, -1]], -1)
    ).chunk(2, -1)
    latent = "decoder.latent_to_decoder.latent_to_"
    added, memory = (linear(state, f"{latent}{name}_projection", z) for name in ("embedding", "memory"))
    x = roberta(state, "decoder.model.roberta", ids, added=added, memory=memory, causal=True)
    x = norm(state, "decoder.model.lm_head.layer_norm", F.gelu(linear(state, "decoder.model.lm_head.dense", x)))
    log_p = (x @ state["decoder.model.lm_head.decoder.weight"].T)[:, :-1].log_softmax(-1)
    return mean, log_variance, log_p.gather(2, ids[:, 1:, None]).sum((1, 2))


def written(folder, state, settings=SETTINGS, name="state_dict.safetensors"):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings))
    save_file(state, folder / name) if name.endswith("safetensors") else torch.save(state, folder / name)
    return folder / name


def check(model, ids, z, mean, log_variance, log_p):
    batch = Batch(ids, torch.ones_like(ids), torch.arange(len(ids)))
    with torch.no_grad():
        q = model.encode(batch)
        torch.testing.assert_close(model.log_likelihood(batch, z), log_p, atol=1e-4, rtol=0)
    torch.testing.assert_close(q.mean, mean, atol=1e-4, rtol=0)
    torch.testing.assert_close(2 * q.stddev.log(), log_variance, atol=1e-4, rtol=0)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", ["state_dict.safetensors", "state_dict.pt"])
def test_a_converted_model_gives_the_numbers_of_the_reference(tmp_path, tied, name):
    state = reference_state(tied=tied)
    convert_reference(written(tmp_path / "in", state, name=name), tmp_path / "out")
    model = TransformerVAE.from_pretrained(tmp_path / "out").eval()
    assert model.config.tie_encoder_decoder is tied
    z = torch.randn(3, D)
    check(model, IDS, z, *expected(state, IDS, z))


@pytest.mark.data
@pytest.mark.skipif("VAESCOPE_PARITY" not in os.environ, reason="VAESCOPE_PARITY names no folder of a parity example")
def test_the_parity_example_of_the_reference_system(tmp_path):
    folder = Path(os.environ["VAESCOPE_PARITY"])
    model = convert_reference(folder / "state_dict.safetensors", tmp_path / "out")
    e = load_file(folder / "expected.safetensors")
    check(model, e["ids"], e["z"], e["mu"], e["logvar"], e["log_p_x_z"])


def without(state):
    del state["encoder.model.pooler.dense.bias"]


def with_stranger(state):
    state["decoder.model.roberta.stranger.weight"] = torch.zeros(2)


def with_other_prefix(state):
    state["module.encoder.weight"] = torch.zeros(2)


def with_wrong_shape(state):
    state["decoder.latent_to_decoder.latent_to_memory_projection.bias"] = torch.zeros(5)


def with_unequal_copy(state):
    state["decoder.model.roberta.encoder.layer.0.attention.self.key_module.layer.bias"] += 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without, r"missing: encoder\.model\.pooler\.dense\.bias"),
        (with_stranger, r"unknown: decoder\.model\.roberta\.stranger\.weight"),
        (with_other_prefix, r"unknown: module\.encoder\.weight"),
        (with_wrong_shape, r"of another shape: .*memory_projection\.bias \[5\] where \[32\] is needed"),
        (with_unequal_copy, "is not equal to"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused_by_name(tmp_path, spoil, message):
    state = reference_state()
    spoil(state)
    with pytest.raises(UserError, match=message) as caught:
        convert_reference(written(tmp_path / "in", state), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": "gpt2", "latent_size": 4}, "'gpt2', but the reference system is a 'roberta'"),
        ({"model_type": "roberta"}, "needs latent_size"),
        ({**SETTINGS, "hiden_size": 3}, "did you mean 'hidden_size'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        convert_reference(written(tmp_path / "in", reference_state(), settings), tmp_path / "out")


def test_only_plain_tensors_are_read(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        convert_reference(tmp_path / "state_dict.pt", tmp_path / "out")
    file = written(tmp_path / "in", {"epoch": 3, "state": reference_state()}, name="state_dict.pt")
    with pytest.raises(UserError, match="holds more than named tensors"):
        convert_reference(file, tmp_path / "out")
    file.write_bytes(b"no tensors")
    with pytest.raises(UserError, match="cannot be read as plain tensors"):
        convert_reference(file, tmp_path / "out")
    torch.save(Path("pickled object"), file)
    with pytest.raises(UserError, match="cannot be read as plain tensors"):
        convert_reference(file, tmp_path / "out")
