"""Every registered model, of both tasks, with and without PointLoRA, through all that a user does with one."""

import copy

import pytest
import torch
from torch.nn import functional

from clouds import random_clouds
from goldens import load_golden
from model_names import COVERED, models
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
}
FEWER = COVERED | {"point_jepa"}
OPTIONS = {"classification": {"num_classes": 5}, "part_segmentation": {"num_parts": 6, "num_categories": 3}}
slow = pytest.mark.slow
every_model = pytest.mark.parametrize("name", models())
every_task = pytest.mark.parametrize("task", list(OPTIONS))
parts_when_slow = pytest.mark.parametrize("task", ["classification", pytest.param("part_segmentation", marks=slow)])
with_and_without = pytest.mark.parametrize("method", [None, "pointlora"])
# What takes seconds: every model with one method, and one model without; the whole product is slow.
every_model_and_method = pytest.mark.parametrize(
    ("name", "method"),
    [
        *(pytest.param(name, "pointlora", marks=slow if name in FEWER else ()) for name in list_models()),
        *((name, None) if name == "point_mae" else pytest.param(name, None, marks=slow) for name in list_models()),
    ],
)

# Of those that take seconds each.
USUAL = ("point_mae_tiny", "point_gpt_s", "recon")
exported = pytest.mark.parametrize(
    ("name", "method"),
    [
        *(pytest.param(name, "pointlora", marks=() if name in USUAL else slow) for name in list_models()),
        *(pytest.param(name, None, marks=slow) for name in list_models()),
    ],
)


def make(name, method=None, seed=0, task="classification"):
    torch.manual_seed(seed)
    model = create_model(name, task, **SIZES, **OPTIONS[task])
    return apply_method(model, method) if method else model


def inputs(model, points):
    """What a model of either task is called with."""
    if model.task == "classification":
        return (points,)
    return points, points[:, 0, 0].gt(0).long() + points[:, 0, 1].gt(0)


def forward(model, points):
    return model(*inputs(model, points))


def training_loss(model, points):
    """The loss of either task, with labels that are a function of the points."""
    output = forward(model, points)
    if model.task == "part_segmentation":
        labels = points[..., 0].gt(0).long() + 2 * points[..., 1].gt(0)
        return functional.cross_entropy(output.logits.flatten(0, 1), labels.flatten()) + 0.004 * output.auxiliary_loss
    loss = functional.cross_entropy(output.logits, torch.arange(len(points))) + 0.004 * output.auxiliary_loss
    return loss + model.generation_weight * output.generation_loss


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
    training_loss(model.train(), random_clouds(4, 64)).backward()
    optimizer = torch.optim.AdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad], 1e-2, weight_decay=0
    )
    optimizer.step()


@every_model
@every_task
@with_and_without
def test_gradients_and_a_step_reach_exactly_the_trained_parameters(name, method, task):
    model = make(name, method, task=task)
    before = {key: parameter.detach().clone() for key, parameter in model.named_parameters()}
    training_step(model)
    for key, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key
        assert torch.equal(before[key], parameter) == (not parameter.requires_grad or not parameter.grad.any()), key
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@every_model
@every_task
def test_adapter_round_trip_is_bit_equal(tmp_path, name, task):
    model = make(name, "pointlora", task=task)
    training_step(model)
    save_adapter(model, tmp_path / "adapter")
    loaded = load_adapter(make(name, task=task), tmp_path / "adapter").eval()
    points = random_clouds(3, 64, seed=5)
    with torch.no_grad():
        assert torch.equal(forward(loaded, points).logits, forward(model.eval(), points).logits)


@every_model
@every_task
def test_whole_model_round_trip_is_bit_equal(name, task):
    model = randomize(make(name, task=task)).eval()
    other = make(name, seed=3, task=task).eval()
    report = load_checkpoint(other, model.state_dict())
    assert (report.family, report.missing, report.unexpected) == ("pointlora", [], [])
    points = random_clouds(2, 64)
    with torch.no_grad():
        assert torch.equal(forward(other, points).logits, forward(model, points).logits)


@every_model
@every_task
def test_merging_keeps_the_logits(name, task):
    model = randomize(make(name, "lora", task=task)).eval()
    points = random_clouds(3, 64)
    with torch.no_grad():
        before = forward(model, points).logits
        base = make(name, task=task).eval()
        load_checkpoint(base, {k: v for k, v in model.state_dict().items() if ".branches." not in k})
        assert (forward(base, points).logits - before).abs().max() > 1e-3
        torch.testing.assert_close(forward(merge_lora(model), points).logits, before, atol=1e-5, rtol=0)


@exported
@parts_when_slow
def test_export(name, method, task):
    model = randomize(make(name, method, task=task)).eval()
    points = random_clouds(2, 64)
    exported = torch.export.export(model, inputs(model, points)).module()
    other = random_clouds(2, 64, seed=9)
    torch.testing.assert_close(exported(*inputs(model, other)).logits, forward(model, other).logits, atol=1e-5, rtol=0)


@every_model
@every_task
@with_and_without
def test_bfloat16_autocast(name, method, task):
    model = randomize(make(name, method, task=task))
    points = random_clouds(4, 64)
    with torch.autocast("cpu", torch.bfloat16):
        loss = training_loss(model.train(), points)
        loss.backward()
        model.eval()
        with torch.no_grad():
            logits = forward(model, points).logits
    assert logits.dtype == loss.dtype == torch.float32
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    with torch.no_grad():
        exact = forward(model, points).logits
    # Which tokens are selected may differ by rounding, so only the size of the logits is compared with a method.
    tolerance = 0.05 if method is None else 0.5
    assert (logits - exact).abs().max() < tolerance * exact.abs().max() + 0.02


@every_model
@every_task
@with_and_without
def test_a_batch_of_one_and_any_order_of_points(name, method, task):
    model = randomize(make(name, method, task=task)).eval()
    points = random_clouds(2, 64)
    order = torch.cat([torch.zeros(1, dtype=torch.int64), 1 + torch.randperm(63)])
    with torch.no_grad():
        logits = forward(model, points).logits
        torch.testing.assert_close(forward(model, points[1:]).logits, logits[1:], atol=1e-5, rtol=0)
        moved = logits if task == "classification" else logits[:, order]
        torch.testing.assert_close(forward(model, points[:, order]).logits, moved, atol=1e-5, rtol=0)


@every_model
def test_a_file_of_another_family_is_refused_naming_the_right_one(tmp_path, name):
    family = "recon" if name != "recon" else "point_bert"
    path = write_official(tmp_path / "other.pth", load_golden(f"{family}_cls_small").state_dict, "module.")
    model = make(name)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(CheckpointError, match=rf"other\.pth is .*{family}.* but the model is {name}: .*'{family}'"):
        load_checkpoint(model, path)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
