"""Every method with a file of its own, on every model that it fits, through all that a user does with one."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.nn import functional

from clouds import random_clouds
from model_names import COVERED
from pointlora import apply_method, create_model, list_models, load_adapter, method_config, save_adapter
from pointlora.cli.main import main
from pointlora.errors import ConfigError
from pointlora.inspection import describe
from pointlora.methods.table import PRESETS, SPECS, spec_of
from pointlora.recipes.files import write_yaml
from pointlora.training.checkpointing import checkpointed
from pointlora.training.optimizer import learning_rate_factors
from training_runs import differences, run_process, tiny_comparison, tiny_recipe

SIZES = {
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 8,
    "group_size": 8,
    "tokenizer_dims": (16, 24, 32),
}
OPTIONS = {"classification": {"num_classes": 5}, "part_segmentation": {"num_parts": 6, "num_categories": 3}}
# Settings that fit these sizes, where a method's own don't.
SMALL = {
    "idpt": {"neighbors": 4},
    "dapt": {"rank": 6},
    "ppt": {"hidden": 12},
    "vpt_deep": {"prompts": 3},
    "stag": {"width": 12, "neighbors": 3},
    "pointgst": {"rank": 6, "local": 4},
}
# PointLoRA and the methods that only choose what is trained have tests of their own.
NAMES = sorted(set(SPECS) - {"pointlora", "tuned_parts"})
# LoRA's other kinds are settings of PointLoRA.
KINDS_OF_LORA = ["dora", "pissa"]
# These are driven through everything for every change, the others through what is costly in the slow suite alone.
OLDEST = ("dapt", "idpt", "ppt")
FEW = ("point_mae", "recon", "uni3d_base")
# A patch of PointGPT sees only those before it.
NOT_CAUSAL = ("idpt", "dapt", "stag", "pointgst")
PAIRS = [
    pytest.param(
        name, model, marks=pytest.mark.slow if model in COVERED or not (name in OLDEST or model in FEW) else ()
    )
    for name in [*NAMES, *KINDS_OF_LORA]
    for model in list_models()
    if name not in NOT_CAUSAL or "gpt" not in model
]
every_pair = pytest.mark.parametrize(("name", "model"), PAIRS)
every_method = pytest.mark.parametrize("name", [*NAMES, *KINDS_OF_LORA])
every_kind = pytest.mark.parametrize("name", NAMES)
every_method_at_length = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in OLDEST else pytest.mark.slow) for name in [*NAMES, *KINDS_OF_LORA]],
)
every_task = pytest.mark.parametrize("task", list(OPTIONS))


def config(name):
    return method_config(name, **SMALL.get(name, {}))


def make(model, name=None, task="classification", seed=0, **sizes):
    torch.manual_seed(seed)
    made = create_model(model, task, **SIZES | sizes, **OPTIONS[task])
    return apply_method(made, config(name)) if name else made


def forward(model, points):
    if model.task == "classification":
        return model(points)
    return model(points, points[:, 0, 0].gt(0).long() + points[:, 0, 1].gt(0))


def training_loss(model, points):
    output = forward(model, points)
    own = model.method.loss_weight * output.auxiliary_loss
    if model.task == "part_segmentation":
        labels = points[..., 0].gt(0).long() + 2 * points[..., 1].gt(0)
        return functional.cross_entropy(output.logits.flatten(0, 1), labels.flatten()) + own
    loss = functional.cross_entropy(output.logits, torch.arange(len(points))) + own
    return loss + model.generation_weight * output.generation_loss


def randomized(model, seed=1):
    """Weights that differ from their start, so that nothing is zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


