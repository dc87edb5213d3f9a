"""LZF decompression, the codec of `DATA binary_compressed` PCD files.

The stream is a sequence of a control byte c and its operands. c < 32: c + 1 literal bytes follow. Otherwise a copy from
the output itself: length (c >> 5) + 2, where 7 in the top bits adds one more length byte; distance ((c & 31) << 8) +
next byte + 1. Format: Marc Lehmann's LibLZF.
"""

from __future__ import annotations

# The best a back reference does: three bytes give 7 + 255 + 2 bytes.
MAX_LZF_RATIO = 88


def lzf_decompress(data: bytes, size: int) -> bytes:
    """Return the `size` bytes that `data` packs.

    Raises:
        ValueError: the stream ends early, refers to before its start, or gives another number of bytes.
    """
    output = bytearray()
    position, end = 0, len(data)
    while position < end and len(output) <= size:
        control = data[position]
        position += 1
        if control < 32:
            literal = data[position : position + control + 1]
            if len(literal) != control + 1:
                raise ValueError("the compressed data end inside a literal run")
            output += literal
            position += control + 1
            continue
        length = control >> 5
        operands = 2 if length == 7 else 1
        if position + operands > end:
            raise ValueError("the compressed data end inside a back reference")
        if length == 7:
            length += data[position]
        distance = ((control & 31) << 8) + data[position + operands - 1] + 1
        position += operands
        length += 2
        start = len(output) - distance
        if start < 0:
            raise ValueError("a back reference points before the start of the data")
        chunk = output[start : start + length]
        # An overlapping copy repeats what it has just written.
        output += chunk if distance >= length else (chunk * (length // distance + 1))[:length]
    if len(output) != size or position < end:
        raise ValueError(f"the compressed data do not give the declared {size} bytes")
    return bytes(output)
