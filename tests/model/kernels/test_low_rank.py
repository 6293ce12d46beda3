"""Low-rank updates against the plain operations and against peft."""

import copy

import pytest
import torch
from torch import nn

from vaescope.model.kernels import plain
from vaescope.model.kernels.converted import Converted
from vaescope.model.kernels.low_rank import fast_lora_linear, low_rank_linear


def pieces(dtype=torch.float64, bias=True):
    torch.manual_seed(0)
    x, weight = torch.randn(2, 5, 6, dtype=dtype, requires_grad=True), torch.randn(4, 6, dtype=dtype)
    down, up = (torch.randn(*shape, dtype=dtype, requires_grad=True) for shape in ((3, 6), (4, 3)))
    return x, weight, torch.randn(4, dtype=dtype) if bias else None, down, up


@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_those_of_the_plain_operations(bias):
    x, weight, bias_O, down, up = pieces(bias=bias)
    outs = [low_rank_linear(x, weight, bias_O, down, up, 0.7)]
    with plain():
        outs.append(low_rank_linear(x, weight, bias_O, down, up, 0.7))
    torch.testing.assert_close(*outs)
    seed = torch.randn_like(outs[0])
    torch.testing.assert_close(*(torch.autograd.grad(out, (x, down, up), seed) for out in outs))


def test_gradients_agree_with_finite_differences():
    x, weight, bias, down, up = pieces()
    assert torch.autograd.gradcheck(lambda x, a, b: low_rank_linear(x, weight, bias, a, b, 0.7), (x, down, up))


def test_an_input_without_gradient_gets_none():
    x, weight, bias, down, up = pieces()
    low_rank_linear(x.detach(), weight, bias, down, up, 0.7).sum().backward()
    assert x.grad is None
    assert down.grad is not None


def test_a_second_derivative_is_refused():
    x, weight, bias, down, up = pieces()
    loss = low_rank_linear(x, weight, bias, down, up, 0.7).square().sum()
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(loss, x, create_graph=True)
    with plain():
        assert torch.autograd.gradgradcheck(lambda x: low_rank_linear(x, weight, bias, down, up, 0.7).square(), x)


def test_the_converted_matrix_follows_the_matrix():
    matrix, converted = torch.eye(2), Converted()
    before = converted.of(matrix, torch.bfloat16)
    with torch.no_grad():
        matrix.mul_(2)
    assert converted.of(matrix, torch.bfloat16)[0, 0] == 2
    assert before[0, 0] == 1
    assert converted.of(matrix.clone(), torch.bfloat16) is not before


def trained(model):
    return [p for p in model.parameters() if p.requires_grad]


def lora(**options):
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 6))
    ours = copy.deepcopy(plain)
    settings = {"r": 3, "target_modules": ["0", "1"], "init_lora_weights": False, **options}
    for model, custom in ((plain, {}), (ours, {nn.Linear: fast_lora_linear()})):
        config = peft.LoraConfig(**settings)
        if custom:
            config._register_custom_module(custom)
        peft.inject_adapter_in_model(config, model)
    ours.load_state_dict(plain.state_dict())
    return plain, ours


@pytest.mark.parametrize("options", [{}, {"lora_dropout": 0.5}, {"lora_alpha": 7}, {"use_rslora": True}])
def test_a_network_with_adapters_is_that_of_peft(options):
    plain, ours = lora(**options)
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    results = []
    for model in (plain.double(), ours.double()):
        torch.manual_seed(1)
        out = model(x)
        results.append((out, torch.autograd.grad(out.square().sum(), trained(model))))
    torch.testing.assert_close(*results)


def test_under_autocast_it_is_as_close_to_float32_as_peft():
    plain, ours = lora()
    x = torch.randn(64, 6)
    exact = plain(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        errors = [(model(x).float() - exact).norm() for model in (plain, ours)]
        assert ours(x).dtype == torch.bfloat16
    assert errors[1] <= 1.2 * errors[0]


def test_a_copy_and_a_saved_network_have_no_converted_matrix():
    _, ours = lora()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours(torch.randn(1, 6))
    assert copy.deepcopy(ours)[0]._converted._copy is None
    assert not [name for name in ours.state_dict() if "converted" in name]


def test_merged_and_disabled_adapters_are_those_of_peft():
    plain, ours = lora()
    x = torch.randn(3, 6)
    for model in (plain, ours):
        model[0].merge()
        model[1].enable_adapters(False)
    torch.testing.assert_close(ours(x), plain(x))


def test_an_update_that_is_not_trained_is_part_of_the_converted_matrix():
    from peft import LoraConfig, inject_adapter_in_model

    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules=["0"], init_lora_weights=False)
    config._register_custom_module({nn.Linear: fast_lora_linear()})
    model = inject_adapter_in_model(config, nn.Sequential(nn.Linear(6, 4)))
    x = torch.randn(5, 6, requires_grad=True)

    def outputs():
        with torch.autocast("cpu", torch.bfloat16):
            out = model(x)
        return out.float(), torch.autograd.grad(out.float().sum(), x)[0]

    trained = outputs()
    model.requires_grad_(False)
    still = outputs()
    for one, other in zip(trained, still, strict=True):
        torch.testing.assert_close(one, other, atol=0.05, rtol=0.05)
    layer = model[0]
    merged = layer.base_layer.weight + layer.get_delta_weight("default")
    assert torch.equal(layer._converted._copy, merged.to(torch.bfloat16))
    with torch.no_grad():
        layer.lora_B["default"].weight.mul_(2)
    assert (outputs()[0] - still[0]).abs().max() > 0.05


def test_a_copy_made_in_inference_can_be_trained_through():
    matrix, kept = torch.eye(2), Converted()
    with torch.inference_mode():
        kept.of(matrix, torch.bfloat16)
    assert not kept.of(matrix, torch.bfloat16).is_inference()
