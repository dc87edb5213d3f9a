"""PiSSA: the singular values it trains, the backbone's weights that stay, the file of twice the rank."""

import pytest
import torch
from safetensors.torch import load_file

from clouds import random_clouds
from model_names import TINY
from pointlora import apply_method, create_model, load_adapter, merge_lora, method_config, save_adapter, unmerge_lora
from pointlora.adapters.state import adapter_state, base_state
from pointlora.errors import AdapterError
from pointlora.methods.pissa import principal_part
from pointlora.training.averaging import interpolated

QKV = "blocks.0.attn.qkv"


def plain():
    torch.manual_seed(0)
    return create_model("point_mae", **TINY)


def tuned(**settings):
    return apply_method(plain(), method_config("pissa", **{"rank": 4} | settings))


def moved(model):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.mark.parametrize("shape", [(12, 5), (5, 12)])
def test_the_principal_part_is_the_truncated_decomposition(shape):
    torch.manual_seed(0)
    weight = torch.randn(shape)
    down, up = principal_part(weight, 3)
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    torch.testing.assert_close(up @ down, left[:, :3] * values[:3] @ right[:3], atol=1e-5, rtol=0)
    torch.testing.assert_close(down @ down.T, torch.diag(values[:3]), atol=1e-5, rtol=0)
    torch.testing.assert_close(up.T @ up, torch.diag(values[:3]), atol=1e-5, rtol=0)
    assert not principal_part(torch.zeros(shape), 3)[1].any()


@pytest.mark.parametrize("settings", [{}, {"alpha": 8.0}, {"rslora": True}])
def test_the_start_is_the_backbone_whose_weights_stay(settings):
    model, before = tuned(**settings).eval(), plain().eval()
    branch, weight = model.get_submodule(QKV).branches["lora"], before.get_submodule(QKV).weight
    values = torch.linalg.svdvals(weight)
    rest = torch.linalg.svdvals(weight - branch.scaling * branch.B @ branch.A)
    torch.testing.assert_close(rest[:-4], values[4:], atol=1e-6, rtol=0)
    points = random_clouds(2, 64)
    torch.testing.assert_close(model(points).logits, before(points).logits, atol=1e-6, rtol=0)
    kept = base_state(model)
    assert torch.equal(kept[f"{QKV}.weight"], weight)
    assert not any("branches" in name for name in kept)
    names = {name.rpartition(".")[2]: p.requires_grad for name, p in branch.named_parameters()}
    assert names == {"A": True, "B": True, "start_A": False, "start_B": False}


def test_the_file_holds_one_update_of_twice_the_rank_and_comes_back_to_the_same_bits(tmp_path):
    model = moved(tuned(alpha=8.0))
    save_adapter(model, tmp_path)
    weights = load_file(tmp_path / "adapter_model.safetensors")
    down, up = (weights[f"base_model.model.{QKV}.lora_{part}.weight"] for part in "AB")
    assert (down.shape, up.shape) == ((8, 24), (72, 8))
    assert not any("start" in key for key in weights)
    torch.testing.assert_close(2 * up @ down, model.get_submodule(QKV).branches["lora"].delta())
    again, points = load_adapter(plain(), tmp_path).eval(), random_clouds(2, 64)
    assert torch.equal(again(points).logits, model(points).logits)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    with pytest.raises(AdapterError, match="different method or different settings"):
        load_adapter(tuned(rank=3), tmp_path)


def test_merging_changes_nothing_and_can_be_undone():
    model, points = moved(tuned()), random_clouds(2, 64)
    with torch.no_grad():
        before, weight = model(points).logits, model.get_submodule(QKV).weight.clone()
        merge_lora(model)
        assert not torch.equal(model.get_submodule(QKV).weight, weight)
        torch.testing.assert_close(model(points).logits, before, atol=1e-5, rtol=0)
        unmerge_lora(model)
    torch.testing.assert_close(model.get_submodule(QKV).weight, weight, atol=1e-6, rtol=0)


def test_between_start_and_end_both_factors_move():
    start, end = adapter_state(tuned()), adapter_state(moved(tuned()))
    for factor, expected in ((0.0, start), (1.0, end)):
        found = interpolated(start, end, factor)
        assert all(torch.equal(found[name], expected[name]) for name in expected if expected[name].is_floating_point())
