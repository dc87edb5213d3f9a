"""How sure a model is against how often it is right (Guo et al., ICML 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointlora.reports.page.content import Bin, Calibration

BINS = 10


class CalibrationCounts:
    """Sums over predictions by confidence, so that these needn't be kept.

    Attributes:
        sums: (BINS, 3) number, sum of confidences, number of right ones.
    """

    def __init__(self) -> None:
        self.sums = np.zeros((BINS, 3))

    def add(self, confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> None:
        """Count predictions, (n,) each."""
        sure = np.asarray(confidence, dtype=np.float64)
        place = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
        for column, values in enumerate((np.ones(len(sure)), sure, np.asarray(right, dtype=np.float64))):
            self.sums[:, column] += np.bincount(place, values, minlength=BINS)

    def result(self, of: str) -> Calibration | None:
        """Bins that aren't empty, and the mean distance of confidence and accuracy; None without predictions."""
        counts, sure, right = self.sums.T
        if not counts.sum():
            return None
        bins = [
            Bin(
                at / BINS, (at + 1) / BINS, int(counts[at]), float(sure[at] / counts[at]), float(right[at] / counts[at])
            )
            for at in np.flatnonzero(counts)
        ]
        return Calibration(bins, float(np.abs(sure - right).sum() / counts.sum()), of)
