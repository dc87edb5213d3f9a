"""PointGPT against the official network's outputs, its order of patches and its causality."""

import pytest
import torch

from clouds import random_clouds
from goldens import load_golden
from official_files import model_of, official_logits, pretrained_weights, write_official
from pointlora import apply_method, count_parameters, create_model, load_checkpoint
from pointlora.errors import CheckpointError
from pointlora.models.gpt_blocks import SineCode, greedy_order, steps

SMALL = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 16, "group_size": 8, "generator_depth": 1}


def golden_model(name):
    golden = load_golden(f"point_gpt_{name}")
    kind = f"point_gpt_{name[0]}"
    return golden, model_of(golden, kind, generator_depth=golden.meta["config"]["decoder_depth"])


@pytest.mark.parametrize(("name", "prefix"), [("s_cls_full", "module."), ("b_cls_2layers", "")])
def test_logits_and_generation_loss_equal_the_official_ones(tmp_path, name, prefix):
    golden, model = golden_model(name)
    report = load_checkpoint(model, write_official(tmp_path / "best.pth", golden.state_dict, prefix))
    assert (report.family, report.stage, report.missing, report.unexpected) == ("point_gpt", "fine-tuned", [], [])
    # The official network holds a norm, a linear layer and a start token that it never uses.
    unused = sum(golden.state_dict[key].numel() for key in report.ignored)
    assert sorted(report.ignored) == [
        "blocks.increase_dim.0.bias",
        "blocks.increase_dim.0.weight",
        "generator_blocks.sos",
        "norm.bias",
        "norm.weight",
    ]
    assert count_parameters(model).total == golden.meta["counts"]["total"] - unused
    assert official_logits(model, golden) < 1e-5
    with torch.no_grad():
        output = model(golden["points"], generate=True)
    torch.testing.assert_close(output.generation_loss, golden["generation_loss"].float(), atol=1e-5, rtol=0)
    assert model.generation_weight == 3


def test_pretrained_file(tmp_path):
    golden, model = golden_model("b_cls_2layers")
    lacks = ("cls_token", "cls_pos", "blocks.cls_head_finetune", "blocks.cls_norm")
    weights = pretrained_weights(golden, "GPT_Transformer.", lacks, {})
    report = load_checkpoint(model, write_official(tmp_path / "pretrained.pth", weights, "module."))
    assert (report.family, report.stage, report.unexpected) == ("point_gpt", "pre-trained", [])
    assert {key.split(".")[0] for key in report.missing} == {"cls_token", "cls_position", "cls_norm", "head"}
    expected = golden.state_dict["blocks.layers.1.attn.in_proj_weight"]
    assert torch.equal(model.blocks[1].attn.qkv.weight, expected)
    assert torch.equal(model.sos_token, golden.state_dict["blocks.sos"])


def test_a_backbone_tuned_for_other_classes():
    golden = load_golden("point_gpt_b_cls_2layers")
    sizes = {"embed_dim": 768, "depth": 2, "generator_depth": 1, "num_groups": 64}
    model = create_model("point_gpt_b", num_classes=7, **sizes)
    with pytest.raises(CheckpointError, match=r"head\.8\.weight has shape \(15, 256\).*head=False"):
        load_checkpoint(model, golden.state_dict)
    report = load_checkpoint(model, golden.state_dict, head=False)
    assert {key.split(".")[0] for key in report.missing} == {"head"}
    assert torch.equal(model.cls_token, golden.state_dict["cls_token"])


def test_order_is_a_greedy_walk():
    centers = random_clouds(3, 20, seed=4)
    orders = greedy_order(centers)
    for cloud, order in zip(centers, orders.tolist(), strict=True):
        expected, left = [0], set(range(1, 20))
        while left:
            nearest = min(left, key=lambda index: (cloud[index] - cloud[expected[-1]]).square().sum().item())
            expected.append(nearest)
            left.remove(nearest)
        assert order == expected


def test_order_visits_each_center_once_even_where_centers_coincide():
    centers = torch.zeros(2, 9, 3)
    assert (greedy_order(centers).sort(1).values == torch.arange(9)).all()


def test_position_code():
    code = SineCode(16)(torch.tensor([[0.25, 0.5, 0.0]]))[0]
    expected = [1.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    torch.testing.assert_close(code, torch.tensor(expected), atol=1e-6, rtol=0)


def test_steps_are_unit_directions_and_zero_between_coinciding_centers():
    centers = torch.tensor([[[1.0, 2.0, 3.0], [1.0, 2.0, 5.0], [1.0, 2.0, 5.0], [4.0, 2.0, 9.0]]])
    expected = torch.tensor([[[1.0, 2.0, 3.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.6, 0.0, 0.8]]])
    torch.testing.assert_close(steps(centers), expected)


def test_patches_see_what_is_before_them_and_selected_tokens_see_all_patches():
    torch.manual_seed(0)
    model = apply_method(create_model("point_gpt_s", **SMALL), "pointlora").eval()
    own, *others = model.embed(model.group(random_clouds(1, 64)))
    sequence = model.method.extend(model.assemble(own), others)
    assert (sequence.num_prefix, sequence.num_patches, sequence.tokens.shape[1]) == (2, 16, 2 + 16 + 4 + 1)
    tokens = sequence.tokens.detach().requires_grad_()
    (output,) = model.run_blocks(sequence._replace(tokens=tokens), (1,))
    for position in (2, 9, 17, 18, 22):
        (gradient,) = torch.autograd.grad(output.tokens[0, position].square().sum(), tokens, retain_graph=True)
        seen = gradient[0].abs().amax(-1) > 0
        assert seen[: position + 1].all()
        assert not seen[position + 1 :].any()


def test_selected_tokens_reach_the_head_and_do_not_disturb_the_generator():
    torch.manual_seed(0)
    model = create_model("point_gpt_s", **SMALL).eval()
    points = random_clouds(2, 64)
    with torch.no_grad():
        before = model(points, generate=True)
        apply_method(model, "token_selection").eval()
        after = model(points, generate=True)
    assert torch.equal(before.generation_loss, after.generation_loss)
    assert [tuple(centers.shape) for centers in after.selected] == [(2, 4, 3), (2, 1, 3)]
    tokens = torch.zeros(1, 23, 48)
    tokens[0, 22, 0] = 50.0
    own, *others = model.embed(model.group(points[:1]))
    sequence = model.method.extend(model.assemble(own), others)
    assert model.pool(sequence._replace(tokens=tokens))[0, 48] > 5


def test_generation_loss_is_made_in_training_or_when_asked():
    model = create_model("point_gpt_s", **SMALL)
    points = random_clouds(2, 64)
    assert model.train()(points).generation_loss > 0
    assert model.eval()(points).generation_loss == 0
    assert model.eval()(points, generate=True).generation_loss > 0
    assert model.train()(points, generate=False).generation_loss == 0


def test_training_reaches_every_parameter():
    model = create_model("point_gpt_s", **SMALL).train()
    output = model(random_clouds(2, 64))
    (output.logits.sum() + model.generation_weight * output.generation_loss).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
