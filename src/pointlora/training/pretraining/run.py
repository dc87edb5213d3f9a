"""A pre-training run from its recipe to its folder."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from pointlora.atomic import write_atomically
from pointlora.data.checking import check_clouds
from pointlora.models.parameters import count_parameters
from pointlora.models.two_views import TwoViewAutoencoder
from pointlora.recipes.files import to_mapping
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.training.callbacks import History
from pointlora.training.data import first_cloud, transform_config
from pointlora.training.devices.choice import check_device
from pointlora.training.devices.processes import on_every_device
from pointlora.training.devices.world import current_world
from pointlora.training.engine import run_training
from pointlora.training.model_factory import build_autoencoder
from pointlora.training.pretraining.ahead import made_ahead
from pointlora.training.pretraining.batches import Views
from pointlora.training.pretraining.data import open_pretraining, pretraining_loader
from pointlora.training.pretraining.module import PretrainingModule
from pointlora.training.pretraining.resident import resident_loader
from pointlora.training.run_folder import RunFolder
from pointlora.training.settling import settled
from pointlora.version import __version__

# Its encoder's keys become those of the encoder.
_TEACHER = "teacher."


def pretrain(recipe: PretrainRecipe, resume: bool = False) -> dict[str, Any]:
    """Train a masked autoencoder and write its weights, encoder and decoder, to `model.safetensors`.

    As in fine-tuning, everything is checked first, and an unfinished run of the same recipe goes on, bit for bit.
    Several devices work as there.

    Args:
        recipe: what to do.
        resume: fail unless the folder holds an unfinished run.

    Returns:
        what results.json holds; nothing in the other processes of `torchrun` than the first.

    Raises:
        ConfigError, DataError, CheckpointError: for bad settings, data and weights.
        OSError: if the folder can't be written.
    """
    return on_every_device(_pretrain, settled(recipe), resume)


def _pretrain(recipe: PretrainRecipe, resume: bool) -> dict[str, Any]:
    started, first = time.perf_counter(), current_world().first
    folder = RunFolder(recipe)
    goes_on = folder.check(resume) if first else False
    check_device(recipe.training.accelerator, recipe.training.devices)
    dataset, transform = open_pretraining(recipe), transform_config(recipe.data)
    model = build_autoencoder(recipe, len(dataset.class_names))
    check_clouds(dataset.parts(), model.sizes.group_size)
    with torch.no_grad():
        model.eval().group(first_cloud(dataset, transform))
    if first:
        folder.create()
    clouds = None
    if recipe.ahead.size is not None:
        clouds = made_ahead(recipe, folder, dataset, model.sizes.num_groups, model.num_masked)
        loader = resident_loader(
            clouds, recipe.training.samples_per_epoch or 1, recipe.training.batch_size, recipe.training.seed
        )
    else:
        up_axis = recipe.data.up_axis if isinstance(model, TwoViewAutoencoder) else None
        views = Views(recipe.training.seed, model.sizes.num_groups, model.num_masked, up_axis)
        loader = pretraining_loader(dataset, transform, recipe.training, views)
    total = count_parameters(model).total
    if first:
        what = "resuming" if goes_on else "pre-training"
        text = f"{what} {recipe.model.name}: {total:,} parameters, {len(loader)} steps per epoch"
        print(text, file=sys.stderr, flush=True)
    history = History(folder, best=None)
    module = PretrainingModule(model, recipe, clouds)
    compile_seconds = run_training(module, loader, None, folder, recipe.training, recipe.optimizer, [history])
    if not first:
        return {}
    results = {
        "train_loss": history.rows[-1]["train_loss"],
        "epochs": recipe.training.epochs,
        "seed": recipe.training.seed,
        "total_parameters": total,
        "seconds": round(time.perf_counter() - started, 3),
        "seconds_per_step": history.seconds_per_step,
        "recipe": to_mapping(recipe),
    }
    if recipe.training.compile:
        results["compile_seconds"] = round(compile_seconds, 3)
    write_weights(model.cpu(), folder, recipe)
    folder.write_results(results)
    return results


def write_weights(model: nn.Module, folder: RunFolder, recipe: PretrainRecipe) -> None:
    """`model.safetensors`, with what it is in its metadata; `load_checkpoint` reads it. Beside it the encoder of the
    teacher in `teacher.safetensors`, where there is one.
    """
    sizes: Any = model.sizes
    metadata = {
        "format": "pt",
        "pointlora_version": __version__,
        "model": recipe.model.name,
        "task": "pretraining",
        "sizes": json.dumps(sizes.as_dict()),
        "recipe": json.dumps(to_mapping(recipe)),
    }
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    teacher = {name.removeprefix(_TEACHER): state.pop(name) for name in list(state) if name.startswith(_TEACHER)}
    for path, weights in ((folder.weights, state), (folder.weights.with_name("teacher.safetensors"), teacher)):
        if weights:
            content = save(weights, metadata)
            write_atomically(path, lambda file, content=content: file.write(content))  # type: ignore[misc]
