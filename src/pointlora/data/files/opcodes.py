"""A look through a pickle before anything of it is built."""

from __future__ import annotations

import pickletools
import re
from typing import IO

from pointlora.data.files.pickled_arrays import Refused

MAX_OPCODES = 2_000_000

# Those that build plain values, and call what `find_class` gives.
PLAIN = frozenset(
    re.findall(
        r"\w+",
        """
        PROTO FRAME STOP MARK POP POP_MARK MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET
        NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 FLOAT BINFLOAT
        STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8
        BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8
        EMPTY_DICT EMPTY_LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 LIST DICT APPEND APPENDS SETITEM SETITEMS
        GLOBAL STACK_GLOBAL REDUCE BUILD
        """,
    )
)
_MEMO = ("PUT", "BINPUT", "LONG_BINPUT")


def check_opcodes(stream: IO[bytes], allowed: frozenset[str] = PLAIN) -> None:
    """Look through one pickle of a stream, without building anything of it but single values.

    The stream then stands behind it.

    Raises:
        Refused: for an opcode that isn't allowed, or for too many of them.
        ValueError: if a length goes beyond the file's end.
    """
    for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if opcode.name not in allowed:
            raise Refused(f"it holds the opcode {opcode.name}")
        # The unpickler's memo is an array as long as the largest number.
        if number >= MAX_OPCODES or (opcode.name in _MEMO and not 0 <= int(argument or 0) <= MAX_OPCODES):
            raise Refused(f"it has more than {MAX_OPCODES} parts")
