"""Official file layouts: how to recognise one by its keys, and how its keys map to ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

# Where Point-MAE's code, and many after it, keeps the weights in a file, and where Lightning does.
BASE_MODEL, LIGHTNING = "base_model", "state_dict"
# Of the tokenizer, and of the part head.
KERNELS = (
    (r"(.*\.)?(first|second)_conv\.\d+\.weight$", 1),
    (r"(label_conv\.0|propagation_0\.mlp_convs\.\d|convs\d)\.weight$", 1),
)


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
            replacement of None says that the weight is known and not used here. Weights that are one here and several
            there are given one name with `#0/2` and `#1/2` behind it, see `join_parts`.
        takes: (pattern, width) pairs: a weight whose key matches takes in so many channels.
        avoids: the same, of weights that take in another number.
        kernels: (pattern, dimensions) pairs: linear layers here that are convolutions there, of a kernel of size 1 in
            so many dimensions.
        twice: (pattern, replacement) pairs: weights that such a file holds under a second name too.
        idle: (key, other key, value) triples: weights that the official network has and never uses, with the shape of
            another weight, full of a value.
        place: under which key of the file its code looks for the weights.
    """

    family: str
    stage: str
    requires: tuple[str, ...]
    forbids: tuple[str, ...] = ()
    rules: tuple[tuple[str, str | None], ...] = ()
    task: str = "classification"
    takes: tuple[tuple[str, int], ...] = ()
    avoids: tuple[tuple[str, int], ...] = ()
    kernels: tuple[tuple[str, int], ...] = KERNELS
    twice: tuple[tuple[str, str], ...] = ()
    idle: tuple[tuple[str, str, float], ...] = ()
    place: str = BASE_MODEL

    def matches(self, weights: Iterable[str]) -> bool:
        """Whether a file with these weights, or only their keys, is of this layout."""
        keys = list(weights)
        shapes = {key: value.shape for key, value in weights.items()} if isinstance(weights, Mapping) else {}

        def present(pattern: str) -> bool:
            return any(re.match(pattern, key) for key in keys)

        def takes(pattern: str, width: int) -> list[bool]:
            return [shape[1] == width for key, shape in shapes.items() if re.match(pattern, key) and len(shape) > 1]

        return (
            all(map(present, self.requires))
            and not any(map(present, self.forbids))
            and all(all(takes(*pair)) for pair in self.takes)
            and not any(any(takes(*pair)) for pair in self.avoids)
        )

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


def join_parts(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights whose names end with `#0/2`, `#1/2` as one, joined along their first dimension; without all, none."""
    result = {key: value for key, value in weights.items() if "#" not in key}
    parts: dict[str, dict[str, Tensor]] = {}
    for key in weights.keys() - result.keys():
        whole, place = key.split("#")
        parts.setdefault(whole, {})[place] = weights[key]
    for whole, found in parts.items():
        count = int(next(iter(found)).split("/")[1])
        if len(found) == count and len({value.shape[1:] for value in found.values()}) == 1:
            result[whole] = torch.cat([found[f"{index}/{count}"] for index in range(count)])
    return result


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


def pretrained_layout(
    family: str,
    prefix: str,
    requires: tuple[str, ...] = (),
    forbids: tuple[str, ...] = (),
    rules: tuple[tuple[str, str | None], ...] = (),
) -> Layout:
    """The layout of a pre-trained file that holds the encoder under a prefix, and beside it what isn't used here.

    Args:
        family, requires, forbids: see `Layout`; keys of the shared encoder are required in any case.
        prefix: of the encoder's keys.
        rules: those that come before the shared ones, with the prefix in their patterns.
    """
    source = re.escape(prefix)
    return Layout(
        family=family,
        stage="pre-trained",
        requires=(rf"{source}encoder\.first_conv\.", rf"{source}blocks\.blocks\.0\.norm1\.", *requires),
        forbids=forbids,
        rules=(*rules, *encoder_rules(prefix, "encoder."), (rf"(?!{source})", None)),
    )


# The first layer of the positions takes in coordinates.
COORDINATES = (r"pos_embed\.0\.weight$", 3)

# Networks without a part of their own have the same keys once fine-tuned (Point-MAE, ACT, ReCon without its second
# branch): nothing in such a file says which of them it is, and all of them read it.
PLAIN_FINE_TUNED = Layout(
    family="point_mae",
    stage="fine-tuned",
    requires=(r"encoder\.first_conv\.", r"blocks\.blocks\.0\.norm1\.", r"cls_pos$", r"cls_head_finetune\.1\."),
    forbids=(r"blocks\.blocks\.0\.norm1_contrast\.", r"reduce_dim\."),
    rules=encoder_rules("", ""),
    takes=(COORDINATES,),
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
    forbids=(r"blocks\.blocks\.0\.(norm1_contrast|cls)\.", r"reduce_dim\."),
    rules=(*encoder_rules("", ""), *PART_HEAD_RULES),
    takes=(COORDINATES,),
)

# The same of networks whose tokenizer ends in a linear layer, with Point-BERT's head of two layers, one of MaskPoint's.
REDUCED_KEYS = (r"encoder\.first_conv\.", r"reduce_dim\.", r"blocks\.blocks\.0\.norm1\.")
REDUCED_RULES: tuple[tuple[str, str | None], ...] = ((r"reduce_dim\.", "tokenizer.reduce."), *encoder_rules("", ""))
REDUCED_FINE_TUNED = Layout(
    family="point_bert",
    stage="fine-tuned",
    requires=(*REDUCED_KEYS, r"cls_head_finetune\.3\."),
    rules=REDUCED_RULES,
)
REDUCED_PARTS = Layout(
    family="point_bert",
    stage="fine-tuned",
    task="part_segmentation",
    requires=(*REDUCED_KEYS, *PART_HEAD_KEYS),
    rules=(*REDUCED_RULES, *PART_HEAD_RULES),
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
