import math

import pytest
import torch
from torch import nn

from pointlora.errors import ConfigError
from pointlora.models.create import create_model
from pointlora.recipes.parts import OptimizerConfig
from pointlora.training.optimizer import clip_gradients, learning_rate, make_optimizer, parameter_groups
from training_runs import SIZES


def test_schedule_by_hand():
    config = OptimizerConfig(lr=5e-4, warmup_epochs=10, warmup_lr=1e-6, min_lr=1e-6)
    rates = [learning_rate(epoch, 300, config) for epoch in range(300)]
    assert rates[0] == 1e-6
    assert rates[5] == pytest.approx(1e-6 + 0.5 * (5e-4 - 1e-6))
    # The cosine's phase counts the warm-up, so epoch 10 is already past the top.
    assert rates[10] == pytest.approx(1e-6 + 4.99e-4 * (1 + math.cos(math.pi / 30)) / 2)
    assert rates[150] == pytest.approx((5e-4 + 1e-6) / 2)
    assert rates[299] == pytest.approx(1e-6 + 4.99e-4 * (1 - math.cos(math.pi / 300)) / 2)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_no_warm_up_starts_at_the_top():
    assert learning_rate(0, 10, OptimizerConfig(lr=0.1, warmup_epochs=0)) == pytest.approx(0.1)


def test_no_decay_on_vectors_biases_and_tokens():
    model = create_model("point_mae", "classification", num_classes=3, **SIZES)
    plain, decayed = parameter_groups(model.named_parameters(), 0.05)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    free = {names[id(parameter)] for parameter in plain["params"]}
    assert plain["weight_decay"] == 0.0
    assert decayed["weight_decay"] == 0.05
    assert {"cls_token", "cls_position", "norm.weight", "blocks.0.attn.proj.bias"} <= free
    assert all(parameter.ndim >= 2 for parameter in decayed["params"])
    assert len(plain["params"]) + len(decayed["params"]) == len(names)
    assert "position.0.weight" not in free


def test_frozen_parameters_are_left_out():
    layer = nn.Linear(2, 2)
    layer.weight.requires_grad_(False)
    (group,) = make_optimizer(layer, OptimizerConfig()).param_groups
    assert [parameter is layer.bias for parameter in group["params"]] == [True]
    layer.bias.requires_grad_(False)
    with pytest.raises(ConfigError, match="trains no parameter"):
        make_optimizer(layer, OptimizerConfig())


def test_weight_decay_shrinks_only_matrices():
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.fill_(1.0)
        model.bias.fill_(1.0)
    optimizer = make_optimizer(model, OptimizerConfig(lr=0.1, weight_decay=0.5))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.allclose(model.weight, torch.full((2, 2), 0.95))
    assert torch.equal(model.bias, torch.ones(2))


def test_on_a_cpu_the_fused_step_is_adamw_and_lets_gradients_be_clipped():
    torch.manual_seed(0)
    models = [nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    ours = make_optimizer(models[0], OptimizerConfig(lr=1e-2))
    groups = parameter_groups(models[1].named_parameters(), OptimizerConfig().weight_decay)
    optimizers = [ours, torch.optim.AdamW(groups, lr=1e-2)]
    for seed in range(5):
        x = torch.randn(6, 5, generator=torch.Generator().manual_seed(seed))
        for model, optimizer in zip(models, optimizers, strict=True):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
    assert ours.defaults["fused"]
    assert not ours._step_supports_amp_scaling
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("largest", [1.0, 10.0, 1e3, math.inf, math.nan])
def test_clipping_gives_the_digits_of_torch(largest):
    torch.manual_seed(0)
    gradients = [torch.randn(7, 5), torch.randn(3)]
    gradients[0][2, 1] = largest
    ours, others = ([nn.Parameter(torch.zeros_like(value)) for value in [*gradients, torch.zeros(2)]] for _ in range(2))
    for parameters in (ours, others):
        for parameter, value in zip(parameters, gradients, strict=False):  # the last one has no gradient
            parameter.grad = value.clone()
    clip_gradients(ours, 10.0)
    nn.utils.clip_grad_norm_(others, 10.0)
    for mine, other, value in zip(ours, others, gradients, strict=False):
        torch.testing.assert_close(mine.grad, other.grad, rtol=0, atol=0, equal_nan=True)
        assert torch.equal(mine.grad, value) == (largest == 1.0)
    assert ours[2].grad is None
