"""STAG against its release, and where its backward ends."""

import pytest
import torch
from torch.nn import functional

from clouds import random_clouds
from goldens import load_golden
from pointlora import apply_method, count_parameters, create_model, load_checkpoint, method_config
from pointlora.errors import ConfigError
from pointlora.inspection.weights import describe_weights
from pointlora.methods.settings.stag import StagConfig
from pointlora.methods.stag import Graph

SIZES = {
    "embed_dim": 24,
    "depth": 8,
    "num_heads": 3,
    "num_groups": 16,
    "group_size": 8,
    "tokenizer_dims": (8, 8, 16),
}
CASES = {"stag_std_small": {"upper_share": 0.25}, "stag_sl_small": {"size": "sl"}}
# Eight blocks of the published width.
CASES["stag_std_8layers"] = CASES["stag_std_small"]
GOLDEN = [pytest.param(name, marks=pytest.mark.slow if "layers" in name else ()) for name in CASES]


def released(name):
    golden = load_golden(name)
    config = golden.meta["config"]
    sizes = {"embed_dim": config["trans_dim"], "depth": config["depth"], "num_heads": config["num_heads"]}
    model = create_model(
        "point_mae", num_classes=15, num_groups=config["num_group"], group_size=config["group_size"], **sizes
    )
    apply_method(model, method_config("stag", **CASES[name])).eval()
    return golden, model, load_checkpoint(model, golden.state_dict)


def small(depth=8, **settings):
    torch.manual_seed(0)
    model = create_model("point_mae", num_classes=4, **SIZES | {"depth": depth})
    return apply_method(model, method_config("stag", **{"width": 12} | settings))


@pytest.mark.parametrize("name", GOLDEN)
def test_logits_gradients_and_counts_equal_the_release(tmp_path, name):
    golden, model, report = released(name)
    assert (report.missing, report.unexpected, report.ignored) == ([], [], [])
    logits, tolerance = model(golden["points"]).logits, golden.meta["tolerance"]
    torch.testing.assert_close(logits, golden["logits"], atol=tolerance, rtol=0)
    loss = functional.cross_entropy(logits, torch.arange(len(logits)))
    assert loss.item() == pytest.approx(golden.meta["loss"], abs=tolerance)
    loss.backward()
    names = model.method.checkpoint_keys(golden.state_dict)
    found, gradients = dict(model.named_parameters()), golden.meta["grad_norms"]
    for key, ours in names.items():
        assert found[ours].grad.norm().item() == pytest.approx(gradients[key], rel=1e-2), key
    assert len(names) == sum("addparam" in key for key in gradients)
    count = count_parameters(model)
    assert (count.trainable, count.total) == (golden.meta["counts"]["trainable"], golden.meta["counts"]["total"])
    if name == "stag_sl_small":
        torch.save(golden.state_dict, tmp_path / "stag.pth")
        assert describe_weights(tmp_path / "stag.pth")["tuning"] == "STAG"


@pytest.mark.parametrize(
    ("name", "trained", "total"), [("stag", 428_431, 22_254_223), ("stag-sl", 1_020_751, 22_846_543)]
)
def test_the_budget_at_full_size(name, trained, total):
    with torch.device("meta"):
        count = count_parameters(apply_method(create_model("point_mae", num_classes=15), name))
    assert (count.trainable, count.total) == (trained, total)


def test_a_step_of_the_side_network_by_hand():
    torch.manual_seed(0)
    graph, side = Graph(6, 5), torch.randn(2, 4, 6)
    neighbors = torch.tensor([[[0, 1], [1, 3], [2, 0], [3, 2]]]).expand(2, -1, -1)
    for cloud in range(2):
        for patch in range(4):
            own, others = graph.own(side[cloud, patch]), graph.neighbor(side[cloud, neighbors[cloud, patch]])
            expected = graph.join((own + others).amax(0))
            torch.testing.assert_close(graph(side, neighbors)[cloud, patch], expected)
    torch.testing.assert_close(graph.added(side), graph.up(side).relu())


