"""Every registered model, with and without PointLoRA, through all that a user does with one."""

import copy

import pytest
import torch
from torch.nn import functional

from clouds import random_clouds
from goldens import load_golden
from official_files import write_official
from pointlora import apply_method, create_model, list_models, load_adapter, load_checkpoint, merge_lora, save_adapter
from pointlora.errors import CheckpointError

SIZES = {
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 8,
    "group_size": 8,
    "tokenizer_dims": (16, 24, 32),
    "num_classes": 5,
}
every_model = pytest.mark.parametrize("name", list_models())
with_and_without = pytest.mark.parametrize("method", [None, "pointlora"])


def make(name, method=None, seed=0):
    torch.manual_seed(seed)
    model = create_model(name, **SIZES)
    return apply_method(model, method) if method else model


def randomize(model, seed=1):
    """Weights that differ from their start everywhere, so that no branch is zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def training_step(model):
    """One step of AdamW on the training loss."""
    output = model.train()(random_clouds(4, 64))
    loss = functional.cross_entropy(output.logits, torch.tensor([0, 1, 2, 3])) + 0.004 * output.auxiliary_loss
    (loss + model.generation_weight * output.generation_loss).backward()
    optimizer = torch.optim.AdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad], 1e-2, weight_decay=0
    )
    optimizer.step()


@every_model
@with_and_without
def test_gradients_and_a_step_reach_exactly_the_trained_parameters(name, method):
    model = make(name, method)
    before = {key: parameter.detach().clone() for key, parameter in model.named_parameters()}
    training_step(model)
    for key, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key
        assert torch.equal(before[key], parameter) == (not parameter.requires_grad or not parameter.grad.any()), key
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@every_model
def test_adapter_round_trip_is_bit_equal(tmp_path, name):
    model = make(name, "pointlora")
    training_step(model)
    save_adapter(model, tmp_path / "adapter")
    loaded = load_adapter(make(name), tmp_path / "adapter").eval()
    points = random_clouds(3, 64, seed=5)
    with torch.no_grad():
        assert torch.equal(loaded(points).logits, model.eval()(points).logits)


@every_model
def test_whole_model_round_trip_is_bit_equal(name):
    model = randomize(make(name)).eval()
    other = make(name, seed=3).eval()
    report = load_checkpoint(other, model.state_dict())
    assert (report.family, report.missing, report.unexpected) == ("pointlora", [], [])
    points = random_clouds(2, 64)
    with torch.no_grad():
        assert torch.equal(other(points).logits, model(points).logits)


@every_model
def test_merging_keeps_the_logits(name):
    model = randomize(make(name, "lora")).eval()
    points = random_clouds(3, 64)
    with torch.no_grad():
        before = model(points).logits
        base = make(name).eval()
        load_checkpoint(base, {k: v for k, v in model.state_dict().items() if ".branches." not in k})
        assert (base(points).logits - before).abs().max() > 1e-3
        torch.testing.assert_close(merge_lora(model)(points).logits, before, atol=1e-5, rtol=0)


@every_model
@with_and_without
def test_export(name, method):
    model = randomize(make(name, method)).eval()
    points = random_clouds(2, 64)
    exported = torch.export.export(model, (points,)).module()
    other = random_clouds(2, 64, seed=9)
    torch.testing.assert_close(exported(other).logits, model(other).logits, atol=1e-5, rtol=0)


@every_model
@with_and_without
def test_bfloat16_autocast(name, method):
    model = randomize(make(name, method))
    points = random_clouds(4, 64)
    with torch.autocast("cpu", torch.bfloat16):
        output = model.train()(points)
        (output.logits.sum() + output.auxiliary_loss + output.generation_loss).backward()
        model.eval()
        with torch.no_grad():
            logits = model(points).logits
    assert logits.dtype == output.logits.dtype == output.generation_loss.dtype == torch.float32
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    with torch.no_grad():
        exact = model(points).logits
    # Which tokens are selected may differ by rounding, so only the size of the logits is compared with a method.
    tolerance = 0.05 if method is None else 0.5
    assert (logits - exact).abs().max() < tolerance * exact.abs().max() + 0.02


@every_model
@with_and_without
def test_a_batch_of_one_and_any_order_of_points(name, method):
    model = randomize(make(name, method)).eval()
    points = random_clouds(2, 64)
    order = torch.cat([torch.zeros(1, dtype=torch.int64), 1 + torch.randperm(63)])
    with torch.no_grad():
        logits = model(points).logits
        torch.testing.assert_close(model(points[1:]).logits, logits[1:], atol=1e-5, rtol=0)
        torch.testing.assert_close(model(points[:, order]).logits, logits, atol=1e-5, rtol=0)


@every_model
def test_a_file_of_another_family_is_refused_naming_the_right_one(tmp_path, name):
    family = "recon" if name != "recon" else "point_bert"
    path = write_official(tmp_path / "other.pth", load_golden(f"{family}_cls_small").state_dict, "module.")
    model = make(name)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(CheckpointError, match=rf"other\.pth is .*{family}.* but the model is {name}: .*'{family}'"):
        load_checkpoint(model, path)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
