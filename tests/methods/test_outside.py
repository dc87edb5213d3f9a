"""A tuning method in a file outside the package does all that one inside does, from Python and the command line."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from torch.nn import functional

from clouds import random_clouds
from pointlora import apply_method, create_model, list_methods, load_adapter, method_config, save_adapter
from pointlora.adapters.folder_config import method_from_dict
from pointlora.cli.main import main
from pointlora.errors import AdapterError, ConfigError, PointLoraWarning
from pointlora.inspection import describe
from pointlora.methods import Method, MethodConfig, load_plugins, plugins, register, table
from pointlora.recipes.files import from_mapping, write_yaml
from pointlora.recipes.parts import OptimizerConfig
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.optimizer import make_optimizer, set_learning_rate
from training_runs import differences, run_process, tiny_comparison, tiny_parts, tiny_recipe

FILE = Path(__file__).parents[1] / "gated.py"
VPT = FILE.with_name("vpt.py")
SIZES = {"num_classes": 4, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_groups": 16, "group_size": 8}
TRAINED = {"method": {"name": "gated", "start": 1.5}, "plugins": [str(FILE)]}


@pytest.fixture(autouse=True)
def _nobody_else_knows_it():
    """What a test registers is forgotten after it."""
    known = (table.SPECS, table.PRESETS, plugins._loaded)
    before = [dict(each) for each in known]
    yield
    for each, content in zip(known, before, strict=True):
        each.clear()
        each.update(content)


def tuned(**settings):
    load_plugins([FILE])
    torch.manual_seed(0)
    return apply_method(create_model("point_mae_tiny", **SIZES), method_config("gated", **settings))


def test_its_forward_loss_and_learning_rates_are_what_the_file_says():
    model = tuned(start=1.0).train()
    points = random_clouds(4, 100)
    output = model(points)
    assert output.auxiliary_loss.item() == pytest.approx(torch.tensor(1.0).sigmoid().item())
    assert model.method.loss_weight == 0.01
    optimizer = make_optimizer(model, OptimizerConfig())
    set_learning_rate(optimizer, 0.5)
    gates = {id(gate.gate) for gate in model.method.gates}
    for group in optimizer.param_groups:
        assert group["lr"] == (5.0 if {id(p) for p in group["params"]} == gates else 0.5)
    (functional.cross_entropy(output.logits, torch.arange(4)) + output.auxiliary_loss).backward()
    names = {name for name, p in model.named_parameters() if p.grad is not None}
    assert names == {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in names} == {"head", "cls_token", "cls_position", "blocks"}
    assert {name for name in names if "blocks" in name} == {f"blocks.{i}.attn.proj.branches.gate.gate" for i in (0, 1)}
    # A gate of g behind proj is a projection with g times its weight and bias.
    plain = create_model("point_mae_tiny", **SIZES)
    plain.make_head(more=24)
    state = {key: value.clone() for key, value in model.state_dict().items() if "branches" not in key}
    for index in (0, 1):
        for part in ("weight", "bias"):
            state[f"blocks.{index}.attn.proj.{part}"] *= torch.tensor(1.0).sigmoid()
    plain.load_state_dict(state)
    (sequence,) = plain.eval().encode(points)
    expected = plain.head(torch.cat([plain.pool(sequence), sequence.patches.mean(1)], -1))
    torch.testing.assert_close(model.eval()(points).logits, expected, atol=1e-6, rtol=1e-5)


def test_its_adapter_comes_back_to_the_same_bits(tmp_path):
    model = tuned(start=1.0).eval()
    torch.nn.init.normal_(model.method.gates[0].gate)
    save_adapter(model, tmp_path)
    described = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (described["method"]["name"], described["method"]["kind"]) == ("custom", "gated")
    assert str(FILE) not in (tmp_path / "adapter_config.json").read_text()
    torch.manual_seed(0)
    again = load_adapter(create_model("point_mae_tiny", **SIZES), tmp_path).eval()
    assert torch.equal(again(random_clouds(2, 100)).logits, model(random_clouds(2, 100)).logits)


@pytest.mark.parametrize("make", [tiny_recipe, tiny_parts])
def test_a_killed_run_ends_alike(tmp_path, make):
    whole, killed = (make(tmp_path / name, checkpoint_every_steps=1) | TRAINED for name in ("whole", "killed"))
    assert run_process(whole) == 0
    assert run_process(killed, kill_at=6) == -9
    assert run_process(killed) == 0
    ends = [torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True) for name in ("whole", "killed")]
    assert differences(*ends) == []
    gate = ends[0]["state_dict"]["blocks.0.attn.proj.branches.gate.gate"]
    assert (gate - 1.5).abs().max() > 1e-3


@pytest.fixture
def finished(tmp_path, monkeypatch, capsys):
    """A run of a recipe that names the file from the current folder, from the command line."""
    monkeypatch.chdir(tmp_path)
    Path("my_method.py").write_text(FILE.read_text())
    recipe = tiny_recipe("run", epochs=1) | TRAINED | {"plugins": ["my_method.py"]}
    Path("recipe.yaml").write_text(write_yaml(recipe))
    assert main(["train", "recipe.yaml"]) == 0
    assert "training gated on point_mae" in capsys.readouterr().err
    return json.loads(Path("run/results.json").read_text())


def test_the_command_line_measures_it(finished, capsys):
    assert finished["recipe"]["plugins"] == ["my_method.py"]
    assert main(["evaluate", "--adapter", "run", "--plugins", "my_method.py", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == finished["accuracy"]


def pointlora(*words):
    return subprocess.run([sys.executable, "-m", "pointlora.cli.main", *words], capture_output=True, text=True)


@pytest.mark.slow
def test_a_new_process_measures_it(finished):
    found = pointlora("evaluate", "--adapter", "run", "--plugins", "my_method.py", "--json")
    assert json.loads(found.stdout)["accuracy"] == finished["accuracy"], found.stderr


def test_info_shows_the_adapter_and_lists_the_method(finished, capsys):
    assert main(["info", "run/adapter", "--json", "--plugins", "my_method.py"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["method"], shown["settings"]["start"]) == ("gated, settings differ", 1.5)
    assert shown["trained_parameters"] == finished["trained_parameters"]
    assert main(["info"]) == 0
    assert " ".join(capsys.readouterr().out.split()).count("gated gates behind proj") == 1


def test_without_the_file_one_line_says_what_to_do(finished, capsys):
    for known in (table.SPECS, table.PRESETS):
        del known["gated"]
    for words in (["evaluate", "--adapter", "run"], ["info", "run/adapter"], ["predict", "x.ply", "--adapter", "run"]):
        capsys.readouterr()
        assert main(words) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert error.startswith("pointlora: error: run/adapter needs the tuning method 'gated', which isn't known here")
        assert "--plugins" in error


def test_info_shows_a_run_and_a_recipe_without_running_the_file(finished, monkeypatch):
    plugins._loaded.clear()
    for known in (table.SPECS, table.PRESETS):
        del known["gated"]
    monkeypatch.setattr("pointlora.methods.plugins._run", lambda path, name: pytest.fail("it was run"))
    for name in ("run", "recipe.yaml"):
        shown = describe(name)
        assert shown["method"] == "gated"
    assert shown["plugins"] == ["my_method.py"]


@pytest.mark.slow
def test_a_comparison_in_processes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my_method.py").write_text(FILE.read_text())
    methods = {"gated": {"start": 1.0}, "slow gates": {"name": "gated", "lr_factor": 1.0}, "head_only": {}}
    recipe = tiny_comparison("out", methods=methods, seeds=[0], search_seeds=[0], reference="head_only")
    Path("compare.yaml").write_text(write_yaml(recipe | {"plugins": ["my_method.py"]}))
    for _ in range(2):  # the second time everything is there
        found = pointlora("compare", "compare.yaml", "--jobs", "2")
        assert found.returncode == 0, found.stderr
        assert "slow gates" in found.stdout
    rows = json.loads(Path("out/comparison.json").read_text())["methods"]
    assert [row["method"] for row in rows] == ["gated", "gated", "head_only"]
    assert rows[0]["trained_parameters"] == rows[1]["trained_parameters"] > rows[2]["trained_parameters"]


def test_a_run_goes_on_when_its_file_has_moved(tmp_path):
    moved = tmp_path / "moved.py"
    moved.write_text(FILE.read_text())
    recipe = tiny_recipe(tmp_path / "run", epochs=1, checkpoint_every_steps=1) | TRAINED
    assert run_process(recipe, kill_at=2) == -9
    written = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert written["plugins"] == [str(FILE)]
    (tmp_path / "run/config.yaml").write_text(write_yaml(written | {"plugins": ["gone.py"]}))
    assert run_process(recipe | {"plugins": [str(moved)]}) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import nothing_here\n",
            r"plugin .*bad\.py, line 1, fails: ModuleNotFoundError: No module named 'nothing_here'",
        ),
        ("\n\nx = (\n", r"bad\.py, line 3, fails: SyntaxError"),
        (
            "from pointlora.methods import register\nregister('lora', str, str)\n",
            "line 2, fails: method name 'lora' is",
        ),
        ("import sys\nsys.exit(3)\n", r"plugin .*bad\.py, line 2, fails: SystemExit: 3$"),
        ("raise SystemExit", r"plugin .*bad\.py, line 1, fails: SystemExit$"),
    ],
)
def test_a_file_that_fails_is_named_with_the_line(tmp_path, text, message):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_plugins([tmp_path / "bad.py"])


def test_a_file_that_registers_nothing_is_named(tmp_path):
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.warns(PointLoraWarning, match=r"plugin .*empty\.py registers no method: call pointlora.methods.regis"):
        load_plugins([tmp_path / "empty.py"])


@pytest.mark.parametrize("given", [["gone.py"], [str(Path(__file__).parent)], "gone.py", [3]])
def test_a_list_without_files_is_refused(given):
    with pytest.raises(ConfigError, match="plugins"):
        from_mapping(TrainRecipe, tiny_recipe("x") | {"plugins": given})


def test_what_cannot_be_registered_is_named():
    with pytest.raises(
        ConfigError, match="settings of method mine is <class 'dict'>, but it must be a dataclass below"
    ):
        register("mine", Method, dict)
    with pytest.raises(ConfigError, match="settings MethodConfig belong to no method: call pointlora.methods.register"):
        apply_method(create_model("point_mae_tiny", **SIZES), MethodConfig())
    with pytest.raises(AdapterError, match="x needs the tuning method 'other', which isn't known here"):
        method_from_dict({"name": "other", "kind": "other"}, "x")


def test_an_installed_package_brings_its_method_by_an_entry_point(tmp_path, monkeypatch):
    (tmp_path / "gated_package.py").write_text(FILE.read_text().replace('"gated"', '"packaged"'))
    (tmp_path / "gated_package-1.dist-info").mkdir()
    (tmp_path / "gated_package-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: gated\nVersion: 1\n")
    entry = "[pointlora.methods]\npackaged = gated_package\n"
    (tmp_path / "gated_package-1.dist-info/entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(tmp_path)
    assert method_config("packaged", start=0.5).start == 0.5
    assert "packaged" in list_methods()
    (tmp_path / "gated_package-1.dist-info/entry_points.txt").write_text(entry + "broken = nowhere\n")
    (tmp_path / "nowhere.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(ConfigError, match="method broken of an installed package fails: SystemExit: 3"):
        method_config("broken")
    (tmp_path / "nowhere.py").unlink()
    with pytest.raises(ConfigError, match="method broken of an installed package fails: ModuleNotFoundError"):
        method_config("broken")
    assert main(["info"]) == 2


PAGE = (FILE.parents[1] / "docs/adding-a-method.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("options", [{"num_classes": 4}, {"num_parts": 4, "num_categories": 2}])
def test_the_second_example_puts_its_own_prompts_before_every_block(tmp_path, options):
    load_plugins([VPT])
    torch.manual_seed(0)
    task = "classification" if "num_classes" in options else "part_segmentation"
    sizes = {key: value for key, value in SIZES.items() if key != "num_classes"} | {"depth": 3}
    model = apply_method(create_model("point_mae_tiny", task, **sizes, **options), "vpt").eval()
    points, given, left = random_clouds(2, 100), [], []
    category = () if task == "classification" else (torch.tensor([0, 1]),)
    for block in model.blocks:
        block.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
        block.register_forward_hook(lambda module, inputs, output: left.append(output))
    output = model(points, *category)
    start = model.assemble(model.embed(model.group(points))[0])
    first, before = start.num_prefix, start.tokens
    assert len(given) == 3
    for index, tokens in enumerate(given):
        prompts = model.method.prompts[index]
        assert torch.equal(tokens[:, first : first + 5], prompts.expand(2, -1, -1))
        assert torch.equal(torch.cat([tokens[:, :first], tokens[:, first + 5 :]], 1), before + start.positions)
        before = torch.cat([left[index][:, :first], left[index][:, first + 5 :]], 1)
    last = model.encode(points)[0]
    features = torch.zeros(2, 7)
    assert torch.equal(model.method.pool([features], last)[1], model.norm(left[-1])[:, first : first + 5].mean(1))
    expected = torch.cat(list(model.method.prompts)).square().mean()
    torch.testing.assert_close(output.auxiliary_loss, expected)
    assert model.method.loss_weight == 0.01
    own = {id(prompt) for prompt in model.method.prompts}
    for group in make_optimizer(model, OptimizerConfig()).param_groups:
        assert group["lr_factor"] == (0.5 if {id(p) for p in group["params"]} <= own else 1.0)
    save_adapter(model, tmp_path)
    torch.manual_seed(0)
    again = load_adapter(create_model("point_mae_tiny", task, **sizes, **options), tmp_path).eval()
    assert torch.equal(again(points, *category).logits, output.logits)
    with pytest.raises(ConfigError, match="prompts is 0, but it must be 1 or more"):
        method_config("vpt", prompts=0)


def test_the_page_shows_this_file_and_names_what_can_be_overridden():
    assert blocks("python")[0] == FILE.read_text(encoding="utf-8")
    assert blocks("python")[2] == VPT.read_text(encoding="utf-8")
    own = {name for name in vars(Method) if not name.startswith("_")} | {"__init__"}
    rows = re.findall(r"^\| `(\w+)", PAGE.split("## 3")[1].split("### ")[0], re.MULTILINE)
    assert own | {"freezes_statistics"} == set(rows)


@pytest.mark.slow
def test_the_page_followed_literally(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("my_method.py").write_text(blocks("python")[0])
    Path("compare.yaml").write_text(blocks("yaml")[0])
    lines = [line for block in blocks("bash")[:2] for line in block.replace("\\\n", " ").splitlines()]
    for line in lines:
        assert main(shlex.split(line, comments=True)[1:]) == 0, capsys.readouterr().err
    assert "slow gates" in capsys.readouterr().out
    exec(compile(blocks("python")[1], "adding-a-method.md", "exec"), {})
    assert json.loads(Path("gated_adapter/adapter_config.json").read_text())["method"]["start"] == 1.0
