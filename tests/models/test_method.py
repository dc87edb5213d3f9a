"""The places where a method may act, by a method made for the test."""

import pytest
import torch

from clouds import random_clouds
from pointlora import create_model
from pointlora.models.method import Method, TokenSequence, rename_keys

SIZES = {"embed_dim": 12, "depth": 3, "num_heads": 3, "num_groups": 8, "group_size": 8, "tokenizer_dims": (8, 8, 16)}
PARTS = {"num_parts": 4, "num_categories": 2}


def test_the_kinds_of_tokens_keep_their_places():
    tokens = torch.arange(10.0).view(1, 10, 1)
    sequence = TokenSequence(tokens, tokens + 100, num_prefix=2, num_patches=5)
    assert [part.flatten().tolist() for part in (sequence.prefix, sequence.prompts, sequence.patches)] == [
        [0, 1],
        [],
        [2, 3, 4, 5, 6],
    ]
    assert sequence.others.flatten().tolist() == [7, 8, 9]
    for number in (-1.0, -2.0):
        sequence = sequence.with_prompts(torch.full((1, 1, 1), number), torch.full((1, 1, 1), 100 * number))
    sequence = sequence.with_others([torch.full((1, 2, 1), 50.0)], [torch.full((1, 2, 1), 60.0)])
    assert sequence.tokens.flatten().tolist() == [0, 1, -2, -1, 2, 3, 4, 5, 6, 7, 8, 9, 50, 50]
    assert sequence.positions.flatten().tolist()[:5] == [100, 101, -200, -100, 102]
    assert sequence.positions.flatten().tolist()[-3:] == [109, 60, 60]
    assert sequence.patches.flatten().tolist() == [2, 3, 4, 5, 6]
    assert sequence.prompts.flatten().tolist() == [-2, -1]
    assert sequence.num_prompts == 2


class Growing(Method):
    """Puts a prompt into the sequence after each block, and counts what it has seen."""

    def extend(self, sequence, scales):
        return sequence._replace(positions=sequence.tokens.new_zeros(1, 1, 1), memory=[])

    def before_block(self, index, sequence):
        return sequence._replace(memory=[*sequence.memory, sequence.tokens.shape[1]])

    def after_block(self, index, sequence):
        return sequence.with_prompts(sequence.patches.mean(1, keepdim=True))

    def pool(self, features, sequence):
        self.seen = sequence
        return features


@pytest.mark.parametrize("name", ["point_mae", "recon", "point_bert", "point_gpt_s"])
def test_part_segmentation_finds_its_patches_at_every_level(name):
    torch.manual_seed(0)
    model = create_model(name, "part_segmentation", **SIZES, **PARTS).eval()
    model.method = Growing()
    levels, given = [], {}
    model.norm.register_forward_hook(lambda module, inputs, output: levels.append(output))
    model.head.register_forward_hook(lambda module, inputs, output: given.update(inputs=inputs))
    points = random_clouds(2, 64)
    with torch.no_grad():
        model(points, torch.tensor([0, 1]))
        own = model.arrange(model.embed(model.group(points))[0])
    prefix = levels[0].shape[1] - 9
    assert [level.shape[1] for level in levels] == [prefix + 9, prefix + 10, prefix + 11]
    patches = [level[:, prefix + number + 1 :] for number, level in enumerate(levels)]
    _, centers, features, _, _ = given["inputs"]
    assert torch.equal(features, torch.cat(patches, -1))
    assert torch.equal(centers, own.centers)
    assert model.method.seen.memory == [prefix + 8, prefix + 9, prefix + 10]
    assert torch.equal(model.method.seen.centers, own.centers)


def test_the_base_class_acts_nowhere():
    torch.manual_seed(0)
    model = create_model("point_mae", num_classes=3, **SIZES).eval()
    sequence = model.assemble(model.embed(model.group(random_clouds(2, 64)))[0])
    method = Method()
    for changed in (method.extend(sequence, []), method.before_block(0, sequence), method.after_block(0, sequence)):
        assert changed is sequence
    assert (method.scales, method.loss_weight, method.freezes_statistics, method.checkpoint_keys(["a"])) == (
        (),
        0.0,
        False,
        {},
    )
    assert model(random_clouds(2, 64)).auxiliary_loss == 0


def test_keys_are_renamed_by_the_first_rule_that_matches():
    rules = ((r"a\.(.*)$", r"b.\1"), (r"a\.x$", "never"), (r"c$", None))
    assert rename_keys(["a.x", "c", "d"], rules) == {"a.x": "b.x", "c": None}
