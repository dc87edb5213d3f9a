"""Files of other codes that people may take for one of these models: known by their keys, refused by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What the files are, and a pattern of a key's beginning that only they have.
_STRANGERS = (
    ("a 3DETR detector of scenes (MaskPoint's ScanNet files), which finds boxes", r"mlp_heads\.sem_cls_head\."),
    ("ReCon++ of ShapeLLM, whose network is larger than ReCon's and another one", r"(model\.)?global_query$"),
    (
        "a Point Transformer V3 for whole scenes (Sonata, Concerto and others)",
        r"(\w+\.)*enc\.enc0\.block0\.cpe\.|(\w+\.)*embedding\.stem\.(conv|linear)\.",
    ),
)


def name_stranger(keys: Iterable[str]) -> str | None:
    """What a file with these keys is, if it is one of those that are known and not read."""
    keys = list(keys)
    return next((what for what, mark in _STRANGERS if any(re.match(mark, key) for key in keys)), None)
