"""What a report is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_EXPLAINED = 8


@dataclass(frozen=True)
class ReportOptions:
    """Settings of a report.

    Attributes:
        explain: of so many most surprising clouds the page says which patches move the decision.
        unlabelled: folder of clouds without labels, of which the page lists those to label next.
        paths: whether absolute paths may stand in the page.
        base: file with the backbone's weights, where it isn't the one that the adapter names.
        accelerator: auto, cpu or cuda.
    """

    explain: int = DEFAULT_EXPLAINED
    unlabelled: Path | None = None
    paths: bool = False
    base: str | None = None
    accelerator: str = "auto"
