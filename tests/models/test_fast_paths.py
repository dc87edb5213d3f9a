"""Fast paths compute what the plain definitions do, and step aside where anything was hung on a layer."""

from collections import Counter
from itertools import product

import pytest
import torch
from torch import nn

from clouds import random_clouds
from model_names import COVERED
from pointlora import apply_method, create_model, list_methods, list_models, method_config
from pointlora.layers import linear
from pointlora.layers.plain import plain

SIZES = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 8, "group_size": 8, "tokenizer_dims": (16, 24, 32)}
OPTIONS = {"classification": {"num_classes": 5}, "part_segmentation": {"num_parts": 6, "num_categories": 3}}
SETTINGS = {
    "idpt": {"neighbors": 8},  # all: which are nearest is a matter of rounding
    "pointgst": {"local": 4},
}
TASKS = list(OPTIONS)
WAYS = ["evaluation", "evaluation with gradients", "training"]
# These compute what others do.
ALIKE = {"lora-plus", "stag-sl"}
# Models of every kind with one method, all methods on one model; the full product is slow.
FEW = {
    *product(set(list_models()) - COVERED, ["pointlora"]),
    *product(["point_mae"], set(list_methods()) - ALIKE),
}
COMBINATIONS = [
    pytest.param(name, method, task, marks=[] if (name, method) in FEW else pytest.mark.slow)
    for name, method, task in product(list_models(), list_methods(), TASKS)
]
needs_bfloat16 = pytest.mark.skipif(linear._BFLOAT16_PRODUCT is None, reason="oneDNN has no bfloat16 product here")


@pytest.fixture(autouse=True)
def products_of_every_size(monkeypatch):
    monkeypatch.setattr(linear, "_WORTHWHILE", 0)


def make(name, method, task, num_features=0):
    torch.manual_seed(0)
    config = method_config(method, **SETTINGS.get(method, {}))
    model = apply_method(create_model(name, task, num_features=num_features, **SIZES, **OPTIONS[task]), config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def compute(model, way, dtype=torch.float32, seed=0):
    """The logits, and in two of the ways the gradients of what is trained and the statistics afterwards."""
    points = random_clouds(3, 60, seed) * torch.tensor([1.0, 0.5, 2.0])
    if model.sizes.num_features:
        points = torch.cat([points, random_clouds(3, 60, seed + 10)[..., : model.sizes.num_features]], -1)
    inputs = (points,) if model.task == "classification" else (points, torch.arange(3))
    model.train(way == "training")
    for layer in model.head.modules():
        if type(layer) is nn.BatchNorm1d:
            layer.eval()  # over three clouds it would magnify rounding, and nothing about it is fast
    torch.manual_seed(5)
    with torch.set_grad_enabled(way != "evaluation"), torch.autocast("cpu", torch.bfloat16, dtype == torch.bfloat16):
        output = model(*inputs)
        loss = output.logits.sin().sum() + output.auxiliary_loss
    gradients = {}
    if way != "evaluation":
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        found = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
        gradients = {name: g for name, g in zip(trained, found, strict=True) if g is not None}
    return output.logits.detach(), gradients, {name: buffer.clone() for name, buffer in model.named_buffers()}


def mostly(agree):
    """Two of three seeds: where two numbers nearly tie, one flip of a ReLU or a maximum changes a gradient by more."""
    results = [agree(0), agree(1)]
    return sum(results) == 2 or (sum(results) == 1 and agree(2))


def check_equal(name, method, task, way, num_features=0):
    def agree(seed):
        logits, gradients, buffers = compute(make(name, method, task, num_features), way, seed=seed)
        with plain():
            model = make(name, method, task, num_features)
            plain_logits, plain_gradients, plain_buffers = compute(model, way, seed=seed)
        torch.testing.assert_close(logits, plain_logits, atol=1e-5, rtol=1e-5)
        for key, buffer in buffers.items():
            torch.testing.assert_close(buffer, plain_buffers[key], atol=1e-5, rtol=1e-5, msg=key)
        assert gradients.keys() == plain_gradients.keys()
        assert gradients or way == "evaluation"
        norms = {key: gradient.norm() for key, gradient in plain_gradients.items()}
        # What is next to nothing (biases before a norm) is compared with the largest gradient.
        least = 1e-2 * max(norms.values(), default=0)
        return all((gradients[key] - plain_gradients[key]).norm() <= 1e-3 * max(norms[key], least) for key in norms)

    assert mostly(agree)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "method", "task"), COMBINATIONS)
def test_equal_in_float32(name, method, task, way):
    check_equal(name, method, task, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["pointlora", "lora", "full"])
@pytest.mark.parametrize("task", TASKS)
def test_equal_in_float32_with_features(method, task, way):
    check_equal("point_mae", method, task, way, num_features=3)


