"""Lightning's Trainer, set up for runs that can be killed at any step and repeated bit for bit."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar

from pointlora.data.loading import PointLoader
from pointlora.randomness import isolated_randomness
from pointlora.recipes.parts import OptimizerConfig
from pointlora.recipes.runs import RunConfig
from pointlora.training.base_module import TrainedModule
from pointlora.training.callbacks import History, LastCheckpoint
from pointlora.training.checkpoint_io import AtomicCheckpointIO
from pointlora.training.checkpointing import checkpointed
from pointlora.training.compiling import compiled
from pointlora.training.devices.choice import check_device, evaluation_device
from pointlora.training.devices.synchronized_norm import synchronized_norms
from pointlora.training.devices.world import World, current_world
from pointlora.training.run_folder import RunFolder

# A module whose attribute is a property, which type checkers don't see.
deterministic: Any = torch.utils.deterministic


class _Bar(TQDMProgressBar):
    """Lightning's bar without its version number, which is the name of our folder."""

    def get_metrics(self, trainer: Trainer, pl_module: Any) -> dict[str, Any]:
        return {key: value for key, value in super().get_metrics(trainer, pl_module).items() if key != "v_num"}


def run_training(
    module: TrainedModule,
    train_loader: PointLoader,
    selection_loader: PointLoader | None,
    folder: RunFolder,
    run: RunConfig,
    optimizer: OptimizerConfig,
    callbacks: Sequence[Callback],
    epochs: int | None = None,
) -> float:
    """Train to the end, from `last.ckpt` where there is one; to an earlier end after `epochs` of them.

    Returns:
        seconds that torch.compile took; 0 without `run.compile`.

    Raises:
        ConfigError: if the device isn't there, or torch.compile is wanted and fails.
        CheckpointError: if `last.ckpt` is damaged or belongs to other weights.
        OSError: if the disk is full; the last checkpoint stays as it was.
    """
    check_device(run.accelerator, run.devices)
    world = current_world()
    bar = sys.stderr.isatty()
    keepers = [*callbacks, LastCheckpoint(folder, run.checkpoint_every_steps), *([_Bar()] if bar else [])]
    for callback in callbacks:
        if isinstance(callback, History):
            callback.lines = not bar
    synchronized = synchronized_norms(module) if world.size > 1 else contextlib.nullcontext()
    with quiet(), restored_settings(), isolated_randomness("run", run.seed), synchronized:
        deterministic.fill_uninitialized_memory = False
        trainer = Trainer(
            accelerator="gpu" if run.accelerator == "cuda" else _available(run.accelerator),
            **make_strategy(run, world),
            max_epochs=run.epochs if epochs is None else epochs,
            precision="bf16-mixed" if run.precision == "bf16" else "32-true",
            deterministic="warn" if run.deterministic else False,
            gradient_clip_val=optimizer.clip_norm,
            callbacks=keepers,
            plugins=[AtomicCheckpointIO()],
            logger=make_loggers(folder, run),
            default_root_dir=str(folder.path),
            enable_progress_bar=bar,
            enable_checkpointing=True,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            use_distributed_sampler=False,
        )
        module.train()
        try:
            with (
                checkpointed(module.model, run.gradient_checkpointing),
                compiled(module.model, run.compile) as compiling,
            ):
                trainer.fit(
                    module,
                    train_loader,
                    selection_loader,
                    ckpt_path=str(folder.last) if folder.last.exists() else None,
                    weights_only=True,
                )
        except SystemExit as stopped:
            # Lightning turns Ctrl-C into exit code 1.
            if isinstance(stopped.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from stopped
            raise
        if world.size > 1:
            torch.distributed.destroy_process_group()
    return compiling.seconds


def make_strategy(run: RunConfig, world: World) -> dict[str, Any]:
    """Arguments of `Trainer` for the processes of the run, which are there already."""
    if world.size == 1:
        return {"devices": 1}
    from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
    from lightning.pytorch.strategies import DDPStrategy

    gpu = evaluation_device(run.accelerator).type == "cuda"
    strategy = DDPStrategy(
        cluster_environment=TorchElasticEnvironment(),
        process_group_backend="nccl" if gpu else "gloo",
        broadcast_buffers=False,  # running statistics are the same everywhere: those of the whole batch
    )
    return {"devices": world.local_size, "num_nodes": world.nodes, "strategy": strategy}


def make_loggers(folder: RunFolder, run: RunConfig) -> list[Any]:
    """TensorBoard, where it is wanted and installed."""
    if not run.tensorboard:
        return []
    from lightning.pytorch.loggers import TensorBoardLogger

    try:
        return [TensorBoardLogger(str(folder.path), name="", version="tensorboard")]
    except ModuleNotFoundError:
        return []


def _available(accelerator: str) -> str:
    return "gpu" if accelerator == "auto" and torch.cuda.is_available() else "cpu"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's tips, its device listing, and its warnings about choices that are made on purpose."""
    names = ("lightning", "lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def restored_settings() -> Iterator[None]:
    """Puts back torch's global switches and the environment variables that a deterministic Trainer sets."""
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill, benchmark = deterministic.fill_uninitialized_memory, torch.backends.cudnn.benchmark
    environment = dict(os.environ)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        deterministic.fill_uninitialized_memory = fill
        torch.backends.cudnn.benchmark = benchmark
        for name in set(os.environ) - set(environment):
            del os.environ[name]
