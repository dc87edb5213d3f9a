import numpy as np
import pytest
import torch
from torch.nn import functional

import pointlora
import pointlora.adapters.loading
from pointlora.data.datasets import open_dataset
from pointlora.data.loading import make_loader
from pointlora.data.transforms import TransformConfig
from pointlora.errors import ConfigError
from pointlora.models.create import create_model
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.fit import fine_tune
from pointlora.training.head_fitting import FIXED_PENALTY, copies_for, fit_head
from pointlora.training.logistic_regression import Rows, cross_validate, fit_rows, fold_of_groups, minimise
from training_runs import SIZES, tiny_recipe

TRANSFORM = TransformConfig(num_points=96)


def clouds(folder, count=24):
    """Balls and rods: nothing is easier to tell apart."""
    random = np.random.default_rng(0)
    points = random.standard_normal((count, 96, 3)).astype(np.float32)
    labels = np.arange(count) % 2
    points[labels == 1] *= np.array([1, 0.05, 0.05], np.float32)
    np.savez(folder / "a.npz", points=points, labels=labels, classes=np.array(["ball", "rod"]))
    return open_dataset("npz", folder / "a.npz", "train", cache="off", test_fraction=0.0)


def model(**options):
    torch.manual_seed(0)
    options = {"head": "linear", "levels": [0, 1], "pooling": ["max", "mean"]} | options
    return create_model("point_mae", num_classes=2, **SIZES, **options)


def test_the_standardisation_is_folded_into_the_weights():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(60, 5, generator=generator) * torch.tensor([1, 10, 0.1, 1, 1]) + 3
    labels = (features[:, 0] + features[:, 1] / 10 > 6.5).long()
    (fit,) = fit_rows(Rows(features, labels, torch.arange(60)), 2, [1e-2], steps=300)
    standard = (features - features.mean(0)) / features.std(0, correction=0)
    weight = (fit.weight * features.std(0, correction=0)).requires_grad_()
    bias = (fit.bias + fit.weight @ features.mean(0)).requires_grad_()
    loss = functional.cross_entropy(standard @ weight.T + bias, labels) + 1e-2 * weight.square().sum()
    loss.backward()
    # A minimum of the penalised loss of standardised features.
    assert weight.grad.abs().max() < 1e-3
    assert bias.grad.abs().max() < 1e-3


def test_class_weights_count_a_row_so_many_times():
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(40, 6, generator=generator), (torch.arange(40) >= 36).long()
    rows = Rows(features, labels, torch.arange(40))
    # Nine rare rows for each one there is, but standardised by the numbers of the rows as they are.
    often = torch.cat([torch.arange(36), torch.arange(36, 40).repeat(9)])
    standard = (features - features.mean(0)) / features.std(0, correction=0)
    weight, bias = minimise(standard[often], labels[often], 2, 1e-2)
    (fit,) = fit_rows(rows, 2, [1e-2], 300, torch.tensor([1.0, 9.0]))
    found = features @ fit.weight.T + fit.bias
    torch.testing.assert_close(found, standard @ weight + bias, atol=2e-3, rtol=1e-3)


def test_in_cross_validation_a_rare_row_counts_as_much_as_its_class():
    labels = torch.tensor([0] * 30 + [1] * 3)
    rows = Rows(torch.zeros(33, 1), labels, torch.arange(33))  # nothing tells them apart
    ((natural, _),) = cross_validate(rows, [], 2, [1e-2], 3, 0)
    ((balanced, likelihood),) = cross_validate(rows, [], 2, [1e-2], 3, 0, torch.tensor([1.0, 10.0]))
    assert natural == pytest.approx(30 / 33)
    assert balanced == pytest.approx(0.5)
    assert likelihood == pytest.approx(-np.log(2), abs=1e-3)


