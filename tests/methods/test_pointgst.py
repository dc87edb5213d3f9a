"""PointGST against its release, fed with the release's bases, and its own bases."""

import pytest
import torch
from torch.nn import functional

from clouds import random_clouds
from goldens import load_golden
from pointlora import apply_method, count_parameters, create_model, load_checkpoint, method_config
from pointlora.errors import ConfigError
from pointlora.inspection.weights import describe_weights
from pointlora.ops import gather_points
from pointlora.ops.eigenvectors import fixed_signs
from pointlora.ops.graph_spectrum import fourier_basis

SIZES = {
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 16,
    "group_size": 8,
    "tokenizer_dims": (8, 8, 16),
}
GOLDEN = ["pointgst_small", pytest.param("pointgst_2layers", marks=pytest.mark.slow)]


def released(name):
    golden = load_golden(name)
    config = golden.meta["config"]
    sizes = {"embed_dim": config["trans_dim"], "depth": config["depth"], "num_heads": config["num_heads"]}
    model = create_model(
        "point_mae", num_classes=15, num_groups=config["num_group"], group_size=config["group_size"], **sizes
    )
    settings = {"rank": config["rank"], "local": config["local"]}
    apply_method(model, method_config("pointgst", **settings)).eval()
    report = load_checkpoint(model, golden.state_dict)
    assert (report.missing, report.unexpected, report.ignored) == ([], [], [])
    return golden, model


def small(**settings):
    torch.manual_seed(0)
    model = create_model("point_mae", num_classes=4, **SIZES)
    return apply_method(model, method_config("pointgst", **{"rank": 5, "local": 8} | settings))


def feed(monkeypatch, model, golden, change=lambda basis: basis):
    """Put the bases of a golden file in the place of the model's own; the order of patches stays its own."""
    own = model.method.bases

    def bases(centers):
        found = own(centers)
        local = golden["sub_basis"].float().view(found.runs[0].shape)
        return found._replace(all=change(golden["basis"].float()), runs=(change(local),))

    monkeypatch.setattr(model.method, "bases", bases)


@pytest.mark.parametrize("name", GOLDEN)
def test_logits_gradients_and_counts_equal_the_release_with_its_bases(tmp_path, monkeypatch, name):
    golden, model = released(name)
    feed(monkeypatch, model, golden)
    logits = model(golden["points"]).logits
    torch.testing.assert_close(logits, golden["logits"], atol=1e-5, rtol=0)
    functional.cross_entropy(logits, torch.arange(len(logits))).backward()
    found, gradients = dict(model.named_parameters()), golden.meta["grad_norms"]
    for key, ours in model.method.checkpoint_keys(golden.state_dict).items():
        assert found[ours].grad.norm().item() == pytest.approx(gradients[key], rel=1e-2, abs=1e-5), key
    count = count_parameters(model)
    assert (count.trainable, count.total) == (golden.meta["counts"]["trainable"], golden.meta["counts"]["total"])
    torch.save(golden.state_dict, tmp_path / "pointgst.pth")
    assert describe_weights(tmp_path / "pointgst.pth")["tuning"] == "PointGST"


@pytest.mark.parametrize("name", GOLDEN)
def test_with_the_scale_of_the_whole_batch_the_bases_are_the_release_s_up_to_signs(monkeypatch, name):
    golden, model = released(name)
    with torch.no_grad():
        feed(monkeypatch, model, golden, fixed_signs)
        torch.testing.assert_close(model(golden["points"]).logits, golden["logits_signs"], atol=1e-5, rtol=0)
        monkeypatch.undo()
        own = model.method.bases

        def batch_wide(centers):
            found = own(centers)
            (local,) = found.runs
            runs = gather_points(centers, found.order).view(1, -1, local.shape[2], 3)
            torch.testing.assert_close(runs[0], golden["sub_centers"])
            return found._replace(all=fourier_basis(centers[None])[0], runs=(fourier_basis(runs).view(local.shape),))

        monkeypatch.setattr(model.method, "bases", batch_wide)
        torch.testing.assert_close(model(golden["points"]).logits, golden["logits_signs"], atol=5e-4, rtol=0)


def test_by_default_a_cloud_has_the_logits_that_it_has_alone_unlike_in_the_release():
    golden, model = released("pointgst_small")
    with torch.no_grad():
        together = model(golden["points"]).logits
        alone = torch.cat([model(cloud[None]).logits for cloud in golden["points"]])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert (golden["logits"] - golden["logits_alone"]).abs().max() > 0.05


def test_all_runs_of_a_cloud_have_one_scale():
    centers = random_clouds(1, 16)
    first, rest = small(local=12).method.bases(centers).runs
    ordered = gather_points(centers, small(local=12).method.bases(centers).order)
    within = [torch.pdist(ordered[0, part].double()).min() for part in (slice(12), slice(12, 16))]
    expected = torch.stack(within).min()[None]
    assert torch.equal(first, fourier_basis(ordered[:, None, :12], expected))
    assert torch.equal(rest, fourier_basis(ordered[:, None, 12:], expected))
    assert not torch.equal(rest, fourier_basis(ordered[:, None, 12:])) or within[1] < within[0]


def test_the_budget_at_full_size():
    with torch.device("meta"):
        count = count_parameters(apply_method(create_model("point_mae", num_classes=15), "pointgst"))
    assert (count.trainable, count.total) == (622_831, 22_447_855)


def test_it_starts_as_the_backbone():
    torch.manual_seed(0)
    plain = create_model("point_mae", num_classes=4, **SIZES).eval()
    before = plain(random_clouds(2, 64)).logits
    after = apply_method(plain, method_config("pointgst", local=8)).eval()(random_clouds(2, 64)).logits
    torch.testing.assert_close(after, before, atol=1e-6, rtol=0)


@pytest.mark.parametrize("local", [8, 6, 32])
def test_an_adapter_by_hand(local):
    model = small(local=local)
    adapter, bases = model.method.adapters[0], model.method.bases(random_clouds(2, 16))
    assert [basis.shape[1:] for basis in bases.runs] == {
        8: [(2, 8, 8)],
        6: [(2, 6, 6), (1, 4, 4)],
        32: [(1, 16, 16)],
    }[local]
    tokens = torch.randn(2, 17, 24)
    for parameter in adapter.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    hidden = adapter.down(tokens)
    patches, changed = hidden[:, 1:], torch.zeros(2, 16, 5)
    for cloud in range(2):
        spectrum = bases.all[cloud] @ patches[cloud]
        spectrum = spectrum + functional.silu(adapter.spectral(adapter.norm_all(spectrum)))
        changed[cloud] += bases.all[cloud].T @ spectrum
        runs = [basis for part in bases.runs for basis in part[cloud]]
        for basis, run in zip(runs, bases.order[cloud].split(local), strict=True):
            spectrum = basis @ patches[cloud, run]
            spectrum = spectrum + functional.silu(adapter.spectral(adapter.norm_local(spectrum)))
            changed[cloud, run] += basis.T @ spectrum
    expected = functional.silu(hidden) + torch.cat([torch.zeros(2, 1, 5), changed], 1)
    torch.testing.assert_close(adapter(tokens, bases), adapter.up(expected))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rank": 0}, "rank is 0, but it must be a positive integer"),
        ({"local": 0}, "local is 0, but it must be a positive integer"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        small(**settings)
