"""How far each random change of a cloud may go."""

from __future__ import annotations

from dataclasses import dataclass

from pointlora.checks import check_choice, check_number

AXES = ("x", "y", "z")


@dataclass(frozen=True, kw_only=True)
class AugmentationRanges:
    """What the augmentations of `pointlora.data.augmentations` draw from.

    Attributes:
        up_axis: `x`, `y` or `z`, the axis of `rotate_up`.
        scale_low, scale_high: range of the scales.
        shift: largest shift along each axis, in units of the normalised cloud.
        jitter_sigma, jitter_clip: standard deviation of the noise on each coordinate, and its largest value.
        dropout_ratio: largest share of points that `dropout` drops.
        resample_low: smallest share of points that `resample` keeps; the shares are spread evenly by their logarithm.
        resample_slope: how much thinner a cloud may get from one place to another, per unit of length, as a power of e.
        color_jitter: how far colours, from -1 to 1, are shifted, and how far their contrast is changed.
        feature_drop_ratio: share of the clouds whose features `feature_drop` takes away.

    Raises:
        ConfigError: for an unknown axis, or a number out of range.
    """

    up_axis: str = "y"
    scale_low: float = 2.0 / 3.0
    scale_high: float = 1.5
    shift: float = 0.2
    jitter_sigma: float = 0.01
    jitter_clip: float = 0.05
    dropout_ratio: float = 0.875
    resample_low: float = 0.125
    resample_slope: float = 1.0
    color_jitter: float = 0.2
    feature_drop_ratio: float = 0.2

    def __post_init__(self) -> None:
        check_choice("up_axis", self.up_axis, AXES)
        check_number("scale_high", self.scale_high, 0.0, open_low=True)
        check_number("scale_low", self.scale_low, 0.0, self.scale_high, open_low=True)
        check_number("shift", self.shift, 0.0)
        check_number("jitter_sigma", self.jitter_sigma, 0.0)
        if self.jitter_clip != float("inf"):  # which clips nothing
            check_number("jitter_clip", self.jitter_clip, 0.0)
        check_number("dropout_ratio", self.dropout_ratio, 0.0, 1.0, open_high=True)
        check_number("resample_low", self.resample_low, 0.0, 1.0, open_low=True)
        check_number("resample_slope", self.resample_slope, 0.0)
        check_number("color_jitter", self.color_jitter, 0.0, 1.0)
        check_number("feature_drop_ratio", self.feature_drop_ratio, 0.0, 1.0)
