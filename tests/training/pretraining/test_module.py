import math

import numpy as np
import pytest
import torch

from pointlora.errors import ConfigError
from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.create import create_model
from pointlora.recipes.files import from_mapping
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.training.pretraining.module import category_loss, contrastive_loss
from pointlora.training.pretraining.run import pretrain
from training_runs import SIZES, tiny_pretraining


def test_the_contrast_of_embeddings_that_say_nothing_is_the_logarithm_of_the_batch():
    same = torch.ones(7, 4)
    assert contrastive_loss(same, same, 0.1).item() == pytest.approx(math.log(7))


def test_the_contrast_by_hand():
    first = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    second = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    # Cosines over the temperature 0.5: rows [2, sqrt 2] and [0, sqrt 2]; the right answers are on the diagonal.
    root = math.sqrt(2)
    rows = [math.log(math.exp(2) + math.exp(root)) - 2, math.log(1 + math.exp(root)) - root]
    columns = [math.log(math.exp(2) + 1) - 2, math.log(2 * math.exp(root)) - root]
    assert contrastive_loss(first, second, 0.5).item() == pytest.approx(sum(rows + columns) / 4, rel=1e-6)


def test_the_category_loss_leaves_out_what_has_no_label():
    logits = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([2, -1, 0, -1])
    wanted = torch.nn.functional.cross_entropy(logits[:, [0, 2]].reshape(4, 3), torch.tensor([2, 0, 2, 0]))
    torch.testing.assert_close(category_loss(logits, labels), wanted)
    assert category_loss(logits, torch.full((4,), -1)) == 0


@pytest.fixture
def recipe(tmp_path):
    np.savez(tmp_path / "corpus.npz", points=np.random.default_rng(0).standard_normal((10, 200, 3), dtype=np.float32))
    content = tiny_pretraining(tmp_path / "run", epochs=8, samples_per_epoch=32, batch_size=16)
    content["objective"] = {"reconstruction": 10, "contrast": 1, "category": 0.5}
    content["corpus"] = {"name": "npz", "root": str(tmp_path / "corpus.npz"), "share": 0.25}
    return content


def test_a_run_with_all_objectives(recipe, tmp_path):
    results = pretrain(from_mapping(PretrainRecipe, recipe))
    header, *rows = [line.split(",") for line in (tmp_path / "run" / "metrics.csv").read_text().splitlines()]
    first, last = (dict(zip(header, map(float, row), strict=True)) for row in (rows[0], rows[-1]))
    for row in (first, last):
        parts = 10 * row["reconstruction"] + row["contrast"] + 0.5 * row["category"]
        assert row["train_loss"] == pytest.approx(parts, rel=1e-5)
    assert last["train_loss"] < 0.9 * first["train_loss"]
    assert results["train_loss"] == last["train_loss"]
    classifier = create_model("point_mae", num_classes=2, **SIZES)
    report = load_checkpoint(classifier, tmp_path / "run" / "model.safetensors")
    assert "cls_token" in report.loaded


def test_a_corpus_needs_a_length(recipe):
    recipe["training"]["samples_per_epoch"] = None
    with pytest.raises(ConfigError, match=r"corpus needs training\.samples_per_epoch"):
        from_mapping(PretrainRecipe, recipe)


def test_categories_need_classes(recipe, tmp_path):
    recipe["data"] = {"name": "npz", "root": recipe["corpus"]["root"], "num_points": 128}
    with pytest.raises(ConfigError, match=r"objective\.category needs labelled clouds"):
        pretrain(from_mapping(PretrainRecipe, recipe))
    assert not (tmp_path / "run").exists()
