import pytest

from pointlora.cli.parsing import parse_recipe, short_message
from pointlora.errors import ConfigError
from pointlora.recipes.runs import TrainRecipe


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("training: {epochs: 5}\nmethod: {name: pointlora, rank: 4}\ndata: {options: {train_size: 12}}\n")
    return str(path)


def parse(*words):
    return parse_recipe(TrainRecipe, words, "train", {"resume": ""}, "recipe")


def test_options_override_the_recipe_wherever_they_stand(recipe):
    for words in (
        [recipe, "--training.epochs", "7", "--resume", "--method.prompt_dim", "16"],
        ["--training.epochs=7", "--resume", "--method.prompt_dim=16", recipe],
    ):
        parsed, flags = parse(*words)
        assert (parsed.training.epochs, parsed.training.batch_size) == (7, 32)
        assert (parsed.method["rank"], parsed.method["prompt_dim"]) == (4, 16)
        assert flags == {"resume": True}


def test_values_of_every_kind(recipe):
    parsed, flags = parse(
        recipe,
        *("--data.options.variant", "scan", "--data.augmentations", "[rotate, jitter]", "--optimizer.lr", "1e-4"),
        *("--optimizer.clip_norm", "null", "--training.precision", "bf16", "--model.tokenizer_dims", "[8, 8, 16]"),
        *("--data.ranges", "{shift: 0.1}", "--output", "12"),
    )
    assert parsed.data.options == {"train_size": 12, "variant": "scan"}
    assert parsed.data.augmentations == ["rotate", "jitter"]
    assert parsed.data.ranges == {"shift": 0.1}
    assert (parsed.optimizer.lr, parsed.optimizer.clip_norm) == (1e-4, None)
    assert parsed.training.precision == "bf16"
    assert parsed.model.tokenizer_dims == [8, 8, 16]
    assert parsed.output == "12"
    assert flags == {"resume": False}


@pytest.mark.parametrize(("word", "value"), [("true", True), ("false", False), ("frozen", "frozen")])
def test_gradient_checkpointing_is_a_switch_with_a_middle(tmp_path, word, value):
    path = tmp_path / "own.yaml"
    path.write_text(f"training: {{gradient_checkpointing: {word}}}\n")
    for words in (
        [str(path)],
        ["--training.gradient_checkpointing", word],
        [f"--training.gradient_checkpointing={word}"],
    ):
        found = parse(*words)[0].training.gradient_checkpointing
        assert (type(found), found) == (type(value), value)
    assert parse(str(path), "--training.gradient_checkpointing", "false")[0].training.gradient_checkpointing is False


def test_another_method_on_top_of_a_recipe(recipe):
    parsed, _ = parse(recipe, "--method.name", "lora")
    assert (parsed.method["name"], parsed.method["rank"], parsed.method["prompts"]) == ("lora", 4, "none")


def test_no_recipe_is_the_defaults():
    assert parse()[0] == TrainRecipe()


def test_a_bare_name_is_a_bundled_recipe():
    assert parse("scanobjectnn_pb")[0].data.options == {"variant": "pb_t50_rs"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--training.epohs", "7"], "did you mean '--training.epochs'?"),
        (["--epochs", "7"], "did you mean '--training.epochs'?"),
        (["--training.epochs", "x"], "training.epochs is 'x', but it must be of type int"),
        (["--training.epochs", "2.5"], "training.epochs is '2.5', but it must be of type int"),
        (["--training.gradient_checkpointing", "frosen"], "did you mean 'frozen'? Known: false, true, frozen"),
        (["--model.tokenizer_dims", "q"], "model.tokenizer_dims is 'q', but it must be of type list[int] or null"),
        (["--model.checkpoint"], "--model.checkpoint: expected one argument"),
        (["--method", "3"], "method is '3'"),
        (["--method.rnk", "3"], "did you mean 'rank'?"),
        (["another.yaml"], "another.yaml"),
        (["--resum"], "did you mean '--resume'?"),
        (["-x"], "-x"),
    ],
)
def test_mistakes_are_named(recipe, words, expected):
    with pytest.raises(ConfigError) as caught:
        parse(recipe, *words)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_key_in_the_file_names_the_file(tmp_path):
    (tmp_path / "bad.yaml").write_text("training: {epoch: 5}\n")
    with pytest.raises(
        ConfigError, match=r"bad\.yaml: unknown key 'training\.epoch': did you mean 'training\.epochs'\?"
    ):
        parse(str(tmp_path / "bad.yaml"))


def test_an_unforeseen_message_is_kept_on_one_line():
    assert short_message("what\n  ever") == "what ever"
