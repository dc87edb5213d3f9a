"""PPT (Zhang et al., "Positional prompt tuning for efficient 3D representation learning", 2024, arXiv 2408.11567).

A second set of patch tokens joins the sequence as prompts, and three small MLPs, shared by all blocks, act on patches
and prompts before each block and beside its MLP.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.methods.branches import Tap, add_branch
from pointlora.methods.prompts import PromptMlp, SharedPrompts
from pointlora.methods.settings.ppt import PptConfig
from pointlora.models.backbone import Backbone
from pointlora.models.classifier import PointClassifier
from pointlora.models.heads import classification_head
from pointlora.models.method import Method, ParameterGroup, TokenSequence, TokenSet, rename_keys
from pointlora.models.transformer import initialize_weights
from pointlora.ops.grouping import Scale

_RELEASE_KEYS: tuple[tuple[str, str | None], ...] = (
    (r"blocks\.prompt_mlp\.(.*)$", r"method.before.patch.\1"),
    (r"blocks\.prompt_pos_mlp\.(.*)$", r"method.before.selected.\1"),
    (r"blocks\.prompt_all_mlp\.(.*)$", r"method.beside.\1"),
)


class Ppt(Method):
    """Its prompts follow the patches, of which they are a second set: cut and tokenized once.

    Where a patch sees only those before it (PointGPT), the prompts see all patches and no patch sees them. The head
    reads the means of patches and prompts; in part segmentation the mean of the prompts besides what it reads anyway.

    Args:
        config: see `PptConfig`.
        model: the backbone.
    """

    config: PptConfig

    def __init__(self, config: PptConfig, model: Backbone) -> None:
        super().__init__(config, model)
        sizes = model.sizes
        self.scale, self.classifies = sizes.scale, isinstance(model, PointClassifier)
        self.before = SharedPrompts(sizes.embed_dim, config.hidden, {}, zero_init=False)
        self.beside = PromptMlp(sizes.embed_dim, config.hidden, sizes.embed_dim, zero_init=False)
        self._taps = tuple(Tap() for _ in range(sizes.depth))

    def attach(self, model: Backbone) -> None:
        for index, tap in enumerate(self._taps):
            add_branch(model, f"blocks.{index}.norm2", "ppt", tap)
        if isinstance(model, PointClassifier) and model.head_kind == "mlp":
            model.head = self._head(model)
        else:
            model.make_head(more=model.sizes.embed_dim)

    def _head(self, model: PointClassifier) -> nn.Module:
        """Point-MAE's, of one feature more, with GELU for ReLU."""
        head = classification_head(model.pooled_width + model.sizes.embed_dim, model.num_classes)
        for index, layer in enumerate(head):
            if isinstance(layer, nn.ReLU):
                head[index] = nn.GELU()
        return head.apply(initialize_weights)

    def parameter_groups(self, model: Backbone) -> list[ParameterGroup]:
        return [*super().parameter_groups(model), ParameterGroup(model.embedding_parameters())]

    @property
    def scales(self) -> Sequence[Scale]:
        return (self.scale,)

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> TokenSequence:
        (prompts,) = scales
        return sequence.with_others([prompts.tokens], [prompts.positions])

    def before_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        self._taps[index].listen()
        return sequence._replace(tokens=self.before(sequence))

    def after_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        # What stands between attention and MLP; ReCon's global tokens have a norm of their own and aren't in it.
        added: Tensor = self.beside(self._taps[index].heard())
        missing = sequence.tokens.shape[1] - added.shape[1]
        return sequence._replace(tokens=sequence.tokens + F.pad(added, (0, 0, missing, 0)))

    def pool(self, features: Sequence[Tensor], sequence: TokenSequence) -> Sequence[Tensor]:
        prompts = sequence.others.mean(1)
        return [features[0], sequence.patches.mean(1), prompts] if self.classifies else [*features, prompts]

    def checkpoint_keys(self, keys: Iterable[str]) -> dict[str, str | None]:
        return rename_keys(keys, _RELEASE_KEYS)