def joined(gradients):
    return torch.cat([gradient.flatten() for gradient in gradients.values()]) if gradients else torch.zeros(1)


def smooth(model):
    """Without the ReLUs of the classification head, nearly all of whose many flips come from rounding."""
    if model.task == "classification":
        for name, layer in list(model.head.named_children()):
            if type(layer) is nn.ReLU:
                setattr(model.head, name, nn.Softplus())
    return model


@needs_bfloat16
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "method", "task"), COMBINATIONS)
def test_near_in_bfloat16(name, method, task, way):
    """Both ways round: they may differ by as much as the plain way differs from float32, and little more."""

    def agree(seed):
        def found(dtype):
            return compute(smooth(make(name, method, task)), way, dtype, seed)[:2]

        logits, gradients = found(torch.bfloat16)
        with plain():
            (usual_logits, usual), (exact_logits, exact) = found(torch.bfloat16), found(torch.float32)
        assert gradients.keys() == usual.keys() == exact.keys()
        of_logits = (logits - usual_logits).norm() <= 2e-2 * exact_logits.norm() + (usual_logits - exact_logits).norm()
        rounding = (joined(usual) - joined(exact)).norm()
        return of_logits and (joined(gradients) - joined(usual)).norm() <= 5e-2 * joined(exact).norm() + rounding

    assert mostly(agree)


def hang_counters(model):
    counts = Counter()
    for name, module in model.named_modules():
        module.register_forward_hook(lambda module, inputs, output, name=name: counts.update([name]))
    return counts


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "method", "task"), COMBINATIONS)
def test_every_hook_is_called_as_often_as_in_the_plain_computation(name, method, task, way):
    found = []
    for within in (False, True):
        model = make(name, method, task)
        counts = hang_counters(model)
        if within:
            with plain():
                compute(model, way)
        else:
            compute(model, way)
        found.append(counts)
    assert found[0] == found[1]
    leaves = {name for name, module in model.named_modules() if type(module) in (nn.Linear, linear.Linear)}
    idle = () if way == "training" else ("generator.",)
    assert not {name for name in leaves - found[0].keys() if not name.startswith(idle)}


def halve(module, inputs, output):
    return output * 0.5 if isinstance(output, torch.Tensor) else None


def halve_in_place(module, inputs, output):
    return output.mul_(0.5) if isinstance(output, torch.Tensor) else None


ONCE = [(TASKS[0], WAYS[0], halve), (TASKS[0], WAYS[2], halve_in_place)]


@pytest.mark.parametrize(
    ("task", "way", "hook"),
    [
        pytest.param(task, way, hook, marks=[] if (task, way, hook) in ONCE else pytest.mark.slow)
        for task, way, hook in product(TASKS, WAYS, [halve, halve_in_place])
    ],
)
def test_a_single_hook_changes_what_it_changes_in_the_plain_computation(task, way, hook):
    def hooked(name):
        model = make("point_mae", "pointlora", task)
        model.get_submodule(name).register_forward_hook(hook)
        return compute(model, way)

    names = [name for name, _ in make("point_mae", "pointlora", task).named_modules()]
    names = [name for name in names if name and not name.startswith("blocks.1.")]
    untouched = compute(make("point_mae", "pointlora", task), way)[0]
    changing = 0
    for name in names:
        with plain():
            try:
                logits, gradients, _ = hooked(name)
            except RuntimeError:
                continue  # what is changed in place was needed in the backward
        found, others, _ = hooked(name)
        torch.testing.assert_close(found, logits, atol=1e-5, rtol=1e-5, msg=name)
        changing += not torch.equal(found, untouched)
        largest = max((gradient.norm() for gradient in gradients.values()), default=0)
        for key, gradient in gradients.items():
            assert (others[key] - gradient).norm() <= 1e-3 * gradient.norm().clamp(min=1e-2 * largest), (name, key)
    assert changing > 30


def test_gradients_follow_a_change_in_place_of_what_a_norm_returns():
    """A branch's gradient takes the input that the layer had, not the one that a frozen norm would make again."""

    def gradients(hook):
        torch.manual_seed(0)
        model = apply_method(create_model("point_mae_tiny", num_classes=5), "lora").train()
        for name, parameter in model.named_parameters():
            if name.endswith("lora.B"):
                nn.init.normal_(parameter, std=0.02)
        for block in model.blocks:
            block.norm1.register_forward_hook(hook)
        torch.manual_seed(0)
        logits = model(random_clouds(4, 256)).logits
        logits.sin().sum().backward()
        return logits.detach(), {name: p.grad for name, p in model.named_parameters() if ".qkv.branches.lora." in name}

    logits, expected = gradients(lambda module, inputs, output: output * 2)
    found_logits, found = gradients(lambda module, inputs, output: output.mul_(2))
    torch.testing.assert_close(found_logits, logits)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, msg=name)