@pytest.mark.parametrize(
    ("depth", "size", "first", "sharing"),
    [(12, "std", 6, 12), (12, "sl", 3, 3), (40, "std", 20, 40), (24, "sl", 6, 6), (1, "sl", 0, 1), (2, "std", 1, 2)],
)
def test_blocks_are_adapted_in_proportion(depth, size, first, sharing):
    config = StagConfig(size)
    assert (config.first_adapted(depth), config.sharing(depth)) == (first, sharing)
    assert StagConfig(size, upper_share=1.0).first_adapted(depth) == 0


def test_what_is_added_up_is_read_as_if_it_had_been_read_one_by_one():
    model = small(size="sl").eval()
    method, seen, read = model.method, [], []
    for block in model.blocks:
        block.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    method.graphs[0].register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    with torch.no_grad():
        model(random_clouds(2, 64))
        positions = model.assemble(model.embed(model.group(random_clouds(2, 64)))[0]).positions
        patches = [(tokens - positions)[:, 1:] for tokens in seen]
        expected = sum(method.down[index // 2](patches[index]) for index in range(3))
    torch.testing.assert_close(read[0], expected, atol=1e-5, rtol=1e-5)


def kept_for_backward(model, points):
    """Bytes that a step keeps beyond weights and points, and how many blocks were entered before it kept the first."""
    known = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers(), points)}
    kept, entered, first = {}, [], []
    for block in model.blocks:
        block.register_forward_pre_hook(lambda module, inputs: entered.append(module))

    def pack(tensor):
        if tensor.untyped_storage().data_ptr() not in known:
            kept[tensor.untyped_storage().data_ptr()] = tensor
            first.append(len(entered))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.train()(points)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()), first[0]


@pytest.mark.parametrize(("size", "entered"), [("std", 4), ("sl", 2)])
def test_nothing_is_kept_below_the_first_adapted_block(size, entered):
    # What is kept first are the sums that the layers read: when that block is about to be entered.
    assert kept_for_backward(small(size=size), random_clouds(2, 64))[1] == entered


@pytest.mark.slow
def test_it_keeps_less_than_half_of_what_full_fine_tuning_keeps():
    """Point-MAE at full size, 32 clouds of 1024 points."""
    points, sizes = random_clouds(32, 1024), {}
    for name in ("full", "stag", "stag-sl"):
        torch.manual_seed(0)
        model = apply_method(create_model("point_mae", num_classes=15), name)
        sizes[name] = kept_for_backward(model, points)[0]
    assert sizes["stag"] <= 0.31 * sizes["full"]
    assert sizes["stag-sl"] <= 0.45 * sizes["full"]


def test_the_class_token_stays_at_its_start_and_the_head_reads_the_mean():
    model = small().eval()
    assert not model.cls_token.requires_grad
    assert not model.cls_position.requires_grad
    left = []
    model.norm.register_forward_pre_hook(lambda module, inputs: left.append(inputs[0]))
    logits = model(random_clouds(2, 64)).logits
    torch.testing.assert_close(logits, model.head(left[0].mean(1)))


def test_a_readout_of_the_model_is_read_too():
    torch.manual_seed(0)
    model = create_model("point_mae", num_classes=4, head="linear", levels=[1, 7], pooling=["max"], **SIZES)
    apply_method(model, method_config("stag", width=12))
    assert model.head.in_features == 3 * 24
    assert model(random_clouds(2, 64)).logits.shape == (2, 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": "xl"}, "size is 'xl', but it must be one of std, sl"),
        ({"upper_share": 0.0}, r"upper_share is 0.0, but it must be in \(0, 1\]"),
        ({"width": 0}, "width is 0, but it must be a positive integer"),
        ({"neighbors": 0}, "neighbors is 0, but it must be a positive integer"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        method_config("stag", **settings)
