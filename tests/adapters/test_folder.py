import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from clouds import random_clouds
from pointlora import apply_method, create_model, load_adapter, merge_lora, method_config, save_adapter
from pointlora.errors import AdapterError

TINY = {"num_classes": 4, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 32, "group_size": 8}
NAMES = ["ant", "bee", "cat", "dog"]


def base(seed=0, **changes):
    torch.manual_seed(seed)
    return create_model("point_mae_tiny", **{**TINY, **changes})


def train(model, steps=3):
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for step in range(steps):
        output = model(random_clouds(4, 100, seed=step))
        loss = output.logits.square().mean() + output.auxiliary_loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize(
    "method", ["pointlora", "pointlora-plus", "lora", "token_selection", "head_only", "bitfit", "full", "scratch"]
)
def test_a_reloaded_adapter_gives_the_same_bits(tmp_path, method):
    model = train(apply_method(base(), method))
    save_adapter(model, tmp_path / "adapter", class_names=NAMES)
    again = load_adapter(base(), tmp_path / "adapter").eval()
    points = random_clouds(3, 100, seed=9)
    assert torch.equal(again(points).logits, model(points).logits)
    drifted = not torch.equal(model.tokenizer.first_conv[1].running_mean, base().tokenizer.first_conv[1].running_mean)
    assert drifted == (method in ("pointlora", "token_selection", "full", "scratch"))
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


SCRIPT = """
import sys, torch
sys.path.insert(0, sys.argv[1])
from pointlora import create_model, load_adapter
from clouds import random_clouds
torch.manual_seed(0)
model = create_model("point_mae_tiny", num_classes=4, embed_dim=48, depth=2, num_heads=3, num_groups=32, group_size=8)
load_adapter(model, sys.argv[2]).eval()
torch.save(model(random_clouds(3, 100, seed=9)).logits, sys.argv[3])
"""


def test_a_new_process_gives_the_same_bits(tmp_path, request):
    model = train(apply_method(base(), "pointlora"))
    save_adapter(model, tmp_path / "adapter")
    tests = str(request.config.rootpath / "tests")
    arguments = [sys.executable, "-c", SCRIPT, tests, str(tmp_path / "adapter"), str(tmp_path / "logits.pt")]
    subprocess.run(arguments, check=True)
    assert torch.equal(torch.load(tmp_path / "logits.pt"), model(random_clouds(3, 100, seed=9)).logits)


def test_full_size_adapter_takes_at_most_3_3_megabytes(tmp_path):
    save_adapter(apply_method(create_model("point_mae", num_classes=15), "pointlora"), tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 3.3e6


def test_stock_peft_reads_the_low_rank_part(tmp_path):
    peft = pytest.importorskip("peft")
    model = train(apply_method(base(), "lora"))
    save_adapter(model, tmp_path)
    with pytest.warns(UserWarning, match="Unexpected keyword"):
        theirs = peft.PeftModel.from_pretrained(base(), str(tmp_path)).eval()
    points = random_clouds(3, 100, seed=9)
    torch.testing.assert_close(theirs(points).logits, model(points).logits, atol=1e-6, rtol=1e-5)
    ours = model.blocks[1].attn.proj.branches["lora"]
    layer = theirs.base_model.model.blocks[1].attn.proj
    assert torch.equal(layer.lora_A["default"].weight, ours.A)
    assert torch.equal(layer.lora_B["default"].weight, ours.B)
    assert layer.scaling["default"] == ours.scaling


@pytest.mark.parametrize(
    ("name", "settings"), [("dora", {"alpha": 4.0}), ("pissa", {"alpha": 4.0}), ("pissa", {"rslora": True, "rank": 4})]
)
def test_stock_peft_computes_what_the_kinds_of_lora_do(tmp_path, name, settings):
    peft = pytest.importorskip("peft")
    model = train(apply_method(base(), method_config(name, **settings)))
    save_adapter(model, tmp_path)
    with pytest.warns(UserWarning, match="Unexpected keyword"):
        theirs = peft.PeftModel.from_pretrained(base(), str(tmp_path)).eval()
    points = random_clouds(3, 100, seed=9)
    logits = model(points).logits
    torch.testing.assert_close(theirs(points).logits, logits, atol=1e-6, rtol=1e-5)
    assert (load_adapter(base(), tmp_path).eval()(points).logits - base().eval()(points).logits).abs().max() > 0.01


def test_peft_reads_the_low_rank_part_of_a_whole_pointlora_adapter(tmp_path):
    peft = pytest.importorskip("peft")
    model = train(apply_method(base(), "pointlora"))
    save_adapter(model, tmp_path)
    with pytest.warns(UserWarning, match="Unexpected keyword"):
        theirs = peft.PeftModel.from_pretrained(base(), str(tmp_path))
    found = theirs.base_model.model.blocks[0].attn.qkv.lora_B["default"].weight
    assert torch.equal(found, model.blocks[0].attn.qkv.branches["lora"].B)
    assert found.abs().max() > 0


def test_config_says_what_the_adapter_is(tmp_path):
    model = train(apply_method(base(), "pointlora"))
    save_adapter(model, tmp_path, class_names=NAMES, preprocessing={"num_points": 100}, base_checkpoint="a.pth", seed=3)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["class_names"] == NAMES
    assert config["preprocessing"] == {"num_points": 100}
    assert (config["method"]["name"], config["method"]["rank"]) == ("pointlora", 8)
    assert config["base_model"]["name"] == "point_mae_tiny"
    assert config["base_model"]["sizes"]["embed_dim"] == 48
    assert config["base_model"]["fingerprint"].startswith("sha256:")
    assert (config["peft_type"], config["r"], config["seed"]) == ("LORA", 8, 3)


def saved(tmp_path, method="pointlora"):
    model = apply_method(base(), method)
    save_adapter(model, tmp_path, class_names=NAMES)
    return model


def rewrite(folder, change):
    """Change the weight file and make its hash right again."""
    import hashlib

    path, config_path = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    state = load_file(path)
    change(state)
    save_file(state, path)
    config = json.loads(config_path.read_text())
    config["weights_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    config_path.write_text(json.dumps(config))


def test_a_wrong_base_is_refused_and_left_alone(tmp_path):
    saved(tmp_path)
    other = base(seed=1)
    before = other.head[0].weight.clone()
    with pytest.raises(AdapterError, match="belongs to a different base"):
        load_adapter(other, tmp_path)
    assert torch.equal(other.head[0].weight, before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 5}, "num_classes=4"),
        ({"depth": 3}, "depth=2"),
        ({"group_size": 16}, "group_size=8"),
    ],
)
def test_other_sizes_are_refused(tmp_path, changes, message):
    saved(tmp_path)
    with pytest.raises(AdapterError, match=message):
        load_adapter(base(**changes), tmp_path)


