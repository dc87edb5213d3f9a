"""Messages about misspelt names."""

from __future__ import annotations

from pointlora.names import nearest_name, unknown_name


def test_nearest_name() -> None:
    known = ["ScanObjectNN", "modelnet40", "npz"]
    assert nearest_name("scanobjectnn", known) == "ScanObjectNN"
    assert nearest_name("modelnet", known) == "modelnet40"
    assert nearest_name("wxy", known) is None
    assert nearest_name("npz", []) is None


def test_unknown_name() -> None:
    assert unknown_name("axis", "zz", ["x", "z"]) == "unknown axis 'zz': did you mean 'z'? Known: x, z"
    assert unknown_name("axis", "up", ["x", "z"]) == "unknown axis 'up'. Known: x, z"
    assert unknown_name("axis", 3, []) == "unknown axis 3. Known: none"
