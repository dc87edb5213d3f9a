"""Loading weight files: official ones of every family, and our own. Nothing in a file is ever executed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from pointlora.errors import CheckpointError
from pointlora.models.backbone import FEATURE_COLUMNS, Backbone
from pointlora.models.layouts import OWN, Layout, join_parts
from pointlora.models.method import ADDED_PARTS
from pointlora.models.registry import get_family, list_models
from pointlora.models.strangers import name_stranger
from pointlora.models.two_views import TwoViewAutoencoder
from pointlora.models.weight_files import read_weights

_HEAD = re.compile(r"head\.")
# What some objectives of pre-training need and others have no place for.
_OBJECTIVES = re.compile(r"contrast_head\.|category_head\.|predict_latent\.|teacher\.|encoder\.cls_(token|position)$")
_FIRST_NORM = re.compile(r"\b(norm1|ln_1)\.weight$")


@dataclass
class LoadReport:
    """What `load_checkpoint` did.

    Attributes:
        family: family of the file, `pointlora` for our own.
        stage: `pre-trained` or `fine-tuned`.
        loaded: keys of the model that were filled.
        missing: keys of the model that the file doesn't have.
        unexpected: keys of the file that nobody knows.
        ignored: keys of the file that are known and not used by this model (a decoder, say).
        mended: keys of the model that are running statistics and not a number in the file: mean 0, variance 1 instead.
    """

    family: str
    stage: str
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [f"{self.family} {self.stage}: {len(self.loaded)} loaded"]
        for name in ("missing", "unexpected", "ignored", "mended"):
            keys: list[str] = getattr(self, name)
            if keys:
                parts.append(f"{len(keys)} {name} ({', '.join(keys[:3])}{', …' if len(keys) > 3 else ''})")
        return ", ".join(parts)


def load_checkpoint(
    model: nn.Module, source: str | os.PathLike[str] | Mapping[str, Tensor], strict: bool = True, head: bool = True
) -> LoadReport:
    """Fill a model from an official file of its family or one of ours.

    Args:
        model: from `create_model`; with PointLoRA applied it also takes the files of the PointLoRA release.
        source: a `.pth`/`.pt` or `.safetensors` file, or a state dict; `module.` prefixes don't matter.
        strict: refuse a file that lacks weights of the backbone or has unknown ones; False only reports them.
        head: False leaves out the head of a fine-tuned file, to start from a backbone that was tuned for other classes
            or another task.

    Returns:
        a report. A pre-trained file leaves the head (and for Point-MAE the class token) in `missing`: these are
        made anew for each task.

    Raises:
        CheckpointError: unreadable or unsafe file, another family (named), another size (named); the model is then
            as it was.
    """
    report, fitting = fit_checkpoint(model, source, strict, head)
    model.load_state_dict(fitting, strict=False)
    if isinstance(model, Backbone):
        model.package_weights = None
    if isinstance(model, TwoViewAutoencoder):
        model.renew_teacher()
    return report


def fit_checkpoint(
    model: nn.Module, source: str | os.PathLike[str] | Mapping[str, Tensor], strict: bool = True, head: bool = True
) -> tuple[LoadReport, dict[str, Tensor]]:
    """What `load_checkpoint` would do, and the weights that it would fill the model with; nothing is changed.

    Arguments and errors are the same. Shapes are all that counts: model and weights may lie on the device `meta`.
    """
    weights, name = read_weights(source)
    layout = recognize(weights, get_family(str(model.name)).layouts)
    if layout is None:
        stranger = name_stranger(weights)
        what = f"it is of {stranger}" if stranger else f"its first keys are {sorted(weights)[:3]}"
        raise CheckpointError(f"{name} isn't a weight file of a known model; {what}")
    _check_family(model, layout, weights, name)
    _check_task(model, layout, name, head)
    report = LoadReport(layout.family, layout.stage)
    renamed = _rename(model, weights, layout, report)
    if not head:
        renamed = {key: value for key, value in renamed.items() if not _HEAD.match(key)}
    fitting = _fit(model, renamed, name, report)
    if strict:
        _check_complete(model, layout, report, name, head)
    return report, fitting


def recognize(weights: Iterable[str], preferred: Sequence[Layout] = ()) -> Layout | None:
    """The layout that weights, or only their keys, belong to, or None; where several fit, one of `preferred`."""
    known = [layout for name in list_models() for layout in get_family(name).layouts]
    candidates = (*preferred, *known, *OWN)
    return next((layout for layout in candidates if layout.matches(weights)), None)


def models_reading(weights: Mapping[str, Tensor]) -> list[str]:
    """Models that read an official file, those of its width only where there are any."""
    models = [name for name in list_models() if any(layout.matches(weights) for layout in get_family(name).layouts)]
    width = next((value.shape[-1] for key, value in weights.items() if _FIRST_NORM.search(key)), None)
    return [name for name in models if get_family(name).sizes.embed_dim == width] or models


def _check_family(model: nn.Module, layout: Layout, weights: Mapping[str, Tensor], name: str) -> None:
    accepted = (*get_family(str(model.name)).layouts, *OWN)
    if layout not in accepted:
        calls = " or ".join(f"create_model({reader!r}, …)" for reader in models_reading(weights))
        raise CheckpointError(
            f"{name} is a {layout.stage} {layout.family} file, but the model is {model.name}: use {calls}"
        )


def _check_task(model: nn.Module, layout: Layout, name: str, head: bool) -> None:
    if head and layout.stage == "fine-tuned" and model.task not in (layout.task, "pretraining"):
        raise CheckpointError(
            f"{name} was fine-tuned for {layout.task}, but the model is for {model.task}: create the model with "
            f"task={layout.task!r}, or pass head=False to take all but the head"
        )


def _made_anew(model: nn.Module) -> re.Pattern[str]:
    """What may be absent from a pre-trained file: it is made anew for each task, and trained."""
    parts = model.task_parts if isinstance(model, Backbone) else Backbone.task_parts
    return re.compile("|".join((*parts, *ADDED_PARTS)))


def _spare(model: nn.Module) -> re.Pattern[str] | None:
    """What networks of the family for other tasks have and this one has no place for."""
    parts = model.spare_parts if isinstance(model, Backbone) else ()
    return re.compile("|".join(parts)) if parts else None


def _rename(model: nn.Module, weights: Mapping[str, Tensor], layout: Layout, report: LoadReport) -> dict[str, Tensor]:
    """Keys as the model has them; what the model has no place for goes into the report."""
    renamed: dict[str, Tensor] = {}
    places, spare = model.state_dict().keys(), _spare(model)
    owned = model.method.checkpoint_keys(weights) if isinstance(model, Backbone) else {}
    for key, value in weights.items():
        new = owned[key] if key in owned else layout.rename(key)
        if new is not None and layout.stage == "pre-trained" and model.task != "pretraining":
            if new.startswith("encoder."):
                new = new.removeprefix("encoder.")
            elif layout.knows(key):
                new = None
        elif new is not None and layout.stage == "fine-tuned" and model.task == "pretraining":
            new = None if _made_anew(model).match(new) else f"encoder.{new}"
        if new is not None and new not in places and spare is not None and spare.match(new):
            new = None
        if new is not None and new not in places and model.task == "pretraining" and _OBJECTIVES.match(new):
            new = None
        if new is None:
            report.ignored.append(key)
        else:
            renamed[new] = value
    return join_parts(renamed)


def _fit(model: nn.Module, renamed: Mapping[str, Tensor], name: str, report: LoadReport) -> dict[str, Tensor]:
    """The weights that the model has a place for, in its shapes; nothing is loaded yet."""
    own = model.state_dict()
    fitting: dict[str, Tensor] = {}
    report.unexpected = [key for key in renamed if key not in own]
    for key, value in renamed.items():
        if key not in own:
            continue
        # Convolutions of kernel 1 are linear layers here: (out, in, 1) or (out, in, 1, 1) becomes (out, in).
        while value.ndim > own[key].ndim and value.shape[-1] == 1:
            value = value.squeeze(-1)
        if value.shape != own[key].shape:
            raise CheckpointError(
                f"{name}: {key} has shape {tuple(value.shape)}, but the model needs {tuple(own[key].shape)}: "
                "create the model with the sizes (and num_classes or num_parts) of the file; "
                "`pointlora info FILE` shows them"
                + (", or pass head=False to take all but the head" if _HEAD.match(key) else "")
                + _hint(report.unexpected)
            )
        statistics = key.endswith(("running_mean", "running_var")) and not value.is_meta
        if statistics and bool(value.isnan().any()):
            value = value.nan_to_num(nan=float(key.endswith("running_var")))
            report.mended.append(key)
        fitting[key] = value
    report.loaded = sorted(fitting)
    report.missing = [key for key in own if key not in fitting]
    return fitting


def _check_complete(model: nn.Module, layout: Layout, report: LoadReport, name: str, head: bool) -> None:
    # What is made anew for each task may be absent from a file of another one.
    whole = layout.stage == "fine-tuned" and layout.task == model.task
    lost = [key for key in report.missing if whole or not _made_anew(model).match(key)]
    lost = [key for key in lost if not re.match(FEATURE_COLUMNS, key)]  # they start at zero
    if model.task == "pretraining":
        lost = [key for key in lost if not _OBJECTIVES.match(key)]
    # An encoder alone, such as the weights in the package, gets a new decoder.
    alone = all(key.startswith("encoder.") for key in report.loaded)
    if model.task == "pretraining" and (report.stage == "fine-tuned" or alone):
        lost = [key for key in lost if key.startswith("encoder.")]
    if not head:
        lost = [key for key in lost if not _HEAD.match(key)]
    if lost:
        raise CheckpointError(f"{name} lacks {len(lost)} weights of the {model.name} model, the first is {lost[0]}")
    if report.unexpected:
        raise CheckpointError(
            f"{name} has {len(report.unexpected)} weights that the {model.name} model has no place for, "
            f"the first is {report.unexpected[0]}{_hint(report.unexpected)}"
        )


def _hint(unexpected: Sequence[str]) -> str:
    """What to do where a file holds more than the model."""
    if not unexpected:
        return ""
    return f"; if {unexpected[0]} belongs to a tuning method, call apply_method(model, …) with it first"
