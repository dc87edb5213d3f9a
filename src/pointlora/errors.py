"""The exceptions that PointLoRA raises for bad input; each message is one line and names the value and the fix."""

from __future__ import annotations


class PointLoraError(ValueError):
    """Base of all errors that a user can cause and mend. At the command line it becomes one line and exit code 2."""


class PointLoraWarning(UserWarning):
    """What a user should know and need not mend; at the command line one line on stderr."""


class ShapeError(PointLoraError):
    """A tensor or array has the wrong shape, dtype or size."""


class ConfigError(PointLoraError):
    """A setting has an unknown name or a value that makes no sense."""


class DataError(PointLoraError):
    """A file or data set cannot be read, or holds something other than it should."""


class CheckpointError(PointLoraError):
    """A weight file cannot be read safely, or does not fit the model."""


class AdapterError(PointLoraError):
    """An adapter folder is damaged or belongs to another base model."""


def reason(error: BaseException) -> str:
    """What another's error says, in one line: its message with the name of its class; our own speak for themselves."""
    words = " ".join(str(error).split())
    return words if isinstance(error, PointLoraError) else f"{type(error).__name__}: {words}".removesuffix(": ")
