import hashlib
import shutil
import socket

import pytest
import torch
from safetensors.torch import load_file, save

from pointlora import create_model, list_pretrained
from pointlora.errors import CheckpointError
from pointlora.models import pretrained
from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.pretrained import (
    FOLDER,
    SHA256,
    locate_weights,
    pretrained_file,
    recorded_source,
    settled_source,
    version_of,
)
from pointlora.models.weight_files import read_weights

MOST_BYTES = 12_000_000
TINY = "point_mae_tiny"


def test_every_file_is_listed_has_a_card_and_is_small():
    names = [f"{name}@{number}" for name, versions in SHA256.items() for number in versions]
    files = sorted(FOLDER.glob("*.safetensors"))
    assert [path.stem for path in files] == sorted(names) != []
    assert list_pretrained() == sorted(SHA256)
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    for path in files:
        assert path.with_suffix(".csv").is_file()
        name, _, version = path.stem.partition("@")
        card = (FOLDER / f"{name}.md").read_text()
        assert "CC BY 4.0" in card
        assert f"Version {version}" in card


@pytest.fixture
def versions(tmp_path_factory, monkeypatch):
    """A package with two versions: number 1 and one that differs in a number."""
    folder = tmp_path_factory.mktemp("weights")
    hashes = {}
    for version, change in ((1, 0.0), (2, 1.0)):
        weights = load_file(pretrained_file(TINY, 1))
        weights["encoder.blocks.3.mlp.fc1.weight"][0, 0] += change
        content = save(weights)
        (folder / f"{TINY}@{version}.safetensors").write_bytes(content)
        hashes[version] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    monkeypatch.setitem(SHA256, TINY, hashes)
    return folder


@pytest.mark.parametrize(("setting", "version"), [(True, 2), ("pretrained", 2), (f"{TINY}@1", 1), (f"{TINY}@2", 2)])
def test_versions(versions, setting, version):
    model = create_model(TINY, pretrained=setting, num_classes=7)
    assert model.package_weights == f"{TINY}@{version}"
    weights, _ = read_weights(versions / f"{TINY}@{version}.safetensors")
    assert torch.equal(model.blocks[3].mlp.fc1.weight, weights["encoder.blocks.3.mlp.fc1.weight"].float())
    load_checkpoint(model, versions / f"{TINY}@1.safetensors")
    assert model.package_weights is None


def test_a_setting_means_one_version(versions):
    assert settled_source("pretrained", TINY) == f"{TINY}@2"
    assert [settled_source(source, TINY) for source in (None, "a.pth", f"{TINY}@1")] == [None, "a.pth", f"{TINY}@1"]
    with pytest.raises(CheckpointError, match=rf"holds no weights {TINY}@3 \(only {TINY}@1, {TINY}@2\)"):
        locate_weights(f"{TINY}@3", TINY)
    with pytest.raises(CheckpointError, match=f"{TINY}@1 are weights of {TINY}, but the model is point_mae"):
        locate_weights(f"{TINY}@1", "point_mae")
    assert settled_source("pretrained", "point_mae") == "pretrained"
    with pytest.raises(CheckpointError, match=r"holds no pre-trained weights of point_mae"):
        locate_weights("pretrained", "point_mae")
    assert [recorded_source(source, TINY) for source in ("pretrained", "a.pth", f"{TINY}@2")] == [
        f"{TINY}@1",
        "a.pth",
        f"{TINY}@2",
    ]
    for began_with, version in ((f"{TINY}@1", 1), ("a.pth", 2), (None, 2)):
        assert settled_source("pretrained", TINY, began_with) == f"{TINY}@{version}"


@pytest.mark.parametrize("given", ["true", "weights.pth", "x" * 5000, f"{TINY}@", "point_mae@1", 1, 2, b"x", [TINY]])
def test_what_names_no_version_is_refused(given):
    with pytest.raises(CheckpointError, match=rf"must be True or a version .* such as '{TINY}@\d'"):
        create_model(TINY, pretrained=given)


