from pointlora import apply_method, create_model
from pointlora.adapters.fingerprint import fingerprint
from pointlora.adapters.state import adapter_state, base_state, from_file_key, to_file_key

TINY = {"num_classes": 4, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 32, "group_size": 8}


def test_adapter_and_base_share_out_the_whole_model():
    model = apply_method(create_model("point_mae_tiny", **TINY), "pointlora")
    own, base = adapter_state(model), base_state(model)
    assert own.keys() | base.keys() == model.state_dict().keys()
    assert not own.keys() & base.keys()
    assert "tokenizer.second_conv.1.running_mean" in own
    assert "tokenizer.second_conv.1.weight" in base
    assert "blocks.0.attn.qkv.branches.prompt.gate" in own
    assert "blocks.0.attn.qkv.weight" in base


def test_keys_are_those_of_peft_and_come_back():
    name = "blocks.3.attn.qkv.branches.lora.A"
    assert to_file_key(name) == "base_model.model.blocks.3.attn.qkv.lora_A.weight"
    assert to_file_key("cls_token") == "base_model.model.cls_token"
    model = apply_method(create_model("point_mae_tiny", **TINY), "pointlora")
    assert all(from_file_key(to_file_key(name)) == name for name in model.state_dict())


def test_a_fingerprint_changes_with_names_shapes_types_and_values():
    import torch

    weights = {"a": torch.arange(6.0), "b": torch.ones(2)}
    original = fingerprint(weights)
    assert original == fingerprint(dict(reversed(weights.items())))
    assert original.startswith("sha256:")
    assert len(original) == 71
    changed = [
        {**weights, "a": weights["a"].view(2, 3)},
        {**weights, "b": torch.ones(2, dtype=torch.float64)},
        {**weights, "b": torch.tensor([1.0, 1.0000001])},
        {"a": weights["a"], "c": weights["b"]},
    ]
    assert len({original, *map(fingerprint, changed)}) == 5
