"""The families with a golden file of fine-tuned and of pre-trained weights against the official networks' outputs."""

from functools import cache

import pytest
import torch
from torch.nn import functional

from goldens import load_golden, weight_of
from official_files import GOLDENS, model_of
from pointlora import count_parameters, create_model, load_checkpoint
from pointlora.errors import CheckpointError
from pointlora.models.checkpoints import recognize
from pointlora.models.registry import get_family

# Made anew for a task where the file has none.
NO_CLASS_TOKEN = ("pcp_mae",)
every_golden = pytest.mark.parametrize("name", GOLDENS)
# The large ones with the prefix only, as the releases' files have it.
golden_files = pytest.mark.parametrize(
    ("name", "prefix"),
    [(name, "module.") for name in GOLDENS] + [(name, "") for name in GOLDENS if name.endswith("_small")],
)


@cache
def read(name):
    """The golden file, its weights and those of its pre-trained file, made once."""
    golden = load_golden(name)
    pretrained = {key: weight_of(key, tuple(shape)) for key, shape in golden.meta["pretrain_shapes"].items()}
    return golden, golden.state_dict, pretrained


def make(name):
    golden = read(name)[0]
    model, options = GOLDENS[name]
    return golden, model_of(golden, model, **options)


def write(path, weights, prefix):
    """A file as the official codes write them, with objects of theirs beside the weights."""
    place = "state_dict" if "student.norm.weight" in weights else "base_model"
    content = {place: {prefix + key: value for key, value in weights.items()}, "epoch": 3, "args": Settings()}
    torch.save(content, path)
    return path


class Settings:
    """Hyper-parameters of some training code."""


def outputs(model, golden):
    """Logits, and what the head reads."""
    read = []
    handle = model.head.register_forward_hook(lambda module, inputs, output: read.append(inputs[0]))
    with torch.no_grad():
        logits = model.eval()(golden["points"]).logits
    handle.remove()
    return logits, read[0]


@golden_files
def test_fine_tuned_file(tmp_path, name, prefix):
    golden, model = make(name)
    report = load_checkpoint(model, write(tmp_path / "best.pth", read(name)[1], prefix))
    assert (report.stage, report.missing, report.unexpected) == ("fine-tuned", [], [])
    assert count_parameters(model).total == golden.meta["counts"]["total"]
    logits, features = outputs(model, golden)
    torch.testing.assert_close(logits, golden["logits"], atol=golden.meta["tolerance"], rtol=0)
    torch.testing.assert_close(features, golden["features"], atol=golden.meta["tolerance"], rtol=0)


@golden_files
def test_pretrained_file(tmp_path, name, prefix):
    """Read over other weights, as the official loader did."""
    golden, model = make(name)
    load_checkpoint(model, read(name)[1])
    report = load_checkpoint(model, write(tmp_path / "pretrain.pth", read(name)[2], prefix))
    assert (report.stage, report.unexpected) == ("pre-trained", [])
    lacks = {"head", "cls_token", "cls_position"} if model.name in NO_CLASS_TOKEN else {"head"}
    assert {key.split(".")[0] for key in report.missing} == lacks
    logits, _ = outputs(model, golden)
    torch.testing.assert_close(logits, golden["logits_loaded"], atol=golden.meta["tolerance"], rtol=0)
    assert (logits - golden["logits"]).abs().max() > 0.1


@every_golden
def test_gradients(name):
    golden, model = make(name)
    load_checkpoint(model, read(name)[1])
    logits = model.eval()(golden["points"]).logits
    loss = functional.cross_entropy(logits, torch.arange(len(logits)) % logits.shape[1])
    loss.backward()
    assert abs(loss.item() - golden.meta["loss"]) < golden.meta["tolerance"]
    layout = recognize(read(name)[1], get_family(model.name).layouts)
    found = {key: parameter.grad.norm().item() for key, parameter in model.named_parameters()}
    # Of two names of one weight, the later one is known here.
    norms = {golden.meta["aliases"].get(key, key): norm for key, norm in golden.meta["grad_norms"].items()}
    expected = {layout.rename(key): norm for key, norm in norms.items() if norm is not None}
    assert found.keys() == expected.keys()
    largest = max(expected.values())
    for key, norm in expected.items():
        assert abs(found[key] - norm) < 1e-2 * max(norm, 1e-5 * largest), key


@pytest.mark.parametrize("name", [name for name in GOLDENS if name.endswith("_small")])
def test_no_weight_of_the_encoder_may_be_lost(name):
    _, model = make(name)
    weights = read(name)[2]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    report = load_checkpoint(model, weights)
    layout = recognize(weights, get_family(model.name).layouts)
    needed = [key for key in weights if (layout.rename(key) or "").startswith("encoder.")]
    assert len(needed) == len(report.loaded)
    for key in needed[:: len(needed) // 7]:
        model.load_state_dict(before)
        with pytest.raises(
            CheckpointError, match="lacks 1 weights|isn't a weight file of a known model|but the model is"
        ):
            load_checkpoint(model, {other: value for other, value in weights.items() if other != key})
        assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "total", "options"),
    [
        ("pcp_mae", 22_338_959, {}),
        ("maskpoint", 22_389_263, {}),
        ("maskpoint", 22_059_535, {"head_layers": "1x"}),
        ("point_femae", 27_428_623, {}),
        ("point_femae_plain", 22_092_559, {}),
        ("point_pqae", 22_093_327, {}),
        ("point_jepa", 22_105_231, {}),
        ("point2vec", 22_105_231, {}),
    ],
)
def test_published_sizes(name, total, options):
    with torch.device("meta"):
        assert count_parameters(create_model(name, num_classes=15, **options)).total == total
