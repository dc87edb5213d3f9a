"""Whether tuning is better than what it began with by more than chance."""

from __future__ import annotations

from math import inf, isfinite, log, sqrt
from typing import NamedTuple

import numpy as np
from torch import Tensor

# A gain that equals its error in real numbers, such as that of one cloud of many, isn't above it.
_ROUNDING = 1e-9


class Gain(NamedTuple):
    """What tuning gained on clouds that it hasn't seen.

    Attributes:
        mean: of the paired differences between end and start, in [-1, 1].
        error: standard error of that mean; infinite for a single cloud.
    """

    mean: float
    error: float

    def exceeds(self, errors: float, tried: int = 1) -> bool:
        """Whether it is above so many standard errors, or rather above what the best of several has by luck.

        With 1 and 1 this is the rule of Breiman et al., "Classification and Regression Trees" (1984): the simpler of
        two models is kept unless the other is clearly better. Of m equals, the best is expected up to sqrt(2 ln m)
        standard errors above the mean.

        Args:
            errors: by how many times that.
            tried: the number of models, such as epochs, of which this one was best.
        """
        least = errors * max(1.0, sqrt(2 * log(max(tried, 1)))) * self.error
        return self.mean > least + _ROUNDING

    def as_dict(self) -> dict[str, float | None]:
        """For results.json."""
        return {"gain": self.mean, "gain_error": self.error if isfinite(self.error) else None}

    def __str__(self) -> str:
        return f"{100 * self.mean:+.2f} points, standard error {100 * self.error:.2f}"


def paired_gain(before: Tensor, after: Tensor) -> Gain:
    """The gain in scores (n,) of the same clouds."""
    difference = (after.double() - before.double()).numpy()
    count = len(difference)
    error = float(difference.std(ddof=1) / np.sqrt(count)) if count > 1 else inf
    return Gain(float(difference.mean()), error)
