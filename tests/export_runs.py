"""A very small run of either task, trained on procedural shapes, which is exported afterwards."""

from __future__ import annotations

from pathlib import Path

from pointlora.cli import main as command_line


def train_small(folder: Path, task: str = "classification") -> Path:
    """The folder of a finished run."""
    words = [
        *("train", "tiny_pointlora", "--task", task, "--output", str(folder)),
        *("--method", "{name: pointlora, prompt_dim: 8}", "--model.checkpoint", "null"),
        *("--model.embed_dim", "48", "--model.depth", "3", "--model.num_heads", "3"),
        *("--model.num_groups", "16", "--model.group_size", "8", "--model.tokenizer_dims", "[16, 24, 32]"),
        *("--data.num_points", "128", "--data.options", "{train_size: 120, test_size: 24}"),
        *("--training.epochs", "1", "--training.workers", "0", "--training.tensorboard", "false"),
    ]
    assert command_line.main(words) == 0
    return folder
