import socket

import pytest
import torch

from pointlora import create_model, list_pretrained
from pointlora.errors import CheckpointError
from pointlora.models import pretrained
from pointlora.models.pretrained import FOLDER, locate_weights, pretrained_file

MOST_BYTES = 12_000_000


def test_every_file_is_listed_has_a_card_and_is_small():
    files = sorted(FOLDER.glob("*.safetensors"))
    assert [path.stem for path in files] == list_pretrained() != []
    for path in files:
        assert path.stat().st_size < MOST_BYTES
        card = path.with_suffix(".md").read_text()
        assert "CC BY 4.0" in card
        assert f"pointlora pretrain {path.stem}_pretrained" in card


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
    (tmp_path / "point_mae_tiny.safetensors").write_bytes(content)
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match=r"point_mae_tiny\.safetensors is damaged or was changed: its SHA-256"):
        create_model("point_mae_tiny", pretrained=True)
    (tmp_path / "point_mae_tiny.safetensors").write_bytes(content[:1000])
    with pytest.raises(CheckpointError, match="is damaged or was changed"):
        create_model("point_mae_tiny", pretrained=True)
    (tmp_path / "point_mae_tiny.safetensors").unlink()
    with pytest.raises(CheckpointError, match="is missing: install pointlora again"):
        create_model("point_mae_tiny", pretrained=True)


def test_a_path_stays_a_path():
    assert locate_weights("some.pth", "point_mae") == "some.pth"
    assert locate_weights("pretrained", "point_mae_tiny") == FOLDER / "point_mae_tiny.safetensors"