def test_another_model_or_method_is_refused(tmp_path):
    saved(tmp_path)
    with pytest.raises(AdapterError, match="for name 'point_mae_tiny', not 'point_mae'"):
        load_adapter(create_model("point_mae", **TINY), tmp_path)
    with pytest.raises(AdapterError, match="with a different method"):
        load_adapter(apply_method(base(), "lora"), tmp_path)


def test_missing_and_extra_keys_are_errors(tmp_path):
    saved(tmp_path)
    key = "base_model.model.blocks.1.attn.qkv.lora_A.weight"
    rewrite(tmp_path, lambda state: state.pop(key))
    with pytest.raises(AdapterError, match=r"lacks 1 weights.*blocks\.1\.attn\.qkv\.branches\.lora\.A"):
        load_adapter(base(), tmp_path)
    saved(tmp_path)
    rewrite(tmp_path, lambda state: state.update(stranger=torch.ones(2)))
    with pytest.raises(AdapterError, match="1 unexpected weights, the first is stranger"):
        load_adapter(base(), tmp_path)
    saved(tmp_path)
    rewrite(tmp_path, lambda state: state.update({key: torch.ones(4, 48)}))
    with pytest.raises(AdapterError, match=r"has shape \(4, 48\), not \(8, 48\)"):
        load_adapter(base(), tmp_path)


def test_damaged_folders_are_named(tmp_path):
    with pytest.raises(AdapterError, match=r"isn't an adapter folder: it has no adapter_config\.json"):
        load_adapter(base(), tmp_path)
    saved(tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(AdapterError, match=r"adapter_model\.safetensors is damaged"):
        load_adapter(base(), tmp_path)
    weights.unlink()
    with pytest.raises(AdapterError, match=r"has no adapter_model\.safetensors"):
        load_adapter(base(), tmp_path)
    config = tmp_path / "adapter_config.json"
    for text, message in [("{", "isn't JSON"), ('{"format": "other"}', "not written by pointlora")]:
        config.write_text(text)
        with pytest.raises(AdapterError, match=message):
            load_adapter(base(), tmp_path)


def test_what_cannot_be_saved_is_refused(tmp_path):
    with pytest.raises(AdapterError, match="no tuning method"):
        save_adapter(base(), tmp_path)
    with pytest.raises(AdapterError, match="unmerge_lora"):
        save_adapter(merge_lora(apply_method(base(), "lora")), tmp_path)
    with pytest.raises(AdapterError, match="3 class names were given, but the model has 4"):
        save_adapter(apply_method(base(), "lora"), tmp_path, class_names=NAMES[:3])
    with pytest.raises(AdapterError, match="'method' is a field"):
        save_adapter(apply_method(base(), "lora"), tmp_path, method="x")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_adapter_whole(tmp_path, monkeypatch):
    import os

    model = saved(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    train(model)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_adapter(model, tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
