"""Sizes that an adapter's configuration claims are held against the files before anything is allocated."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch

import pointlora
from adapter_samples import SIZES, write_adapter, write_base
from part_samples import write_part_adapter
from pointlora.adapters.described_model import adapter_model
from pointlora.adapters.folder_config import read_adapter_config
from pointlora.adapters.loading import load_adapted_model
from pointlora.cli.main import main
from pointlora.data.files import write_ply
from pointlora.errors import AdapterError, PointLoraError
from pointlora.models.parameters import count_parameters
from pointlora.models.registry import list_models
from pointlora.models.weight_files import read_weights
from pointlora.prediction import PartPredictor, Predictor


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tmp_path_factory.mktemp("adapters") / "classes")


@pytest.fixture(scope="module")
def parts_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_part_adapter(tmp_path_factory.mktemp("adapters") / "parts")


def changed(adapter: Path, target: Path, key: str, value: Any) -> Path:
    """A copy of an adapter whose configuration says something else under a dotted key; beside its backbone still."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["base_model"]["checkpoint"] = str(adapter.parent / "base.safetensors")
    *outer, last = key.split(".")
    place = config
    for name in outer:
        place = place[name]
    place[last] = value
    target.mkdir()
    (target / "adapter_config.json").write_text(json.dumps(config))
    (target / "adapter_model.safetensors").write_bytes((adapter / "adapter_model.safetensors").read_bytes())
    return target


SIZE_KEYS = ("embed_dim", "depth", "num_heads", "num_groups", "group_size", "tokenizer_dims")
HOSTILE = (
    -1,
    0,
    1,
    0.5,
    12288,
    65536,
    10**18,
    1e308,
    math.nan,
    math.inf,
    "8",
    "é",
    True,
    [],
    [[]],
    [1] * 5000,
    {"a": 1},
)


@pytest.mark.parametrize("key", SIZE_KEYS)
def test_hostile_sizes_give_one_line(adapter: Path, tmp_path: Path, key: str) -> None:
    for number, value in enumerate(HOSTILE):
        # These describe the same weights: patches of one point, one head, or the default number of heads.
        if (key, value) in (("num_heads", 1), ("num_groups", 1), ("group_size", 1)):
            continue
        with pytest.raises(PointLoraError) as error:
            load_adapted_model(changed(adapter, tmp_path / str(number), f"base_model.sizes.{key}", value))
        text = str(error.value)
        assert "\n" not in text, text
        assert len(text) < 600, text
        assert "adapter_config.json" in text, text


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "base_model.sizes.embed_dim",
            12288,
            r"hold different adapters: .* has shape .*12288.* in the first and .*24.* in the second",
        ),
        ("base_model.sizes.depth", 200, "says depth 200, but .*base.safetensors holds the weights of 4 blocks"),
        ("base_model.sizes.depth", 1, r"hold different adapters.*blocks.1.* has shape none in the first"),
        ("base_model.sizes.num_groups", 65536, r"says 65536 patches of 8 points \(num_groups, group_size\)"),
        ("base_model.sizes.group_size", 4096, r"says 16 patches of 4096 points"),
        ("base_model.options.num_classes", 60000, r"hold different adapters.* head.* has shape \(60000"),
        ("base_model.options.num_clases", 3, "unknown option of create_model 'num_clases'"),
        ("base_model.options.seed", 3, "describes no model of this release"),
        ("base_model.options.embed_dim", 24, "describes no model of this release"),
        ("base_model.options", None, "has no 'options'"),
        ("base_model.sizes", [1], r"base_model.sizes is \[1\], but it must be an object"),
        ("base_model.name", ["point_mae"], "base_model.name is .* but it must be a text"),
        ("base_model.name", "point_mæ", "unknown model 'point_mæ'"),
        ("base_model.task", "pretraining", "its task 'pretraining' isn't one that adapters are trained for"),
        ("base_model.checkpoint", 7, "base_model.checkpoint is 7, but it must be a text"),
        ("base_model", "x", "base_model is 'x', but it must be an object"),
        ("method.kind", {}, "method.kind is {}, but it must be a text"),
        ("method.rank", 4096, "describes no model of this release: rank 4096 is larger"),
        ("method.rank", 1e308, "wrong settings of its method: rank is"),
        ("method.rank", "8", "wrong settings of its method"),
        ("method.scales", [[10**9, 8, 1]], "says 1000000000 patches of 8 points"),
        ("method.scales", [[8.5, 8, 1]], "wrong settings of its method: num_groups is 8.5, but"),
        ("method.scales", [[[]]], "scale"),
        ("method.prompt_dim", 10**9, "hold different adapters.*method.prompts"),
        ("method.targets", [5], "wrong settings of its method: targets is"),
        ("initial_seed", -3, "initial_seed is -3, but it must be an integer"),
        ("initial_seed", math.nan, "initial_seed is nan"),
        ("preprocessing", {"num_points": 1e9}, "wrong preprocessing: num_points must be at least 1"),
        ("preprocessing", [], None),
        ("no such field", "é" * 50, None),
    ],
)
def test_hostile_fields(adapter: Path, tmp_path: Path, key: str, value: Any, message: str | None) -> None:
    folder = changed(adapter, tmp_path / "copy", key, value)
    if message is None:
        load_adapted_model(folder)
        return
    with pytest.raises(PointLoraError, match=message) as error:
        load_adapted_model(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["num_parts", "num_categories", "head_dims"])
