"""What of a folder isn't read, so that it can be said: kinds that aren't supported, broken links, closed folders."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pointlora.data.notices import say

# Names of these beginnings are no data of the user's: hidden files, and what archives of macOS add.
_HIDDEN = (".", "__")
_MOST_KINDS = 4


@dataclass
class PassedOver:
    """Files and folders that aren't read, and an example of each sort.

    Attributes:
        kinds: suffix -> number of files of kinds that aren't supported.
        counts: sort -> number of others, such as broken links.
        examples: sort -> the first path; `kinds` for unsupported files.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add_entry(self, path: str) -> None:
        """A file that isn't read: a link that leads nowhere, or one of an unsupported kind."""
        if os.path.islink(path) and not os.path.exists(path):
            self.add("broken link", path)
        elif os.path.isfile(path):
            self.kinds[os.path.splitext(path)[1].lower() or "no suffix"] += 1
            self.examples.setdefault("kinds", path)
        elif not os.path.isdir(path):
            self.add("special file", path)

    def add(self, sort: str, path: str) -> None:
        """One of another sort, in the singular."""
        self.counts[sort] += 1
        self.examples.setdefault(sort, path)

    def __bool__(self) -> bool:
        return bool(self.kinds or self.counts)

    def __str__(self) -> str:
        """How many of what, with examples, for one line."""
        parts = []
        if self.kinds:
            number = sum(self.kinds.values())
            shown = [f"{kind} {count}" for kind, count in self.kinds.most_common(_MOST_KINDS)]
            more = ", …" if len(self.kinds) > _MOST_KINDS else ""
            what = "file of an unsupported kind" if number == 1 else "files of unsupported kinds"
            parts.append(f"{number} {what} ({', '.join(shown)}{more}; such as {self.examples['kinds']})")
        for sort, count in self.counts.items():
            parts.append(f"{count} {sort if count == 1 else _plural(sort)} (such as {self.examples[sort]})")
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kinds": dict(self.kinds.most_common()), **self.counts, "examples": self.examples}

    def say(self, place: object) -> None:
        """One line on stderr, if anything was passed over."""
        if self:
            say(f"{place}: passed over {self}")


def is_visible(name: str) -> bool:
    """Whether a file or folder is looked at."""
    return not name.startswith(_HIDDEN)


def _plural(sort: str) -> str:
    noun, that, rest = sort.partition(" that ")
    first, *more = noun.split(" beside ")
    noun = " beside ".join([f"{first}s", *more])
    return f"{noun}{that}{rest}".replace(" isn't", " aren't") if that else noun