@pytest.mark.parametrize("kind", ["linear", "paired"])
def test_a_head_is_fitted_to_the_features_of_points(tmp_path, kind):
    """Mean and deviation of two channels: the first says all, the cloud and the second nothing."""
    random = np.random.default_rng(0)
    labels = np.arange(24) % 2
    values = random.normal(size=(2, 24, 96)).astype(np.float32)
    values[0] += 3 * labels[:, None]
    points = random.standard_normal((24, 96, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", points=points, labels=labels, warm=values[0], cold=values[1])
    data = open_dataset("npz", tmp_path / "a.npz", "train", cache="off", test_fraction=0.0, features=["warm", "cold"])
    network, found = model(num_features=2, head=kind), []
    plain = make_loader(data, TRANSFORM, 8, train=False)
    assert pointlora.fit_head(network, plain).accuracy > 0.8
    with torch.no_grad():
        for batch in plain:
            found.append((network(batch.points).logits.argmax(1) == batch.labels).float().mean())
    assert min(found) == 1
    linear = network.head.linear if kind == "paired" else network.head
    columns = linear.features[1] - linear.features[0]
    summary = np.concatenate([values.mean(2), values.std(2)])  # means of both, then deviations
    told = columns.detach().abs() * torch.from_numpy(summary.std(1))
    assert told[0] > 5 * told[1:].max()
    assert not network.tokenizer.first_conv[0].features.any()
    if kind == "paired":
        assert network.head.enter.features.any()


def test_clouds_are_never_split_between_folds():
    groups = torch.arange(30).repeat_interleave(4)
    rows = Rows(torch.zeros(120, 1), groups % 3, groups)
    fold = fold_of_groups(rows, 5, seed=3)
    assert all(len(set(fold[groups == group].tolist())) == 1 for group in range(30))
    # Each fold has as many of each label.
    for label in range(3):
        assert torch.bincount(fold[rows.labels == label]).tolist() == [8] * 5
    assert not torch.equal(fold, fold_of_groups(rows, 5, seed=4))


def test_cross_validation_answers_what_was_held_out():
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(60, 80, generator=generator), torch.arange(60) % 2
    rows = Rows(features, labels, torch.arange(60))
    # Labels that mean nothing: rows that are learned by heart are answered right, those held out are not.
    ((accuracy, _),) = cross_validate(rows, [], 2, [1e-4], 3, 0)
    assert accuracy < 0.75
    (fit,) = fit_rows(rows, 2, [1e-4])
    assert ((features @ fit.weight.T + fit.bias).argmax(1) == labels).all()


def test_the_fitted_head_is_the_probe_and_repeats(tmp_path):
    data, weights = clouds(tmp_path), []
    for _ in range(2):
        network = model()
        plain = make_loader(data, TRANSFORM, 8, train=False)
        fit = pointlora.fit_head(network, plain, make_loader(data, TRANSFORM, 8, train=True, shuffle=False))
        weights.append(network.head.weight.clone())
        assert fit.accuracy > 0.9
        assert fit.copies == 6
        with torch.no_grad():
            right = [(network(batch.points).logits.argmax(1) == batch.labels).float().mean() for batch in plain]
        assert min(right) == 1
    assert torch.equal(*weights)


def test_a_paired_head_is_fitted_in_both_of_its_parts(tmp_path):
    data, heads = clouds(tmp_path), []
    for kind in ("linear", "paired", "paired"):
        network = model(head=kind)
        plain = make_loader(data, TRANSFORM, 8, train=False)
        fit_head(network, plain, make_loader(data, TRANSFORM, 8, train=True, shuffle=False))
        heads.append(network.head)
    linear, first, second = heads
    assert torch.equal(first.linear.weight, linear.weight)
    assert torch.equal(first.linear.bias, linear.bias)
    assert all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True))
    with torch.no_grad():
        for batch in plain:
            features = network.read(batch.points, network.encode(batch.points, network.levels))
            hidden = first.leave(first.enter(features).relu())
            assert (hidden.argmax(1) == batch.labels).all()
            torch.testing.assert_close(first(features), (linear(features) + hidden) / 2)


def test_of_many_clouds_fewer_copies_are_made():
    assert [copies_for(clouds) for clouds in (2, 300, 2000, 2001)] == [6, 6, 6, 2]


def test_few_labels_choose_nothing_and_say_so(tmp_path, capsys):
    fit = fit_head(model(), make_loader(clouds(tmp_path, 8), TRANSFORM, 8, train=False))
    assert fit == (FIXED_PENALTY, 0, None)
    assert "4 labels a class are too few to choose by" in capsys.readouterr().err


def test_where_classes_are_weighted_the_rarest_decides_whether_to_choose(tmp_path, capsys):
    clouds(tmp_path, 24)
    arrays, kept = dict(np.load(tmp_path / "a.npz")), [*range(0, 24, 2), 1, 3, 5]  # 12 balls and 3 rods
    np.savez(tmp_path / "b.npz", **arrays | {name: arrays[name][kept] for name in ("points", "labels")})
    data = open_dataset("npz", tmp_path / "b.npz", "train", cache="off", test_fraction=0.0)
    batches = list(make_loader(data, TRANSFORM, 8, train=False))
    assert fit_head(model(), batches).accuracy is not None
    assert fit_head(model(), batches, class_weights=torch.tensor([0.6, 2.5])) == (FIXED_PENALTY, 0, None)
    assert "3 labels of the rarest class are too few to choose by" in capsys.readouterr().err


