"""PointLoRA against the release's outputs, gradients and running statistics."""

import pytest
import torch
from torch.nn import functional as F

from clouds import random_clouds
from goldens import load_golden
from pointlora import PointLoraConfig, apply_method, count_parameters, create_model, load_checkpoint
from pointlora.errors import AdapterError, ConfigError, ShapeError
from pointlora.models.layouts import PLAIN_FINE_TUNED
from pointlora.models.tokenizer import Tokenizer
from pointlora.ops import grouping

TINY = {"num_classes": 4, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 32, "group_size": 8}
# A constant that is added before a batch normalisation changes nothing: what these biases have is rounding.
NO_GRADIENT = {
    "encoder.first_conv.0.bias",
    "encoder.first_conv.3.bias",
    "cls_head_finetune.0.bias",
    "cls_head_finetune.4.bias",
}


def release(golden):
    config = golden.meta["config"]
    sizes = {"embed_dim": config["trans_dim"], "depth": config["depth"], "drop_path_rate": 0.0}
    model = apply_method(create_model("point_mae", num_classes=15, **sizes), "pointlora")
    load_checkpoint(model, golden.state_dict)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


@pytest.mark.parametrize("name", ["pointlora_small", "pointlora_full"])
def test_evaluation_equals_the_release(name):
    golden = load_golden(name)
    model = release(golden).eval()
    with torch.no_grad():
        output = model(golden["points"])
    torch.testing.assert_close(output.logits, golden["logits"], atol=1e-5, rtol=0)
    assert output.auxiliary_loss.item() == pytest.approx(golden["mask_loss"].item(), abs=1e-5)


@pytest.mark.parametrize("name", ["pointlora_small", pytest.param("pointlora_full", marks=pytest.mark.slow)])
def test_training_step_equals_the_release(name, monkeypatch):
    golden = load_golden(name)
    model = release(golden).train()
    calls = count_work(monkeypatch)
    output = model(golden["train_points"])
    # One sampling run, one tokenizer pass a distinct scale: the release needs three of each.
    assert calls == {"sampling": [128], "tokenizer": [(128, 32), (64, 64)]}
    loss = F.cross_entropy(output.logits, golden["train_labels"]) + 0.004 * output.auxiliary_loss
    torch.testing.assert_close(output.logits, golden["train_logits"], atol=1e-4, rtol=0)
    assert loss.item() == pytest.approx(golden["train_loss"].item(), abs=1e-4)
    loss.backward()
    check_gradient_norms(model, golden)
    state = model.state_dict()
    for key, values in golden.meta["bn_after"].items():
        torch.testing.assert_close(state[PLAIN_FINE_TUNED.rename(key)][:4], torch.tensor(values), atol=1e-6, rtol=0)


def count_work(monkeypatch):
    calls = {"sampling": [], "tokenizer": []}
    sample = grouping.farthest_point_sampling
    monkeypatch.setattr(
        grouping, "farthest_point_sampling", lambda *a, **k: (calls["sampling"].append(a[1]), sample(*a, **k))[1]
    )
    forward = Tokenizer.forward
    monkeypatch.setattr(
        Tokenizer, "forward", lambda self, x: (calls["tokenizer"].append(tuple(x.shape[1:3])), forward(self, x))[1]
    )
    return calls


def check_gradient_norms(model, golden):
    ours = {**{key: PLAIN_FINE_TUNED.rename(key) for key in golden.meta["shapes"]}}
    ours.update(model.method.checkpoint_keys(golden.meta["shapes"]))
    parameters = dict(model.named_parameters())
    trained = {ours[key] for key in golden.meta["grad_norms"]}
    assert trained == {name for name, parameter in parameters.items() if parameter.grad is not None}
    for key, expected in golden.meta["grad_norms"].items():
        found = parameters[ours[key]].grad.norm().item()
        if key in NO_GRADIENT:
            assert max(found, expected) < 1e-3, key
        else:
            assert found == pytest.approx(expected, rel=0.01), key


def test_the_budget_of_the_paper():
    model = apply_method(create_model("point_mae", num_classes=15), "pointlora")
    count = count_parameters(model)
    assert (count.trainable, count.total) == (772_752, 22_513_960)
    assert count.share == pytest.approx(0.03432, abs=5e-6)
    parts = {
        ".branches.lora.": 221_184,
        "method.prompts.": 125_312,
        "method.scorer.": 74_113,
        "head.": 267_535,
        "tokenizer.": 33_792,
        "position.": 50_048,
        "cls_": 768,
    }
    trained = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    split = {part: sum(count for name, count in trained.items() if part in name) for part in parts}
    assert split == parts
    gates = [p for name, p in model.named_parameters() if name.endswith(".gate")]
    assert len(gates) == 24
    assert all(gate.item() == 1 and not gate.requires_grad for gate in gates)


@pytest.mark.parametrize("targets", [("qkv",), ("fc1", "fc2"), ("qkv", "proj", "fc1", "fc2")])
def test_any_linear_layer_of_the_blocks_can_be_adapted(targets):
    model = apply_method(
        create_model("point_mae_tiny", **TINY), PointLoraConfig(targets=targets, prompts="none", scales=())
    )
    adapted = {name.rsplit(".branches", 1)[0] for name, _ in model.named_parameters() if ".lora.A" in name}
    assert adapted == {
        name for name, _ in model.named_modules() if name.endswith(targets) and name.startswith("blocks")
    }
    assert len(adapted) == 2 * len(targets)


