"""IDPT against its release."""

import pytest
import torch

from clouds import random_clouds
from goldens import load_golden
from pointlora import apply_method, count_parameters, create_model, load_checkpoint, method_config
from pointlora.errors import CheckpointError, ConfigError
from pointlora.inspection.weights import describe_weights
from pointlora.methods.idpt import nearest_patches

SIZES = {"embed_dim": 24, "depth": 3, "num_heads": 3, "num_groups": 16, "group_size": 8}


def release(golden, method="idpt"):
    config = golden.meta["config"]
    model = create_model("point_mae", num_classes=15, embed_dim=config["trans_dim"], depth=config["depth"])
    return apply_method(model, method) if method else model


def test_logits_and_counts_equal_the_release():
    golden = load_golden("idpt_small")
    model = release(golden).eval()
    report = load_checkpoint(model, golden.state_dict)
    assert (report.missing, report.unexpected) == ([], [])
    assert all(key.startswith("blocks.cls.bn") for key in report.ignored)
    with torch.no_grad():
        torch.testing.assert_close(model(golden["points"]).logits, golden["logits"], atol=1e-5, rtol=0)
    assert count_parameters(model)._asdict() == {
        "trainable": golden.meta["counts"]["trainable"],
        "total": golden.meta["counts"]["total"],
    }


def test_the_budget_at_full_size():
    count = count_parameters(apply_method(create_model("point_mae", num_classes=15), "idpt"))
    assert (count.trainable, count.total) == (1_696_783, 23_522_191)


def test_a_published_file_says_whose_it_is_and_wants_its_method(tmp_path):
    golden = load_golden("idpt_small")
    torch.save({"base_model": golden.state_dict}, tmp_path / "idpt.pth")
    assert describe_weights(tmp_path / "idpt.pth")["tuning"] == "IDPT"
    with pytest.raises(CheckpointError, match="if prompt_pos belongs to a tuning method, call apply_method"):
        load_checkpoint(release(golden, None), tmp_path / "idpt.pth")


def test_neighbours_are_the_nearest_in_feature_space():
    patches = torch.randn(2, 9, 6, generator=torch.Generator().manual_seed(0))
    distances = (patches[:, :, None] - patches[:, None]).square().sum(-1)
    index = torch.argsort(distances, dim=-1, stable=True)[..., :3]
    assert torch.equal(nearest_patches(patches, 3), index)
    assert torch.equal(index[..., 0], torch.arange(9).expand(2, 9))


def test_the_prompt_stands_behind_the_class_token_in_the_last_block_only():
    torch.manual_seed(0)
    model = apply_method(create_model("point_mae", **SIZES), method_config("idpt", neighbors=4)).eval()
    seen = []
    for block in model.blocks:
        block.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    (last,) = model.encode(random_clouds(2, 64))
    assert [tokens.shape[1] for tokens in seen] == [17, 17, 18]
    assert (last.num_prefix, last.num_prompts, last.num_patches) == (1, 1, 16)
    assert last.prompts.shape == (2, 1, 24)
    # Its position is random, never trained, and belongs to the adapter.
    assert model.method.position.abs().max() > 0
    assert not model.method.position.requires_grad


def test_more_neighbors_than_patches_are_refused():
    with pytest.raises(ConfigError, match="neighbors is 20, but the model has only 16 patches"):
        apply_method(create_model("point_mae", **SIZES), "idpt")
    with pytest.raises(ConfigError, match="neighbors is 0, but it must be a positive integer"):
        method_config("idpt", neighbors=0)
