"""The wire format of protocol buffers."""

import pytest
from onnx import StringStringEntryProto, TensorProto

from pointlora.export.wire import BYTES, FIXED32, FIXED64, VARINT, Damaged, read_fields, read_varint, read_varints


def test_fields_are_those_that_protobuf_wrote() -> None:
    tensor = TensorProto(dims=[3, 2**40, 0], data_type=1, name="weights", raw_data=b"\x01" * 300)
    content = b"head" + tensor.SerializeToString() + b"tail"
    fields = list(read_fields(content, 4, len(content) - 4))
    found = {one.number: one for one in fields}
    assert list(found) == [1, 2, 8, 9]
    assert [one.value for one in fields if one.number == 1] == [3, 2**40, 0]
    assert (found[2].wire, found[2].value) == (VARINT, 1)
    assert content[found[8].start : found[8].stop] == b"weights"
    assert (found[9].wire, found[9].stop - found[9].start) == (BYTES, 300)


def test_numbers_of_fixed_width_are_passed_over() -> None:
    found = list(read_fields(b"\x0d\x00\x00\x80\x3f\x11\x00\x00\x00\x00\x00\x00\xf0\x3f\x18\x05", 0, 16))
    assert [(one.number, one.wire, one.value) for one in found] == [(1, FIXED32, 0), (2, FIXED64, 0), (3, VARINT, 5)]


def test_a_negative_number_has_64_bits() -> None:
    content = TensorProto(dims=[-1]).SerializeToString()
    assert [one.value for one in read_fields(content, 0, len(content))] == [2**64 - 1]


def test_packed_numbers() -> None:
    assert list(read_varints(b"--\x03\x80\x80\x01\x00--", 2, 7)) == [3, 2**14, 0]
    with pytest.raises(Damaged):
        list(read_varints(b"\x03\x80\x01", 0, 2))


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a",  # a length is missing
        b"\x0a\x05abcd",  # one byte is missing
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # 2^64 - 1 bytes
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",  # 65 bits
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # eleven bytes
        b"\x08\x80",
        b"\x0d\x00\x00",
        b"\x00\x00",  # field 0
        b"\x0b\x0c",  # a group
        b"\x0f",
        b"\xf8\xff\xff\xff\xff\x01\x00",  # a field beyond 2^29
    ],
)
def test_damage_is_found(content: bytes) -> None:
    with pytest.raises(Damaged):
        list(read_fields(content, 0, len(content)))


def test_nothing_is_read_beyond_the_message() -> None:
    entry = StringStringEntryProto(key="abc").SerializeToString()
    with pytest.raises(Damaged, match="3 bytes are announced at byte 2, there are 2"):
        list(read_fields(entry, 0, len(entry) - 1))
    with pytest.raises(Damaged, match="no number at byte 0"):
        read_varint(b"\x80\x01", 0, 1)