@every_pair
@every_task
def test_a_step_reaches_exactly_what_is_trained_and_the_adapter_brings_it_back(tmp_path, name, model, task):
    tuned = randomized(make(model, name, task)).train()
    before = {key: parameter.detach().clone() for key, parameter in tuned.named_parameters()}
    training_loss(tuned, random_clouds(4, 64)).backward()
    torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], 1e-2, weight_decay=0).step()
    for key, parameter in tuned.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key
        assert torch.equal(before[key], parameter) == (not parameter.requires_grad or not parameter.grad.any()), key
    assert len(learning_rate_factors(tuned)) == sum(p.requires_grad for p in tuned.parameters())
    save_adapter(tuned, tmp_path)
    loaded = load_adapter(make(model, task=task), tmp_path).eval()
    points = random_clouds(3, 64, seed=5)
    with torch.no_grad():
        logits = forward(tuned.eval(), points).logits
        assert torch.equal(forward(loaded, points).logits, logits)
        torch.testing.assert_close(forward(tuned, points[1:]).logits, logits[1:], atol=1e-5, rtol=0)
    assert all(torch.equal(loaded.state_dict()[key], value) for key, value in tuned.state_dict().items())


SCRIPT = """
import sys, torch
sys.path.insert(0, sys.argv[1])
from pointlora import create_model, load_adapter
from clouds import random_clouds
from model_names import COVERED
import importlib.util as u
spec = u.spec_from_file_location("every", sys.argv[1] + "/methods/test_every_method.py")
module = u.module_from_spec(spec)
spec.loader.exec_module(module)
make = module.make
model = load_adapter(make("point_mae"), sys.argv[2]).eval()
torch.save(model(random_clouds(3, 64, seed=9)).logits, sys.argv[3])
"""


@every_method_at_length
def test_a_new_process_gives_the_same_bits(tmp_path, request, name):
    model = randomized(make("point_mae", name)).eval()
    save_adapter(model, tmp_path / "adapter")
    tests = str(request.config.rootpath / "tests")
    arguments = [sys.executable, "-c", SCRIPT, tests, str(tmp_path / "adapter"), str(tmp_path / "logits.pt")]
    subprocess.run(arguments, check=True)
    assert torch.equal(torch.load(tmp_path / "logits.pt"), model(random_clouds(3, 64, seed=9)).logits)


@every_method_at_length
@pytest.mark.parametrize("task", ["classification", pytest.param("part_segmentation", marks=pytest.mark.slow)])
def test_export_and_compile(name, task):
    model, points = randomized(make("point_mae", name, task)).eval(), random_clouds(2, 64)
    with torch.no_grad():
        given = (points,) if task == "classification" else (points, torch.tensor([0, 2]))
        expected = model(*given).logits
        exported = torch.export.export(model, given).module()
        torch.testing.assert_close(exported(*given).logits, expected, atol=1e-5, rtol=0)
        torch._dynamo.reset()
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(*given).logits, expected, atol=1e-5, rtol=0)


@every_method_at_length
def test_a_compiled_step_is_that_of_the_plain_model(name):
    steps = []
    for compiled in (False, True):
        model = randomized(make("point_mae", name)).train()
        torch._dynamo.reset()
        torch.manual_seed(5)
        forwards = torch.compile(model, backend="eager", fullgraph=True) if compiled else model
        logits = forwards(random_clouds(4, 64)).logits
        logits.square().mean().backward()
        steps.append((logits, {key: p.grad for key, p in model.named_parameters() if p.grad is not None}))
    torch.testing.assert_close(steps[1], steps[0], atol=1e-3, rtol=1e-3)


@every_method
@pytest.mark.parametrize("wanted", [True, "frozen"])
def test_gradient_checkpointing_changes_nothing(name, wanted):
    gradients = []
    for each in (False, wanted):
        model = randomized(make("point_mae", name)).train()
        torch.manual_seed(3)
        with checkpointed(model, each):
            training_loss(model, random_clouds(4, 64)).backward()
        gradients.append({key: p.grad for key, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for key, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][key], gradient, atol=1e-5, rtol=1e-3)


