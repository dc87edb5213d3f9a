"""Whether a layer may be computed in another way than by calling it.

A fast path takes a layer's weights and computes what the layer would. That is right for a plain layer only: one whose
class is exactly the expected one, and on which nothing was hung. People hang hooks and parametrizations on networks to
look into them, to quantize, prune or adapt them; such layers are called. All fast paths ask here.
"""

from __future__ import annotations

from torch import nn

from pointlora import fast_paths, torch_private

# `POINTLORA_PLAIN=1` in the environment, or within `with plain():`, every fast path is off.
plain = fast_paths.disabled


def is_plain(layer: nn.Module, *kinds: type[nn.Module]) -> bool:
    """Whether the layer is of exactly one of the classes and calling it would run nothing but their `forward`."""
    return type(layer) in kinds and is_unwatched(layer)


def is_unwatched(module: nn.Module) -> bool:
    """Whether the module has no hook, no parametrization and its class's own `forward`, while fast paths are on."""
    return (
        fast_paths.enabled()
        and torch_private.COMPLETE
        and not torch_private.has_hooks(module)
        and "forward" not in vars(module)
        and "parametrizations" not in module._modules
    )


def are_unwatched(*modules: nn.Module) -> bool:
    """`is_unwatched` of the modules and of all modules in them."""
    return all(is_unwatched(part) for module in modules for part in module.modules())
