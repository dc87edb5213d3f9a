"""What a process does that was started by `children.child_command`."""

from __future__ import annotations

import json
from typing import Any


def run_child(text: str) -> int:
    """Do what the spec says; the result goes to stdout as JSON."""
    spec = json.loads(text)
    if spec["what"] == "turns":
        from .apart import take_turns

        take_turns(spec)
        return 0
    if spec["what"] == "predict":
        from .plain.predict import predict

        result: Any = predict(spec["model"], spec["checkpoint"], spec["file"], spec["device"])
    else:
        from .cases.memory import measure

        result = measure(spec)
    print(json.dumps(result))
    return 0