@every_method
@pytest.mark.parametrize("model", ["point_mae", "recon"])
def test_bfloat16_autocast(name, model):
    tuned, points = randomized(make(model, name)), random_clouds(4, 64)
    with torch.autocast("cpu", torch.bfloat16):
        loss = training_loss(tuned.train(), points)
        loss.backward()
        with torch.no_grad():
            rounded = forward(tuned.eval(), points).logits
    assert all(torch.isfinite(p.grad).all() for p in tuned.parameters() if p.grad is not None)
    with torch.no_grad():
        exact = forward(tuned, points).logits
    assert (rounded - exact).abs().max() < 0.1 * exact.abs().max() + 0.02


@pytest.mark.parametrize("name", NOT_CAUSAL)
def test_models_that_a_method_does_not_fit_are_refused(name):
    with pytest.raises(ConfigError, match=f"method {name} makes .*point_gpt_s must see only those before it"):
        make("point_gpt_s", name)


@every_method
def test_threads_do_not_disturb_each_other(name):
    model, points = randomized(make("point_mae", name)).eval(), random_clouds(16, 64)
    with torch.no_grad():
        expected = [model(cloud[None]).logits for cloud in points]

    def classify(cloud):
        with torch.no_grad():
            return model(cloud[None]).logits

    with ThreadPoolExecutor(4) as threads:
        assert all(torch.equal(*pair) for pair in zip(expected, threads.map(classify, points), strict=True))


@every_method_at_length
def test_a_killed_run_ends_alike_and_is_shown(tmp_path, name):
    method = {"method": {"name": name, **SMALL.get(name, {})}}
    whole, killed = (tiny_recipe(tmp_path / each, checkpoint_every_steps=1) | method for each in ("whole", "killed"))
    assert run_process(whole) == 0
    assert run_process(killed, kill_at=6) == -9
    assert run_process(killed) == 0
    ends = [torch.load(tmp_path / each / "checkpoints/last.ckpt", weights_only=True) for each in ("whole", "killed")]
    assert differences(*ends) == []
    results = json.loads((tmp_path / "whole/results.json").read_text())
    shown = describe(tmp_path / "whole/adapter")
    assert (shown["method"], shown["intact"]) == (f"{name}, settings differ" if name in SMALL else name, True)
    assert shown["trained_parameters"] == results["trained_parameters"]
    assert describe(tmp_path / "whole")["method"] == name


@pytest.mark.slow
def test_all_of_them_in_a_comparison(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    methods = {name: SMALL.get(name, {}) for name in [*NAMES, *KINDS_OF_LORA]} | {"full": {}}
    with open("compare.yaml", "w") as file:
        file.write(write_yaml(tiny_comparison("out", methods=methods, seeds=[0], search_seeds=[0])))
    assert main(["compare", "compare.yaml"]) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in NAMES)


@every_method
def test_a_net_of_one_block(name):
    model = randomized(make("point_mae", name, depth=1)).train()
    training_loss(model, random_clouds(4, 64)).backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@every_kind
def test_settings_survive_plain_values(name):
    preset = PRESETS[name].config
    assert type(preset)(**preset.as_dict()) == preset
    assert spec_of(preset).kind == name
    with pytest.raises(ConfigError, match="tokenizer_batchnorm is 'off', but it must be one of batch, frozen"):
        method_config(name, tokenizer_batchnorm="off")


@every_method
@pytest.mark.parametrize("mode", ["batch", "frozen"])
def test_the_tokenizers_statistics_move_or_stay(name, mode):
    torch.manual_seed(0)
    model = create_model("point_mae", **SIZES, num_classes=5)
    apply_method(model, method_config(name, **SMALL.get(name, {}), tokenizer_batchnorm=mode)).train()
    before = model.tokenizer.first_conv[1].running_mean.clone()
    model(random_clouds(4, 64))
    assert torch.equal(before, model.tokenizer.first_conv[1].running_mean) == (mode == "frozen")
