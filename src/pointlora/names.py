"""One-line messages about misspelt names: the value, the nearest known name, and the list."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest_name(value: str, known: Iterable[str]) -> str | None:
    """The known name most like `value` (case ignored), or None when nothing is close."""
    by_folded = {name.casefold(): name for name in known}
    matches = difflib.get_close_matches(str(value).casefold(), list(by_folded), n=1, cutoff=0.5)
    return by_folded[matches[0]] if matches else None


def unknown_name(kind: str, value: object, known: Iterable[str]) -> str:
    """The message for a name that isn't known, for example `unknown split 'tset': did you mean 'test'? Known: ...`."""
    names = list(known)
    guess = nearest_name(str(value), names)
    hint = f": did you mean {guess!r}?" if guess else "."
    return f"unknown {kind} {value!r}{hint} Known: {', '.join(names) or 'none'}"