def test_hostile_sizes_of_a_part_segmenter(parts_adapter: Path, tmp_path: Path, key: str) -> None:
    for number, value in enumerate((60_000, 1e9, [65536] * 4, "5", -2)):
        folder = changed(parts_adapter, tmp_path / str(number), f"base_model.options.{key}", value)
        with pytest.raises(
            AdapterError, match=r"adapter_config\.json (describes|and .* hold different adapters)"
        ) as error:
            load_adapted_model(folder)
        assert "\n" not in str(error.value)


def test_a_random_backbone_is_bounded_where_no_file_vouches_for_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = pointlora.create_model("point_mae_tiny", num_classes=3, **SIZES)
    pointlora.save_adapter(pointlora.apply_method(model, "head_only"), tmp_path / "probe", initial_seed=0)
    config = json.loads((tmp_path / "probe" / "adapter_config.json").read_text())
    config["base_model"]["sizes"]["depth"] = 1000
    config["base_model"]["sizes"]["tokenizer_dims"] = [16, 32, 32]
    (tmp_path / "probe" / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(AdapterError, match="describes a random backbone of .* weights, more than the"):
        load_adapted_model(tmp_path / "probe")


def peak_memory() -> int:
    """Megabytes, since the peak was last reset."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) // 1024


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells the peak of memory")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("base_model.sizes", {**SIZES, "embed_dim": 12288, "depth": 200}),
        ("base_model.sizes", {**SIZES, "embed_dim": 24, "depth": 1000}),
        ("base_model.sizes.num_groups", 65536),
        ("base_model.sizes.group_size", 65536),
        ("base_model.options.num_classes", 65536),
    ],
)
def test_memory_and_exit_code(
    adapter: Path, tmp_path: Path, key: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    import pointlora.training.evaluate_adapter  # noqa: F401  # what it takes is of the start

    (tmp_path / "run").mkdir()
    run, cloud = str(tmp_path / "run"), write_ply(tmp_path / "a.ply", torch.randn(50, 3).numpy())
    changed(adapter, tmp_path / "run" / "adapter", key, value)
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_memory()
    assert main(["predict", str(cloud), "--adapter", run]) == 2
    assert main(["evaluate", "--adapter", run, "--data.name", "procedural"]) == 2
    assert main(["info", f"{run}/adapter"]) == 2
    assert peak_memory() - before < 100
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("pointlora: error: ") for line in lines)


VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 3, 12288, 65536, 10**18, 10**400, 0.5, 1e308, math.nan, -math.inf),
    *("", "8", "é\n\x00", "x" * 5000, [], [[[1]]], [1] * 1000, ["a"], [None], {}, {"a": 1}, {"": {}}),
)


def places(value: Any, outer: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in nested objects and the first entries of lists."""
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value[:4]))
    found = [(*outer, key) for key, _ in pairs]
    return found + [
        place for key, inner in pairs if isinstance(inner, (dict, list)) for place in places(inner, (*outer, key))
    ]