def test_a_published_head_can_not_be_fitted(tmp_path):
    with pytest.raises(ConfigError, match="linear"):
        fit_head(model(head="mlp"), make_loader(clouds(tmp_path), TRANSFORM, 8, train=False))


def probe_recipe(tmp_path, **method):
    weights = tmp_path / "weights.pth"
    if not weights.exists():
        torch.manual_seed(0)
        torch.save(create_model("point_mae", num_classes=3, **SIZES).state_dict(), weights)
    recipe = tiny_recipe(tmp_path / "run")
    recipe["model"]["checkpoint"] = str(weights)
    return recipe | {"method": {"name": "probe", **method}}


def test_probe_is_a_method(tmp_path):
    results = fine_tune(from_mapping(TrainRecipe, probe_recipe(tmp_path)))
    assert (results["best_epoch"], results["epochs"]) == (0, 0)
    assert results["trained_parameters"] == results["head_parameters"] == 3 * (2 * 2 * 2 * 16 + 1)
    assert results["accuracy"] > 0.5
    found, _ = pointlora.adapters.loading.load_adapted_model(tmp_path / "run/adapter")
    assert found.levels == (0, 1)


def test_a_probe_may_have_a_paired_head(tmp_path):
    results = fine_tune(from_mapping(TrainRecipe, probe_recipe(tmp_path, readout="paired")))
    width = 2 * 2 * 2 * 16
    assert results["trained_parameters"] == (width + 1) * 3 + (width + 1) * 32 + 33 * 3
    assert results["accuracy"] > 0.5
    found, _ = pointlora.adapters.loading.load_adapted_model(tmp_path / "run/adapter")
    assert (found.head_kind, found.pooling, found.scales) == ("paired", ("class_token", "max"), 2)


def test_a_run_never_ends_below_its_start_on_the_validation_split(tmp_path):
    recipe = probe_recipe(tmp_path) | {"method": {"name": "lora", "rank": 2, "readout": "levels"}}
    recipe["optimizer"] = {"lr": 1.0, "warmup_epochs": 0}  # which destroys whatever was there
    results = fine_tune(from_mapping(TrainRecipe, recipe))
    probed = fine_tune(from_mapping(TrainRecipe, probe_recipe(tmp_path) | {"output": str(tmp_path / "probe")}))
    assert results["selection_accuracy"] >= probed["selection_accuracy"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"checkpoint": None}, "random weights"),
        ({"head": "mlp"}, "needs a linear or paired head"),
        ({"head_init": "ones"}, "model.head_init"),
        ({"head_init": "probe", "method": "lora"}, "needs a linear or paired head: set model.head"),
    ],
)
def test_settings_that_make_no_probe_are_named(tmp_path, change, words):
    recipe = probe_recipe(tmp_path)
    recipe["method"] = {"name": change.get("method", "probe")}
    recipe["model"] |= {key: value for key, value in change.items() if key != "method"}
    with pytest.raises(ConfigError, match=words):
        from_mapping(TrainRecipe, recipe)


def test_parts_start_as_a_probe(tmp_path):
    recipe = probe_recipe(tmp_path) | {"task": "part_segmentation"}
    results = fine_tune(from_mapping(TrainRecipe, recipe))
    assert results["instance_miou"] > 0.3


def test_a_gain_lowers_the_penalty_of_its_column():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 2
    noise = torch.randn(40, 300, generator=generator)
    rows = Rows(torch.cat([noise, labels[:, None] + 0.1 * torch.randn(40, 1, generator=generator)], 1), labels, labels)
    gains = torch.ones(301)
    gains[-1] = 10.0
    plain, raised = (fit_rows(rows, 2, [1e-2], gains=each)[0] for each in (None, gains))
    fresh = torch.cat([torch.randn(400, 300, generator=generator), (torch.arange(400) % 2)[:, None].float()], 1)
    right = [
        float(((fresh @ fit.weight.T + fit.bias).argmax(1) == torch.arange(400) % 2).float().mean())
        for fit in (plain, raised)
    ]
    assert right[0] < 0.9
    assert right[1] > 0.98
    ones = fit_rows(rows, 2, [1e-2], gains=torch.ones(301))[0]
    torch.testing.assert_close(ones.weight, plain.weight)