def test_zero_init_starts_at_the_backbone():
    torch.manual_seed(0)
    plain = create_model("point_mae_tiny", **TINY).eval()
    points = random_clouds(2, 100)
    expected = plain(points).logits
    tuned = apply_method(plain, PointLoraConfig(prompt_init="zero", scales=())).eval()
    assert torch.equal(tuned(points).logits, expected)
    torch.manual_seed(0)
    released = apply_method(create_model("point_mae_tiny", **TINY), PointLoraConfig(scales=())).eval()
    assert not torch.equal(released(points).logits, expected)


@pytest.mark.parametrize("straight_through", [False, True])
def test_straight_through_lets_the_task_reach_the_scorer(straight_through):
    torch.manual_seed(0)
    model = create_model("point_mae_tiny", **TINY)
    apply_method(model, PointLoraConfig(straight_through=straight_through, mask_loss="none")).train()
    output = model(random_clouds(4, 100))
    output.logits.square().mean().backward()
    gradient = model.method.scorer.fc1.weight.grad
    assert (gradient is not None and gradient.norm().item() > 0) == straight_through
    torch.manual_seed(0)
    plain = apply_method(create_model("point_mae_tiny", **TINY), PointLoraConfig(mask_loss="none")).train()
    torch.manual_seed(1)
    expected = plain(random_clouds(4, 100)).logits
    torch.manual_seed(0)
    model = apply_method(create_model("point_mae_tiny", **TINY), PointLoraConfig(straight_through=True)).train()
    torch.manual_seed(1)
    torch.testing.assert_close(model(random_clouds(4, 100)).logits, expected, atol=1e-6, rtol=0)


def test_mask_losses_are_release_its_negative_and_nothing():
    values = {}
    for kind in ("release", "polarize", "none"):
        torch.manual_seed(0)
        model = apply_method(create_model("point_mae_tiny", **TINY), PointLoraConfig(mask_loss=kind)).eval()
        values[kind] = model(random_clouds(2, 100)).auxiliary_loss.item()
    assert values["release"] == pytest.approx(-1.25 * 0.6931, abs=0.01)
    assert values["polarize"] == -values["release"]
    assert values["none"] == 0


def test_selected_tokens_are_the_best_scored_and_follow_the_patches():
    torch.manual_seed(0)
    scales = [(16, 8, 3), (8, 4, 2), (32, 8, 5)]
    model = apply_method(create_model("point_mae_tiny", **TINY), PointLoraConfig(scales=scales)).eval()
    points = random_clouds(2, 100)
    own, *others = model.embed(model.group(points))
    sequence = model.method.extend(model.assemble(own), others)
    assert sequence.tokens.shape[1] == 1 + 32 + 3 + 2 + 5
    assert [centers.shape[1] for centers in sequence.selected] == [3, 2, 5]
    scores = model.method.scorer(others[0].tokens)
    best = scores[0].argsort(descending=True)[:3]
    assert torch.equal(sequence.tokens[0, 33:36], others[0].tokens[0, best])
    assert torch.equal(sequence.positions[0, 33:36], others[0].positions[0, best])


@pytest.mark.parametrize("mode", ["batch", "frozen"])
def test_running_statistics_drift_only_in_batch_mode(mode):
    model = apply_method(create_model("point_mae_tiny", **TINY), PointLoraConfig(tokenizer_batchnorm=mode)).train()
    norm = model.tokenizer.first_conv[1]
    before = norm.running_mean.clone()
    model(random_clouds(2, 100))
    assert torch.equal(norm.running_mean, before) == (mode == "frozen")
    assert model.head[1].training
    assert norm.weight.requires_grad


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"rank": -1}, ConfigError, "rank is -1"),
        ({"rank": 49}, ConfigError, "rank 49 is larger than the width 48"),
        ({"mask_loss": "entropy"}, ConfigError, "'entropy', but it must be one of release, polarize, none"),
        ({"targets": ("qkw",)}, ConfigError, "'qkw' names no linear layer.*proj, qkv"),
        ({"scales": [(8, 4, 9)]}, ConfigError, "keep is 9.*at most num_groups = 8"),
        ({"scales": [(8, 4)]}, ConfigError, r"scale \(8, 4\) must be"),
        ({"dropout": 1.0}, ConfigError, "dropout is 1.0"),
    ],
)
def test_bad_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        apply_method(create_model("point_mae_tiny", **TINY), PointLoraConfig(**settings))


def test_clouds_too_small_for_a_scale_are_named():
    model = apply_method(create_model("point_mae_tiny", **TINY), PointLoraConfig(scales=[(90, 4, 3)])).eval()
    with pytest.raises(ShapeError, match="clouds of 80 points are too small for patches of 32 x 8, 90 x 4: need 90"):
        model(random_clouds(1, 80))


def test_a_second_method_is_refused():
    model = apply_method(create_model("point_mae_tiny", **TINY), "pointlora")
    with pytest.raises(AdapterError, match="already"):
        apply_method(model, "lora")
    with pytest.raises(AdapterError, match="not to a Linear"):
        apply_method(torch.nn.Linear(2, 2), "lora")
