"""Official file layouts: how to recognise one by its keys, and how its keys map to ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """The keys of one kind of official file.

    Attributes:
        family: the registered family that it belongs to.
        stage: `pre-trained` or `fine-tuned`.
        task: of a fine-tuned file; a pre-trained one is for any.
        requires: patterns, each of which must match the beginning of some key.
        forbids: patterns that no key may begin with.
        rules: (pattern, replacement) pairs. The first pattern that matches the beginning of a key is replaced; a
            replacement of None says that the weight is known and not used here.
    """

    family: str
    stage: str
    requires: tuple[str, ...]
    forbids: tuple[str, ...] = ()
    rules: tuple[tuple[str, str | None], ...] = ()
    task: str = "classification"

    def matches(self, keys: Iterable[str]) -> bool:
        """Whether a file with these keys is of this layout."""
        keys = list(keys)

        def present(pattern: str) -> bool:
            return any(re.match(pattern, key) for key in keys)

        return all(map(present, self.requires)) and not any(map(present, self.forbids))

    def rename(self, key: str) -> str | None:
        """Our name for an official key; None when the weight is not used; the key itself when no rule knows it."""
        for pattern, replacement in self.rules:
            match = re.match(pattern, key)
            if match:
                return None if replacement is None else match.expand(replacement) + key[match.end() :]
        return key

    def knows(self, key: str) -> bool:
        """Whether some rule is about this key."""
        return any(re.match(pattern, key) for pattern, _ in self.rules)


def encoder_rules(prefix: str, target: str) -> tuple[tuple[str, str | None], ...]:
    """Rules of the encoder that all families share, from `prefix` in the file to `target` in ours."""
    source = re.escape(prefix)
    return (
        (source + r"encoder\.(first_conv|second_conv)\.", target + r"tokenizer.\1."),
        (source + r"pos_embed\.", target + "position."),
        (source + r"blocks\.blocks\.", target + "blocks."),
        (source + r"norm\.", target + "norm."),
        (source + r"(cls|img|text)_token$", target + r"\1_token"),
        (source + r"(cls|img|text)_pos$", target + r"\1_position"),
        (source + r"cls_head_finetune\.", target + "head."),
    )


# Networks without a part of their own have the same keys once fine-tuned (Point-MAE, ACT, ReCon without its second
# branch): nothing in such a file says which of them it is, and all of them read it.
PLAIN_FINE_TUNED = Layout(
    family="point_mae",
    stage="fine-tuned",
    requires=(r"encoder\.first_conv\.", r"blocks\.blocks\.0\.norm1\.", r"cls_pos$", r"cls_head_finetune\.1\."),
    forbids=(r"blocks\.blocks\.0\.norm1_contrast\.", r"reduce_dim\."),
    rules=encoder_rules("", ""),
)

# The part head, in the names of Point-MAE's code, which the codes of later papers kept.
PART_HEAD_KEYS = (r"propagation_0\.mlp_convs\.0\.", r"convs3\.")
PART_HEAD_RULES: tuple[tuple[str, str | None], ...] = (
    (r"label_conv\.", "head.category."),
    (r"propagation_0\.mlp_convs\.0\.", "head.local.0."),
    (r"propagation_0\.mlp_bns\.0\.", "head.local.1."),
    (r"propagation_0\.mlp_convs\.1\.", "head.local.3."),
    (r"propagation_0\.mlp_bns\.1\.", "head.local.4."),
    (r"convs1\.", "head.joint.0."),
    (r"bns1\.", "head.joint.1."),
    (r"convs2\.", "head.joint.4."),
    (r"bns2\.", "head.joint.5."),
    (r"convs3\.", "head.joint.7."),
)

PLAIN_PARTS = Layout(
    family="point_mae",
    stage="fine-tuned",
    task="part_segmentation",
    requires=(r"encoder\.first_conv\.", r"blocks\.blocks\.0\.norm1\.", *PART_HEAD_KEYS),
    forbids=(r"blocks\.blocks\.0\.norm1_contrast\.", r"reduce_dim\."),
    rules=(*encoder_rules("", ""), *PART_HEAD_RULES),
)

# Files that this library wrote: our own keys, nothing to rename.
OWN_PRETRAINED = Layout(
    "pointlora", "pre-trained", requires=(r"encoder\.tokenizer\.", r"encoder\.blocks\."), rules=((r"", ""),)
)
OWN_WHOLE = Layout(
    "pointlora", "fine-tuned", requires=(r"tokenizer\.", r"blocks\.0\.", r"head\."), forbids=(r"head\.local\.",)
)
OWN_PARTS = Layout(
    "pointlora", "fine-tuned", requires=(r"tokenizer\.", r"blocks\.0\.", r"head\.local\."), task="part_segmentation"
)
OWN = (OWN_PRETRAINED, OWN_WHOLE, OWN_PARTS)
