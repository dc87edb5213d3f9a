"""`pointlora info` on everything it knows, and on what it doesn't."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import pointlora
from adapter_samples import CLASS_NAMES, SIZES, write_adapter, write_base
from file_samples import kitti, ply_mesh, ply_points
from goldens import load_golden
from pointlora.cli.main import main
from pointlora.data import write_shards
from pointlora.data.files import write_ply
from pointlora.errors import CheckpointError
from pointlora.models.pretrained import SHA256
from pointlora.recipes.files import find_recipe


def info(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["info", str(path), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["info", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


# The counts are those of the published networks with the classes of the golden files.
@pytest.mark.parametrize(
    ("golden", "family", "stage"),
    [
        ("point_mae_cls_full", "point_mae", "fine-tuned"),
        ("point_bert_cls_full", "point_bert", "fine-tuned"),
        ("recon_cls_full", "recon", "fine-tuned"),
        ("point_gpt_s_cls_full", "point_gpt", "fine-tuned"),
        ("pointlora_full", "point_mae", "fine-tuned"),
    ],
)
def test_official_checkpoints(
    golden: str, family: str, stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = load_golden(golden).state_dict
    path = tmp_path / "best.pth"
    torch.save({"base_model": {f"module.{k}": v for k, v in weights.items()}, "epoch": 7, "optimizer": {}}, path)
    found = info(path, capsys)
    assert (found["family"], found["stage"], found["layout"]) == (family, stage, "official")
    assert (found["embed_dim"], found["depth"], found["epoch"]) == (384, 12, 7)
    assert found["num_heads"].startswith("6 (guess")
    assert found["tokenizer_dims"] == [128, 256, 512]
    head = [value for key, value in weights.items() if "cls_head" in key and value.ndim == 2]
    assert found["num_classes"] == head[-1].shape[0]
    names = ("running_mean", "running_var", "num_batches_tracked")
    assert found["parameters"] == sum(v.numel() for k, v in weights.items() if not k.endswith(names))
    if golden == "pointlora_full":
        assert (found["tuning"], found["lora_rank"]) == ("PointLoRA", 8)
        assert found["parameters"] == 22_513_960
    else:
        assert "tuning" not in found


@pytest.mark.parametrize(
    ("golden", "family", "place", "reader"),
    [
        ("pcp_mae_cls_small", "pcp_mae", "base_model", "pcp_mae"),
        ("maskpoint_cls_small", "maskpoint", "base_model", "maskpoint"),
        ("point_femae_cls_small", "point_femae", "base_model", "point_femae, point_femae_plain"),
        ("point_pqae_cls_small", "point_pqae", "base_model", "point_pqae"),
        ("point_jepa_cls_small", "point_jepa", "state_dict", "point_jepa"),
        ("point2vec_cls_small", "point2vec", "state_dict", "point2vec"),
        ("uni3d_tiny_small", "uni3d", "module", "uni3d_tiny"),
    ],
)
def test_pretrained_files_of_every_layout(
    golden: str, family: str, place: str, reader: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = load_golden(golden).meta["pretrain_shapes"]
    weights = {f"module.{key}": torch.zeros(shape) for key, shape in shapes.items()}
    content = {place: weights, "loops": {}, "optimizer_states": [], "hyper_parameters": Namespace(lr=0.1), "epoch": 7}
    torch.save(content, tmp_path / "pretrain.pth")
    found = info(tmp_path / "pretrain.pth", capsys)
    assert (found["kind"], found["family"], found["stage"]) == ("checkpoint", family, "pre-trained")
    assert found["reads_into"] == reader.split(", ")
    assert (found["skipped"], found["epoch"]) == (["argparse.Namespace"], 7)
    assert found["embed_dim"] == (192 if family == "uni3d" else 96)
    assert found["depth"] == (2 if family == "uni3d" else 3)
    assert found["tokenizer_dims"] == [128, 256, 512]
    assert found.get("channels") == (6 if family == "uni3d" else None)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["mlp_heads.sem_cls_head.layers.0.weight", "encoder.layers.0.norm1.weight"], "3DETR detector .*MaskPoint"),
        (["module.model.global_query", "module.model.embed.first_conv.0.weight"], r"ReCon\+\+"),
        (["enc.enc0.block0.cpe.0.weight", "embedding.stem.linear.weight"], "Point Transformer V3 .*Sonata"),
        (["student.backbone.enc.enc0.block0.cpe.0.weight"], "Point Transformer V3 .*Sonata"),
    ],
)
def test_strangers_are_refused_by_what_they_are(
    keys: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"model": {key: torch.zeros(2, 2) for key in keys}}, tmp_path / "stranger.pth")
    assert re.search(words, refused(tmp_path / "stranger.pth", capsys))
    with pytest.raises(
        CheckpointError, match=rf"stranger\.pth isn't a weight file of a known model; it is of .*{words}"
    ):
        pointlora.load_checkpoint(pointlora.create_model("point_mae_tiny"), tmp_path / "stranger.pth")


def test_own_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = info(write_base(tmp_path / "model.safetensors"), capsys)
    assert (found["kind"], found["layout"], found["stage"]) == ("checkpoint", "own", "pre-trained")
    assert {key: found[key] for key in ("embed_dim", "depth", "group_size")} == {
        key: SIZES[key] for key in ("embed_dim", "depth", "group_size")
    }
    assert found["tokenizer_dims"] == list(SIZES["tokenizer_dims"])
    model = pointlora.create_model("point_mae_tiny", "pretraining", **SIZES)
    assert found["parameters"] == pointlora.count_parameters(model).total
    assert main(["info", str(tmp_path / "model.safetensors")]) == 0
    assert "family" in capsys.readouterr().out


def test_adapter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_adapter(tmp_path / "mine", selected_on="validation split")
    found = info(folder, capsys)
    model = pointlora.create_model("point_mae_tiny", num_classes=3, **SIZES)
    counts = pointlora.count_parameters(pointlora.apply_method(model, "pointlora"))
    assert (found["trained_parameters"], found["total_parameters"]) == (counts.trainable, counts.total)
    assert (found["method"], found["backbone"], found["classes"]) == ("pointlora", "point_mae_tiny", list(CLASS_NAMES))
    assert found["metrics"] == {"accuracy": 0.75}
    assert found["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    assert found["intact"] is True
    assert info(folder / "adapter_config.json", capsys) == found
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert info(folder, capsys)["intact"] is False


def test_cloud_and_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "points.ply").write_bytes(ply_points("<"))
    found = info(tmp_path / "points.ply", capsys)
    assert (found["kind"], found["format"], found["points"], found["finite"]) == ("point cloud", "ply", 5, True)
    assert found["bounds"] == {"low": [-2.5, -3.5, -6.75], "high": [9.0, 7.0, 8.5]}
    assert found["attributes"]["colors"] == "uint8 (3,)"
    assert found["labels"] == [0, 2, 3, 7]
    (tmp_path / "mesh.ply").write_bytes(ply_mesh())
    mesh = info(tmp_path / "mesh.ply", capsys)
    assert (mesh["kind"], mesh["points"]) == ("mesh", 8192)


def test_map_coordinates_have_all_their_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "utm.xyz"
    path.write_text("500760.721 5400592.346 311.579\n500512.933 5400555.498 324.629\n500161.018 5400693.694 347.108\n")
    found = info(path, capsys)
    low, high = [500161.018, 5400555.498, 311.579], [500760.721, 5400693.694, 347.108]
    assert found["bounds"] == {"low": low, "high": high}
    assert found["extent"] == [599.703, 138.196, 35.529]
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert "low 500161.018, 5400555.498, 311.579, high 500760.721, 5400693.694, 347.108" in text
    assert "599.703, 138.196, 35.529" in text
    np.save(tmp_path / "single.npy", np.array(low * 2, np.float32).reshape(2, 3) / 3)
    single = np.float32(low[0]) / np.float32(3)
    assert np.float32(info(tmp_path / "single.npy", capsys)["bounds"]["low"][0]) == single


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.obj", "v 0 0 0\nv 1 2 3\n"), ("a.off", "OFF\n2 0 0\n0 0 0\n1 2 3\n"), ("a.obj", "v 0 0 0\nv 1 2 3\np 1 2\n")],
)
def test_vertices_alone_are_a_point_cloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    found = info(tmp_path / name, capsys)
    assert (found["kind"], found["points"], found["bounds"]["high"]) == ("point cloud", 2, [1, 2, 3])


def test_what_was_left_out_and_where_labels_come_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{k} {k * k % 7} {k % 5} {k % 3}\n" for k in range(40))
    (tmp_path / "a.txt").write_text(f"x y z scalar_Label\n{rows}nan nan nan 9\n")
    found = info(tmp_path / "a.txt", capsys)
    assert (found["points"], found["dropped_points"]) == (40, 1)
    assert (found["labels"], found["labels_from"]) == ([0, 1, 2], "scalar_Label")
    assert found["warnings"] == ["1 of 41 points have no coordinates (NaN) and were left out"]


def test_scans_and_packed_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "scan.bin").write_bytes(kitti())
    assert (info(tmp_path / "scan.bin", capsys)["kind"], info(tmp_path / "scan.bin", capsys)["format"]) == (
        "point cloud",
        "bin",
    )
    (tmp_path / "a.ply.gz").write_bytes(gzip.compress(ply_points("<")))
    found = info(tmp_path / "a.ply.gz", capsys)
    assert (found["kind"], found["format"], found["points"]) == ("point cloud", "ply.gz", 5)


def test_data_sets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = np.random.default_rng([3]).normal(size=(6, 20, 3)).astype(np.float32)
    split = np.array([0, 0, 0, 0, 1, 1], bool)
    np.savez(tmp_path / "set.npz", points=points, labels=[0, 1, 1, 0, 1, 0], classes=["a", "b"], is_test=split)
    found = info(tmp_path / "set.npz", capsys)
    assert (found["kind"], found["clouds"], found["points"], found["classes"]) == ("data set npz", 6, 20, ["a", "b"])
    assert found["train"] == {"clouds": 4, "per_class": {"a": 2, "b": 2}}
    assert found["test"]["clouds"] == 2
    for name in ("cat", "dog"):
        (tmp_path / "own" / name).mkdir(parents=True)
        for number in range(5):
            np.savetxt(tmp_path / "own" / name / f"{number}.xyz", points[number])
    folder = info(tmp_path / "own", capsys)
    assert (folder["kind"], folder["classes"]) == ("data set folder", ["cat", "dog"])
    assert folder["train"]["clouds"] + folder["test"]["clouds"] == 10
    plain = info(tmp_path / "own" / "cat", capsys)
    assert (plain["kind"], plain["files"], plain["formats"]) == ("folder of clouds", 5, [".xyz"])


def test_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("scanobjectnn_pb", "point_mae_pretrain", "compare_tiny")
    train, pretrain, compare = (info(find_recipe(name), capsys) for name in names)
    assert train["precision"] == "auto"
    assert (compare["command"], compare["methods"][0], compare["seeds"]) == ("pointlora compare", "full", [*range(5)])
    assert (train["command"], train["method"]) == ("pointlora train", "pointlora")
    assert (pretrain["command"], pretrain["epochs"]) == ("pointlora pretrain", 300)


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(Path(self.path)), "w")  # type: ignore[attr-defined]


def test_nothing_is_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bomb, crater = _Bomb(), tmp_path / "crater"
    bomb.path = str(crater)  # type: ignore[attr-defined]
    torch.save({"model": bomb}, tmp_path / "bomb.pth")
    (tmp_path / "bomb.pkl").write_bytes(pickle.dumps(bomb))
    (tmp_path / "bomb").write_bytes(pickle.dumps(bomb))
    assert "refused without running it" in refused(tmp_path / "bomb.pth", capsys)
    assert "a pickle" in refused(tmp_path / "bomb.pkl", capsys)
    assert "a pickle" in refused(tmp_path / "bomb", capsys)
    assert not crater.exists()


def test_strangers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"layer1.0.conv1.weight": torch.zeros(2, 2)}, tmp_path / "resnet.safetensors")
    message = refused(tmp_path / "resnet.safetensors", capsys)
    assert "holds 1 tensors (layer1.0.conv1.weight)" in message
    assert "isn't a checkpoint of a model that pointlora knows" in message
    save_file({"base_model.model.x.lora_A.weight": torch.zeros(2, 2)}, tmp_path / "a.safetensors")
    assert "adapter without its adapter_config.json" in refused(tmp_path / "a.safetensors", capsys)
    (tmp_path / "paper").write_bytes(b"%PDF-1.7 ...")
    assert "looks like a PDF document" in refused(tmp_path / "paper", capsys)
    (tmp_path / "notes").write_text("hello")
    assert "looks like text" in refused(tmp_path / "notes", capsys)
    (tmp_path / "half.safetensors").write_bytes(b"\x10\x00\x00")
    assert "half.safetensors is damaged" in refused(tmp_path / "half.safetensors", capsys)
    (tmp_path / "other.yaml").write_text("jobs: {build: 1}")
    assert "isn't a recipe" in refused(tmp_path / "other.yaml", capsys)
    (tmp_path / "empty").mkdir()
    assert "no adapter folder" in refused(tmp_path / "empty", capsys)
    assert "no such file or folder" in refused(tmp_path / "nothing", capsys)
    (tmp_path / "nan.xyz").write_text("nan 0 0\nnan 0 0\n")
    assert "NaN" in refused(tmp_path / "nan.xyz", capsys)
    (tmp_path / "inf.xyz").write_text("0 0 0\ninf 0 0\n")
    assert "1 of 2 points are infinite" in refused(tmp_path / "inf.xyz", capsys)
    (tmp_path / "peft").mkdir()
    (tmp_path / "peft" / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    assert "was not written by pointlora" in refused(tmp_path / "peft", capsys)


def test_dropped_rows_and_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.random.default_rng([3]).normal(size=(60, 4)).round(3)
    rows[:, 3] = np.arange(60) % 3
    rows[[4, 50], 1] = np.nan
    np.savetxt(tmp_path / "a.xyz", rows, header="x y z classification", fmt="%g")
    found = info(tmp_path / "a.xyz", capsys)
    assert (found["points"], found["dropped_points"]) == (58, 2)
    assert found["warnings"] == ["2 of 60 points have no coordinates (NaN) and were left out"]
    assert (found["labels"], found["labels_from"]) == ([0, 1, 2], "classification")


def test_what_of_a_folder_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.xyz", "sub/b.xyz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("0 0 0\n1 1 1\n")
    (tmp_path / "sub" / "c.docx").write_text("x")
    found = info(tmp_path, capsys)
    assert found["passed_over"] == {"kinds": {".docx": 1}, "examples": {"kinds": str(tmp_path / "sub" / "c.docx")}}


def test_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {
        "models",
        "methods",
        "data sets",
        "data sets with part labels",
        "recipes",
        "weights in the package",
    }
    newest = f"point_mae_tiny@{max(SHA256['point_mae_tiny'])}"
    assert next(iter(found["weights in the package"])) == newest
    assert "newest" in found["weights in the package"][newest]
    assert list(found["models"]) == pointlora.list_models()
    assert sorted(found["methods"]) == pointlora.list_methods()
    assert all(found["recipes"].values())
    assert main(["info"]) == 0
    assert "  pointlora " in capsys.readouterr().out


def test_a_version_of_the_weights_in_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "point_mae_tiny@1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "point_mae_tiny@1"
    assert main(["info", "point_mae_tiny@99"]) == 2
    assert "holds no weights point_mae_tiny@99" in capsys.readouterr().err


def test_links_that_lead_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loop.ply").symlink_to(tmp_path / "loop.ply")
    assert main(["info", str(tmp_path / "loop.ply")]) == 2
    assert capsys.readouterr().err == f"pointlora: error: {tmp_path}/loop.ply: is a broken link\n"
    assert main(["info", ""]) == 2
    assert capsys.readouterr().err == "pointlora: error: FILE is '', but it must be the path of a file or folder\n"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_names_that_no_output_can_show(tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / b"lat\xe4.csv".decode("utf-8", "surrogateescape")
    path.write_bytes("x;y;z;Höhe\n1;2;3;4\n".encode("latin-1"))
    command = [sys.executable, "-m", "pointlora.cli.main", "info", str(path), *options]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Höhe" in done.stdout
    assert not options or json.loads(done.stdout)["file"] == str(path)


def test_features_of_data_sets_and_of_adapters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    points, colors = rng.random((2, 6, 20, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", points=points, colors=colors, labels=np.arange(6) % 2, intensity=points[..., 0])
    assert info(tmp_path / "a.npz", capsys)["features"] == ["red", "green", "blue", "intensity"]
    clouds = [np.concatenate([cloud, cloud[:, :1]], 1) for cloud in points]
    write_shards(tmp_path / "shards", clouds, [0, 1] * 3, features=["intensity"])
    found = info(tmp_path / "shards", capsys)
    assert (found["kind"], found["features"], found["train"]["clouds"]) == ("data set shards", ["intensity"], 6)
    for name in ("gear", "beam"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for number in range(2):
            write_ply(tmp_path / "scans" / name / f"{number}.ply", points[number], (255 * colors[0]).astype(np.uint8))
    assert info(tmp_path / "scans", capsys)["features"] == ["red", "green", "blue"]
    (tmp_path / "scans" / "gear" / "0.ply").write_text("ply")
    assert info(tmp_path / "scans", capsys)["features"] is None
    folder = write_adapter(tmp_path / "mine")
    assert info(folder, capsys)["features"] is None
    config = json.loads((folder / "adapter_config.json").read_text())
    config["preprocessing"] = {"features": {"names": ["intensity"], "centers": [0.5], "ranges": [1.0]}}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    assert info(folder, capsys)["features"] == ["intensity"]
    (tmp_path / "recipe.yaml").write_text("data: {name: folder, root: scans, features: [intensity]}\n")
    assert info(tmp_path / "recipe.yaml", capsys)["features"] == ["intensity"]