def check_mutants(adapters: list[Path], target: Path, seed: int, count: int) -> None:
    """Whatever stands in the file: a prediction, or one line."""
    rng = random.Random(seed)
    points = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).numpy()
    texts: list[str] = []
    for number in range(count):
        adapter = rng.choice(adapters)
        config = json.loads((adapter / "adapter_config.json").read_text())
        config["base_model"]["checkpoint"] = str(adapter.parent / "base.safetensors")
        *outer, last = rng.choice(places(config))
        place = config
        for key in outer:
            place = place[key]
        if rng.random() < 0.2:
            del place[last]
        else:
            place[last] = rng.choice(VALUES)
        folder = target / str(number)
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps(config))
        (folder / "adapter_model.safetensors").hardlink_to(adapter / "adapter_model.safetensors")
        try:
            if adapter.name == "parts":
                PartPredictor(folder, device="cpu").label(points)
            else:
                Predictor(folder, device="cpu").probabilities([points])
        except PointLoraError as error:
            texts.append(str(error))
    assert count / 2 < len(texts) < 19 * count / 20
    for text in texts:
        assert "\n" not in text
        assert len(text) < 1000


def test_mutants_of_configurations(adapter: Path, parts_adapter: Path, tmp_path: Path) -> None:
    check_mutants([adapter, parts_adapter], tmp_path, 0, 60)


@pytest.mark.slow
def test_many_mutants_of_configurations(adapter: Path, parts_adapter: Path, tmp_path: Path) -> None:
    check_mutants([adapter, parts_adapter], tmp_path, 1, 600)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": ' * 20_000, "{}" * 9_000_000, "\ufeff{}", "9" * 5000])
def test_text_that_is_no_configuration(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "adapter_config.json").write_text(text)
    assert main(["info", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("method", ["pointlora", "pointlora-plus", "lora", "token_selection", "head_only", "bitfit"])
def test_the_described_model_is_the_saved_one(tmp_path: Path, method: str) -> None:
    base = write_base(tmp_path / "base.safetensors")
    model = pointlora.create_model("point_mae_tiny", num_classes=3, **SIZES)
    pointlora.load_checkpoint(model, base)
    folder = pointlora.save_adapter(pointlora.apply_method(model, method), tmp_path / "a", None, None, str(base))
    described = adapter_model(folder, read_adapter_config(folder))
    assert count_parameters(described) == count_parameters(model)
    assert all(value.device.type == "meta" for value in described.parameters())
    loaded, _ = load_adapted_model(folder)
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("name", [name for name in list_models() if "tiny" in name])
def test_a_model_on_random_weights_loads(tmp_path: Path, name: str) -> None:
    from pointlora.adapters.loading import initial_model

    model = initial_model(3, name, "classification", num_classes=2)
    pointlora.save_adapter(pointlora.apply_method(model, "head_only"), tmp_path, initial_seed=3)
    loaded, _ = load_adapted_model(tmp_path)
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_shapes_of_a_file_without_its_values(tmp_path: Path, suffix: str) -> None:
    from safetensors.torch import save_file

    state = {"a": torch.zeros(3, 4), "b": torch.zeros((), dtype=torch.int64)}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"base_model": {f"module.{key}": value for key, value in state.items()}, "epoch": 3}, path)
    else:
        save_file(state, path)
    found, name = read_weights(path, shapes_only=True)
    assert {key: tuple(value.shape) for key, value in found.items()} == {"a": (3, 4), "b": ()}
    assert all(value.device.type == "meta" for value in found.values())
    assert name == str(path)
