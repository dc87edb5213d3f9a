"""Mistakes in a method of a user: each is one line that names the class and the override."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from clouds import random_clouds
from pointlora import apply_method, create_model
from pointlora.errors import AdapterError, ConfigError, PointLoraError, ShapeError
from pointlora.methods import Method, MethodConfig, ParameterGroup, add_branch, register, table

SIZES = {"embed_dim": 24, "depth": 2, "num_heads": 3, "num_groups": 8, "group_size": 8}
OPTIONS = {"classification": {"num_classes": 3}, "part_segmentation": {"num_parts": 4, "num_categories": 2}}


@dataclass(frozen=True)
class MineConfig(MethodConfig):
    width: int = 2


@pytest.fixture(autouse=True)
def _nobody_else_knows_it(monkeypatch):
    monkeypatch.setattr(table, "SPECS", dict(table.SPECS))
    monkeypatch.setattr(table, "PRESETS", dict(table.PRESETS))


def model_of(task="classification"):
    torch.manual_seed(0)
    return create_model("point_mae_tiny", task, **SIZES, **OPTIONS[task]).eval()


def applied(task="classification", /, **overrides):
    """A model with a method `Mine` of these overrides."""
    register("mine", type("Mine", (Method,), overrides), MineConfig)
    return apply_method(model_of(task), "mine")


def without_super(self, config, model):
    Method.__init__(self)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"__init__": without_super}, r"^Mine.__init__: it must call super\(\).__init__\(config, model\)$"),
        ({"__init__": lambda self, config: None}, "^Mine.__init__: TypeError: "),
        (
            {"attach": lambda self, model: add_branch(model, "blocks.9.mlp", "b", nn.Linear(2, 2))},
            "^Mine.attach: 'blocks.9.mlp' is no layer of the model: did you mean",
        ),
        (
            {"attach": lambda self, model: add_branch(model, "norm", "b", nn.Linear(2, 2))},
            "^Mine.attach: 'b' of norm is a Linear, but a branch must be",
        ),
        ({"attach": lambda self, model: torch.ones(2) @ torch.ones(3)}, "^Mine.attach: RuntimeError: "),
        ({"scales": property(lambda self: (8, 8))}, r"^Mine.scales: it is \(8, 8\), but it must be a list of Scale"),
        (
            {"parameter_groups": lambda self, model: [model.task_parameters()]},
            "^Mine.parameter_groups: it returned a list with a list, but each must be a ParameterGroup",
        ),
        (
            {"parameter_groups": lambda self, model: ParameterGroup(model.task_parameters())},
            "^Mine.parameter_groups: it returned a ParameterGroup, but it must return a list",
        ),
        ({"parameter_groups": lambda self, model: None}, "^Mine.parameter_groups: it returned a NoneType, but"),
        (
            {"parameter_groups": lambda self, model: [ParameterGroup([nn.Parameter(torch.ones(3))])]},
            r"^Mine.parameter_groups: a ParameterGroup holds a Parameter of shape \(3,\), but each must be a parameter",
        ),
        (
            {"parameter_groups": lambda self, model: [ParameterGroup(["head"])]},
            "^Mine.parameter_groups: a ParameterGroup holds a str, but",
        ),
        (
            {"parameter_groups": lambda self, model: [ParameterGroup(model.task_parameters(), 0.0)]},
            "^Mine.parameter_groups: lr_factor is 0.0, but it must be a number above 0",
        ),
        (
            {"parameter_groups": lambda self, model: [ParameterGroup(model.parameters(), f) for f in (1, 2)]},
            "^Mine.parameter_groups: a Parameter of shape .* is in groups with lr_factor 1 and 2",
        ),
    ],
)
def test_a_mistake_is_named_when_the_method_is_applied(overrides, message):
    with pytest.raises(PointLoraError, match=message):
        applied(**overrides)


@pytest.mark.parametrize("given", [None, {"name": "lora"}, MineConfig, 3])
def test_what_is_neither_name_nor_settings_is_refused(given):
    with pytest.raises(
        ConfigError, match=r"^method is .*, but it must be a name, such as 'lora', or settings, such as"
    ):
        apply_method(model_of(), given)


@pytest.mark.parametrize("method", ["lora", "head_only", "pointlora"])
def test_a_quantized_model_is_refused(method):
    model = torch.ao.quantization.quantize_dynamic(model_of(), {nn.Linear})
    with pytest.raises(AdapterError, match=r"^head\.0 is a Linear of .*quantized.*: apply the method first, then quan"):
        apply_method(model, method)
    packed = model_of()
    packed.head[0].weight = nn.Parameter(packed.head[0].weight.to(torch.int8), requires_grad=False)
    with pytest.raises(AdapterError, match=r"^head\.0 is a Linear .*apply the method first, then quantize"):
        apply_method(packed, method)


def run(model):
    points = random_clouds(2, 64)
    with torch.no_grad():
        return model(points) if model.task == "classification" else model(points, torch.tensor([0, 1]))


def prompt(sequence, count=2):
    return sequence.tokens.new_zeros(len(sequence.tokens), count, sequence.tokens.shape[2])


@pytest.mark.parametrize("task", OPTIONS)
@pytest.mark.parametrize(
    ("override", "does", "message"),
    [
        ("extend", lambda self, sequence, scales: None, "it returned NoneType, but it must return a TokenSequence"),
        ("before_block", lambda self, index, sequence: None, "it returned NoneType, but it must return a Token"),
        (
            "after_block",
            lambda self, index, sequence: sequence.tokens,
            "it returned Tensor, but it must return a Token",
        ),
        (
            "before_block",
            lambda self, index, sequence: sequence._replace(tokens=torch.cat([sequence.tokens, prompt(sequence)], 1)),
            r"it returned 1\d tokens and [89] positions, but each token must have one: add tokens by with_prompts",
        ),
        (
            "after_block",
            lambda self, index, sequence: sequence._replace(num_prompts=1),
            r"it returned tokens of shape \(2, [89], 24\), but it must be \(B, T, C\) with T at least \d+: [01] of the",
        ),
        (
            "extend",
            lambda self, sequence, scales: sequence._replace(auxiliary_loss=torch.ones(2)),
            r"it returned the auxiliary_loss a tensor of shape \(2,\), but it must be a scalar tensor",
        ),
        (
            "pool",
            lambda self, features, sequence: [*features, sequence.patches.mean(1)],
            r"it returned \d+ features, but the head reads \d+: call model.make_head\(more=...\) in attach",
        ),
        ("pool", lambda self, features, sequence: None, r"it returned NoneType, but it must return tensors of shape"),
        (
            "pool",
            lambda self, features, sequence: [sequence.patches],
            r"it returned a tensor of shape \(2, 8, 24\), but it must return tensors of shape \(B, ·\)",
        ),
    ],
)
def test_a_mistake_is_named_when_the_model_is_called(task, override, does, message):
    with pytest.raises(PointLoraError, match=f"^Mine.{override}: {message}"):
        run(applied(task, **{override: does}))


def test_tokens_that_do_not_fit_the_sequence_are_refused():
    model = model_of()
    own, *_ = model.embed(model.group(random_clouds(2, 64)))
    sequence = model.assemble(own)
    more, once = prompt(sequence), sequence._replace(positions=sequence.tokens.new_zeros(1, 1, 1))
    with pytest.raises(
        ShapeError, match=r"without positions, but .* give positions \(2, 2, 24\), such as torch.zeros_l"
    ):
        sequence.with_prompts(more)
    with pytest.raises(ShapeError, match=r"shape \(2, 1, 24\), but it must be \(2, 2, 24\), that of their tokens"):
        sequence.with_prompts(more, more[:, :1])
    with pytest.raises(ShapeError, match=r"shape \(2, 24\), but it must be \(B, K, C\) with B = 2 and C = 24"):
        sequence.with_prompts(more[0], more[0])
    with pytest.raises(ShapeError, match="those of the sequence are the same for all tokens: leave them out"):
        once.with_prompts(more, more)
    with pytest.raises(ShapeError, match="with_others needs two lists"):
        sequence.with_others(more, more)
    with pytest.raises(ShapeError, match="that of their tokens"):
        sequence.with_others([more], [more[:, :1]])
    assert once.with_prompts(more).num_prompts == sequence.with_prompts(more, more).num_prompts == 2
    half = sequence._replace(tokens=sequence.tokens.bfloat16(), positions=sequence.positions.bfloat16())
    assert {part.dtype for part in half.with_prompts(more, more)[:2]} == {torch.bfloat16}
