import json

import pytest

from pointlora.atomic import write_atomically, write_text_atomically


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "a.txt"
    write_text_atomically(path, "one")
    write_text_atomically(path, "two")
    assert path.read_text() == "two"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_names_that_are_no_utf_8_come_back_from_json(tmp_path):
    name = b"lat\xe4.xyz".decode("utf-8", "surrogateescape")
    path = write_text_atomically(tmp_path / "a.json", json.dumps({"file": name, "é": 1}, ensure_ascii=False))
    assert path.read_bytes() == b'{"file": "lat\\udce4.xyz", "\xc3\xa9": 1}'
    assert json.loads(path.read_text(encoding="utf-8"))["file"] == name


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(file):
        file.write(b"half")
        raise OSError(28, "No space left on device", "somewhere")

    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(path, fail)
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone"):
        write_text_atomically(tmp_path / "gone" / "a.txt", "x")
