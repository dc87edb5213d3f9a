"""Checks of single settings: what passes, and the one dialect of their messages."""

import numpy as np
import pytest

from pointlora.checks import check_choice, check_integer, check_number, check_switch
from pointlora.errors import ConfigError

INFINITY = float("inf")


@pytest.mark.parametrize("value", [1, 3, np.int64(2), np.uint8(1)])
def test_integers_pass(value):
    check_integer("n", value, 1, 3)


@pytest.mark.parametrize("value", [0, 4, 2.0, np.float64(2), True, "2", None, np.int64(4)])
def test_other_values_are_no_integers_between(value):
    with pytest.raises(ConfigError, match="^n is .*, but it must be an integer between 1 and 3$"):
        check_integer("n", value, 1, 3)


@pytest.mark.parametrize("value", [0.25, 1, np.float32(0.5)])
def test_numbers_pass(value):
    check_number("x", value, 0.25, 1)


@pytest.mark.parametrize("value", [0.2, 1.1, float("nan"), INFINITY, -INFINITY, False, "0.5", None])
def test_other_values_are_no_numbers_between(value):
    with pytest.raises(ConfigError, match="^x is .*, but it must be a number of at least 0.25 and at most 1$"):
        check_number("x", value, 0.25, 1)


def test_open_ends_are_out():
    with pytest.raises(ConfigError, match="^x is 0, but it must be a number above 0$"):
        check_number("x", 0, 0, open_low=True)
    with pytest.raises(ConfigError, match="^x is 1.0, but it must be a number of at least 0 and below 1$"):
        check_number("x", 1.0, 0, 1, open_high=True)
    with pytest.raises(ConfigError, match="^x is inf, but it must be a number of at least 0$"):
        check_number("x", INFINITY, 0)


def test_the_value_is_shown_as_it_was_written():
    with pytest.raises(ConfigError, match="^n is -3, but it must be an integer of at least 65,536$"):
        check_integer("n", np.int64(-3), 65536)
    with pytest.raises(ConfigError, match="^n is '3', but it must be an integer of at least 1$"):
        check_integer("n", "3", 1)


def test_names_and_switches():
    check_choice("axis", "x", "xyz")
    check_switch("compile", True)
    check_switch("compile", "auto", "auto")
    with pytest.raises(ConfigError, match="^unknown axis 'X': did you mean 'x'. Known: x, y, z$"):
        check_choice("axis", "X", "xyz")
    with pytest.raises(ConfigError, match="^unknown compile 1. Known: false, true, auto$"):
        check_switch("compile", 1, "auto")
