"""From files with features to an adapter, to its figures, and to predictions on other files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pointlora.cli.main import main as call
from pointlora.data.features import FeatureScaling
from pointlora.data.files import write_ply
from pointlora.errors import DataError
from pointlora.prediction import PartPredictor, Predictor
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.model_factory import build_classifier

RNG = np.random.default_rng(0)
SMALL = ["--model.name", "point_mae_tiny", "--model.num_groups", "8", "--model.group_size", "8"]
PRETRAINED = ["--model.checkpoint", "pretrained"]
RUN = [
    *("--data.num_points", "64", "--optimizer.warmup_epochs", "0", "--optimizer.lr", "0.003", "--method.name", "lora"),
    *("--training.batch_size", "4", "--training.workers", "0", "--training.precision", "32", "--data.cache", "off"),
    *("--training.tensorboard", "false", "--data.name", "folder", "--training.protocol", "validation"),
]
SHADES = {"blue": (40, 60, 200), "red": (200, 60, 40)}


def write_colored(folder: Path, count: int, normals: bool = False) -> None:
    """Balls whose colour alone decides their class."""
    for name, shade in SHADES.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            points = RNG.normal(size=(100, 3)).astype(np.float32)
            colors = (np.array(shade) + RNG.integers(-40, 40, (100, 3))).astype(np.uint8)
            write_ply(folder / name / f"{number}.ply", points, colors, {"normals": points} if normals else None)


def test_from_files_to_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_colored(tmp_path / "data", 20)
    write_colored(tmp_path / "more", 4)
    out = tmp_path / "run"
    train = ["train", *SMALL, *PRETRAINED, *RUN, "--data.root", str(tmp_path / "data"), "--training.epochs", "5"]
    assert call([*train, "--data.features", "auto", "--output", str(out)]) == 0
    assert "features are red, green, blue (32 training clouds)" in capsys.readouterr().err
    results = json.loads((out / "results.json").read_text())
    assert results["accuracy"] == 1.0
    found = json.loads((out / "adapter" / "adapter_config.json").read_text())
    assert found["preprocessing"]["features"]["names"] == ["red", "green", "blue"]
    assert found["base_model"]["sizes"]["num_features"] == 3
    predictor = Predictor(out)
    files = sorted((tmp_path / "more").rglob("*.ply"))
    assert [each.top()[0][0] for each in predictor.predict(files)] == [path.parent.name for path in files]
    # The same through arrays, and evaluation on another folder.
    colors = np.array(SHADES["red"]) / 255
    np.savez(tmp_path / "a.npz", points=RNG.normal(size=(100, 3)), colors=np.tile(colors, (100, 1)))
    assert predictor.predict([tmp_path / "a.npz"])[0].top()[0][0] == "red"
    arguments = ["evaluate", "--adapter", str(out), "--data.name", "folder", "--data.root", str(tmp_path / "more")]
    assert call([*arguments, "--data.split", "all"]) == 0
    assert "overall     100.00 %  of 8" in capsys.readouterr().out
    # A file that lacks them.
    np.savetxt(tmp_path / "bare.xyz", RNG.normal(size=(100, 3)))
    with pytest.raises(DataError, match="bare.xyz: has no feature 'red'"):
        predictor.predict([tmp_path / "bare.xyz"])
    assert call(["predict", "--adapter", str(out), str(tmp_path / "bare.xyz")]) == 2
    capsys.readouterr()
    arguments = ["predict", "--adapter", str(out), str(tmp_path / "bare.xyz"), "--missing-features", "zero"]
    assert call(arguments) == 0
    assert "has no red, green, blue: zero stands in for it" in capsys.readouterr().err


def write_sensed(path: Path, value: float) -> None:
    """A ball in a file of this kind: its intensity (in PLY its colour), with much noise, decides its class."""
    points = RNG.normal(size=(100, 3))
    intensity = np.clip(value + RNG.normal(0, 15, 100), 0, 255)
    if path.suffix == ".npz":
        np.savez(path, points=points.astype(np.float32), intensity=intensity.astype(np.float32))
    elif path.suffix == ".ply":
        shade = np.clip(np.array([value, 80, 255 - value]) + RNG.normal(0, 15, (100, 3)), 0, 255)
        write_ply(path, points.astype(np.float32), shade.astype(np.uint8))
    else:
        laspy = pytest.importorskip("laspy")
        file = laspy.LasData(laspy.LasHeader(point_format=1, version="1.2"))
        file.x, file.y, file.z = points.T
        file.intensity = (100 * intensity).astype(np.uint16)
        file.gps_time = RNG.random(100)
        file.write(str(path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "names"), [(".ply", "red, green, blue"), (".las", "intensity"), (".npz", "intensity")]
)
def test_from_sixty_files_with_auto_to_predictions_on_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, names: str
) -> None:
    for kind, value in (("dark", 60.0), ("light", 180.0)):
        for root, count in (("data", 30), ("other", 4)):
            (tmp_path / root / kind).mkdir(parents=True)
            for number in range(count):
                write_sensed(tmp_path / root / kind / f"{number}{suffix}", value)
    train = ["train", *SMALL, *PRETRAINED, *RUN, "--data.root", str(tmp_path / "data")]
    train[train.index("lora")] = "pointlora-plus"
    train[train.index("0.003")] = "3e-4"  # as where a command names no rate
    settings = ["--data.features", "auto", "--training.epochs", "1", "--output", str(tmp_path / "run")]
    assert call([*train, *settings]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "features are" in line]
    assert [line.split(": features are ")[1].split(" (")[0] for line in lines] == [names]
    files = sorted((tmp_path / "other").rglob(f"*{suffix}"))
    assert call(["predict", "--adapter", str(tmp_path / "run"), *map(str, files), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["class"] for each in found["predictions"]] == [path.parent.name for path in files]
    last = names.split(", ")[-1]
    assert call([*train, "--output", str(tmp_path / "no"), "--data.features", f"[{last[:-2]}{last[-1]}]"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"did you mean {last!r}?" in line
    assert not (tmp_path / "no").exists()


def test_names_that_no_file_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_colored(tmp_path / "data", 5)
    train = [
        "train",
        *SMALL,
        *PRETRAINED,
        *RUN,
        "--data.root",
        str(tmp_path / "data"),
        "--output",
        str(tmp_path / "run"),
    ]
    assert call([*train, "--data.features", "[red, green, blu]"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no feature 'blu'; did you mean 'blue'? beside x, y, z it has red, green, blue" in line
    assert call([*train, "--data.features", "red"]) == 2
    assert "must be a list of names: [red], or auto" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_parts_that_differ_by_colour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()

    def write(path: Path) -> np.ndarray:
        points = RNG.normal(size=(120, 3)).astype(np.float32)
        labels = RNG.integers(0, 2, 120)
        colors = np.array([SHADES["blue"], SHADES["red"]])[labels] + RNG.integers(-40, 40, (120, 3))
        write_ply(path, points, colors.astype(np.uint8), {"label": labels})
        return labels

    for number in range(24):
        write(tmp_path / "data" / f"{number}.ply")
    out = tmp_path / "run"
    train = ["train", "--task", "part_segmentation", *SMALL, *PRETRAINED, *RUN, "--data.root", str(tmp_path / "data")]
    settings = ["--data.features", "[colors]", "--training.epochs", "12", "--output", str(out)]
    assert call([*train, *settings]) == 0
    assert json.loads((out / "results.json").read_text())["accuracy"] > 0.95
    truth = write(tmp_path / "other.ply")
    (prediction,) = PartPredictor(out).predict([tmp_path / "other.ply"])
    assert (prediction.labels == truth).mean() > 0.95


def test_normals_turn_with_the_up_axis(tmp_path: Path) -> None:
    write_colored(tmp_path / "data", 6, normals=True)
    out = tmp_path / "run"
    train = ["train", *SMALL, *PRETRAINED, *RUN, "--data.root", str(tmp_path / "data"), "--training.epochs", "1"]
    settings = ["--data.features", "[normals, red]", "--data.augmentations", "[rotate]", "--output", str(out)]
    assert call([*train, *settings]) == 0
    path = tmp_path / "data" / "red" / "0.ply"
    cloud = Predictor(out).read_file(path).featured
    assert np.array_equal(cloud[:, :3], cloud[:, 3:6])  # as written: each normal is its point
    turned = Predictor(out, up_axis="z").turned(cloud)
    assert np.array_equal(turned[:, :3], np.roll(cloud[:, :3], -1, 1))
    assert np.array_equal(turned[:, :3], turned[:, 3:6])
    assert np.array_equal(turned[:, 6], cloud[:, 6])


def test_a_backbone_that_knows_colours_is_given_those_of_the_data() -> None:
    scaling = FeatureScaling(
        ("intensity", "red", "green", "blue"), (0.0, 127.5, 127.5, 127.5), (1.0, 127.5, 127.5, 127.5)
    )
    sizes = {"embed_dim": 48, "depth": 1, "num_heads": 3, "num_groups": 8, "group_size": 8}
    for name, expected in (("uni3d_tiny", 1), ("point_mae", None)):
        recipe = from_mapping(TrainRecipe, {"model": {"name": name, **sizes}, "method": {"name": "full"}})
        model = build_classifier(recipe, ["a", "b"], features=scaling)
        assert (model.sizes.num_features, model.sizes.color_features) == (4, expected)
