"""What may be registered as a method; each mistake is one line that names it."""

from dataclasses import dataclass

import pytest

from pointlora import apply_method, create_model, method_config
from pointlora.errors import ConfigError
from pointlora.methods import Method, MethodConfig, register, table
from pointlora.methods.settings import PointLoraConfig

SIZES = {"num_classes": 3, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_groups": 8, "group_size": 8}


@pytest.fixture(autouse=True)
def _nobody_else_knows_it(monkeypatch):
    monkeypatch.setattr(table, "SPECS", dict(table.SPECS))
    monkeypatch.setattr(table, "PRESETS", dict(table.PRESETS))


@dataclass(frozen=True)
class OwnConfig(MethodConfig):
    width: int = 2


@dataclass(frozen=True)
class NamedConfig(MethodConfig):
    kind: str = "x"


class Undecorated(OwnConfig):
    depth: int = 3


class One(Method):
    pass


class Two(Method):
    pass


def test_each_method_has_settings_of_its_own():
    register("one", One, OwnConfig)
    with pytest.raises(
        ConfigError, match=r"settings of method two: OwnConfig belongs to one, but each method needs .* class Own\("
    ):
        register("two", Two, OwnConfig)
    with pytest.raises(ConfigError, match="PointLoraConfig belongs to pointlora, but"):
        register("two", Two, PointLoraConfig)
    with pytest.raises(ConfigError, match="MethodConfig belongs to no method, but"):
        register("two", Two, MethodConfig)
    assert "two" not in table.SPECS
    register("one", Two, OwnConfig)  # the same name again: it is replaced
    assert type(apply_method(create_model("point_mae_tiny", **SIZES), OwnConfig()).method) is Two


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "method name is '', but it must be a text that isn't empty"),
        (3, "method name is 3, but"),
        (" one", "method name is ' one', but it must be one line"),
        ("o\nne", r"method name is 'o\\nne', but"),
        ("custom", "method name 'custom' is taken by this library"),
        ("lora", "method name 'lora' is taken by this library"),
        ("tuned_parts", "method name 'tuned_parts' is taken by this library"),
    ],
)
def test_names_that_adapters_cannot_hold_are_refused(name, message):
    with pytest.raises(ConfigError, match=message):
        register(name, One, OwnConfig)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (dict, "class of method one is <class 'dict'>, but it must be a class below pointlora.methods.Method"),
        (One(), r"class of method one is One\(\), but"),
        (None, "class of method one is None, but"),
        ("nowhere", "class of method one is 'nowhere', but it must be a class or 'module:name'"),
    ],
)
def test_a_class_that_is_no_method_is_refused(method, message):
    with pytest.raises(ConfigError, match=message):
        register("one", method, OwnConfig)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere:Cls", "method one: nowhere:Cls can't be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("json:Cls", "method one: json:Cls can't be imported: AttributeError"),
        ("json:JSONDecoder", "class of method one is <class 'json.decoder.JSONDecoder'>, but"),
    ],
)
def test_a_class_that_cannot_be_imported_is_named_when_a_model_gets_it(place, message):
    register("one", place, OwnConfig)
    with pytest.raises(ConfigError, match=message):
        apply_method(create_model("point_mae_tiny", **SIZES), "one")


def test_settings_that_adapters_cannot_hold_are_refused():
    with pytest.raises(ConfigError, match="settings of method one: kind is a key of adapters"):
        register("one", One, NamedConfig)
    with pytest.raises(ConfigError, match=r"Undecorated needs @dataclass\(frozen=True\) above it"):
        register("one", One, Undecorated)


def test_settings_of_wrong_types_are_named_however_they_are_given():
    register("one", One, OwnConfig)
    for make in (lambda: OwnConfig(width="x"), lambda: method_config("one", width="x")):
        with pytest.raises(ConfigError, match="^width is 'x', but it must be an integer$"):
            make()
