import pytest
import torch

from clouds import random_clouds
from pointlora import apply_method, count_parameters, create_model, list_methods, method_config
from pointlora.errors import ConfigError, PointLoraWarning

TINY = {"num_classes": 4, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 32, "group_size": 8}


def trained_parts(name):
    model = apply_method(create_model("point_mae_tiny", **TINY), name)
    return {n for n, p in model.named_parameters() if p.requires_grad}, model


def test_methods_are_listed():
    assert {"pointlora", "pointlora-plus", "lora", "token_selection", "full", "scratch", "head_only", "bitfit"} <= set(
        list_methods()
    )


@pytest.mark.parametrize(
    "name", ["pointlora", "pointlora-plus", "lora", "token_selection", "full", "scratch", "head_only", "bitfit"]
)
def test_gradients_are_exactly_where_they_should_be(name):
    trained, model = trained_parts(name)
    output = model.train()(random_clouds(4, 100))
    (output.logits.square().mean() + output.auxiliary_loss).backward()
    assert {n for n, p in model.named_parameters() if p.grad is not None} == trained


def test_head_only_trains_head_and_class_token():
    trained, _ = trained_parts("head_only")
    assert {name.split(".")[0] for name in trained} == {"head", "cls_token", "cls_position"}


def test_bitfit_adds_the_biases():
    trained, model = trained_parts("bitfit")
    head, _ = trained_parts("head_only")
    assert trained == head | {name for name, _ in model.named_parameters() if name.endswith("bias")}


@pytest.mark.parametrize("name", ["full", "scratch"])
def test_full_trains_everything(name):
    _, model = trained_parts(name)
    assert count_parameters(model).share == 1


def test_lora_trains_low_rank_updates_and_the_head():
    trained, model = trained_parts("lora")
    head, _ = trained_parts("head_only")
    assert trained - head == {name for name, _ in model.named_parameters() if ".branches.lora." in name}
    assert count_parameters(model).trainable == sum(
        p.numel() for n, p in model.named_parameters() if n in head
    ) + 2 * 8 * (48 + 144 + 48 + 48)


def test_lora_of_rank_0_says_that_it_trains_the_head_alone():
    with pytest.warns(
        PointLoraWarning, match="rank is 0 without selected tokens and prompts: only the head is trained"
    ):
        model = apply_method(create_model("point_mae_tiny", **TINY), method_config("lora", rank=0))
    head, _ = trained_parts("head_only")
    assert {name for name, p in model.named_parameters() if p.requires_grad} == head


def test_frozen_tokenizer_stays_in_evaluation_mode():
    _, model = trained_parts("head_only")
    assert not model.train().tokenizer.first_conv[1].training
    assert model.eval().train().head[1].training


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ConfigError, match="unknown method 'pointlorra': did you mean 'pointlora'"):
        apply_method(create_model("point_mae_tiny", **TINY), "pointlorra")


def test_same_seed_same_network():
    logits = []
    for _ in range(2):
        torch.manual_seed(7)
        model = apply_method(create_model("point_mae_tiny", **TINY), "pointlora").eval()
        logits.append(model(random_clouds(2, 100)).logits)
    assert torch.equal(*logits)