@pytest.mark.parametrize("given", [f"{TINY}@0", f"{TINY}@99"])
def test_a_version_that_is_not_there(given):
    with pytest.raises(CheckpointError, match=rf"holds no weights {given} \(only {TINY}@1"):
        create_model(TINY, pretrained=given)


def test_files_of_that_name_do_not_count(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = settled_source("pretrained", TINY)
    (tmp_path / name).mkdir()
    assert create_model(TINY, pretrained=True).package_weights == name


def test_which_version_a_file_is(tmp_path):
    file = pretrained_file(TINY, 1)
    assert version_of(file) == f"{TINY}@1"
    shutil.copyfile(file, tmp_path / "copy.safetensors")
    assert version_of(tmp_path / "copy.safetensors") == f"{TINY}@1"
    (tmp_path / "changed.safetensors").write_bytes(file.read_bytes()[:-1] + b"x")
    assert version_of(tmp_path / "changed.safetensors") is None


def test_pre_training_goes_on_from_an_encoder_alone():
    torch.manual_seed(0)
    options = {"contrast_dim": 16, "num_categories": 5, "decoder_depth": 1, "teacher_momentum": 0.9}
    model, random = (create_model(TINY, "pretraining", pretrained=given, **options) for given in (f"{TINY}@1", False))
    weights, _ = read_weights(pretrained_file(TINY, 1))
    for key, value in weights.items():
        assert torch.equal(model.state_dict()[key].float(), value.float()), key
    assert sum(key not in weights for key in random.state_dict()) > 10
    teacher, encoder = model.teacher.encoder.state_dict(), model.encoder.state_dict()
    assert all(torch.equal(value, teacher[key]) for key, value in encoder.items())
    # Without an objective that wants a class token the encoder has none.
    plain = create_model(TINY, "pretraining", pretrained=f"{TINY}@1")
    assert torch.equal(plain.encoder.norm.weight, model.encoder.norm.weight)
    del weights["encoder.norm.weight"]
    with pytest.raises(
        CheckpointError, match=r"lacks 1 weights of the point_mae_tiny model, the first is encoder\.norm"
    ):
        load_checkpoint(random, weights)


@pytest.mark.parametrize("name", list_pretrained())
def test_weights_load_without_a_network(name, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("no connection may be made")

    monkeypatch.setattr(socket, "socket", refuse)
    torch.manual_seed(0)
    model, random = create_model(name, pretrained=True, num_classes=7), create_model(name, num_classes=7)
    assert model.head[-1].out_features == 7
    for (key, value), other in zip(model.named_parameters(), random.parameters(), strict=True):
        if not key.startswith("head.") and value.ndim > 1:
            assert not torch.equal(value, other), f"{key} was not loaded"
    assert model.tokenizer.first_conv[1].num_batches_tracked > 100


def test_other_sizes_are_refused():
    with pytest.raises(CheckpointError, match="create the model with the sizes"):
        create_model("point_mae_tiny", pretrained=True, embed_dim=96, num_heads=3)


def test_a_model_without_weights():
    with pytest.raises(CheckpointError, match=r"holds no pre-trained weights of point_mae \(only of point_mae_tiny\)"):
        create_model("point_mae", pretrained=True)


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    content = bytearray(pretrained_file("point_mae_tiny").read_bytes())
    content[len(content) // 2] ^= 1
    file = tmp_path / pretrained_file("point_mae_tiny").name
    file.write_bytes(content)
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match=r"point_mae_tiny@\d\.safetensors is damaged or was changed: its SHA-256"):
        create_model("point_mae_tiny", pretrained=True)
    file.write_bytes(content[:1000])
    with pytest.raises(CheckpointError, match="is damaged or was changed"):
        create_model("point_mae_tiny", pretrained=True)
    file.unlink()
    with pytest.raises(CheckpointError, match="is missing: install pointlora again"):
        create_model("point_mae_tiny", pretrained=True)


def test_a_path_stays_a_path():
    assert locate_weights("some.pth", "point_mae") == "some.pth"
    assert locate_weights("pretrained", TINY) == pretrained_file(TINY, max(SHA256[TINY]))
