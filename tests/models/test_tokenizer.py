import copy

import pytest
import torch

from clouds import random_clouds
from pointlora.layers import folded_tokenizer
from pointlora.models.tokenizer import Tokenizer
from pointlora.ops import Scale, group_scales


def test_split_weight_equals_joining_the_maximum():
    torch.manual_seed(0)
    tokenizer = Tokenizer((8, 16, 32), 24).eval()
    patches = group_scales(random_clouds(2, 60), [Scale(7, 9)])[0].neighborhoods
    features = tokenizer.first_conv(patches.flatten(0, 2)).unflatten(0, patches.shape[:3])
    joined = torch.cat([features.amax(2, keepdim=True).expand_as(features), features], -1)
    hidden = tokenizer.second_conv(joined.flatten(0, 2)).unflatten(0, joined.shape[:3])
    torch.testing.assert_close(tokenizer(patches), hidden.amax(2), atol=1e-6, rtol=0)


def test_shared_patches_are_tokenized_once_and_statistics_move_as_if_each_were(monkeypatch):
    torch.manual_seed(0)
    shared = Tokenizer((8, 16, 32), 24).train()
    separate = copy.deepcopy(shared)
    scales = group_scales(random_clouds(2, 60), [Scale(8, 9), Scale(8, 9), Scale(4, 12)])
    calls, forward = [], Tokenizer.forward
    with monkeypatch.context() as patched:
        patched.setattr(Tokenizer, "forward", lambda self, x: (calls.append(x.shape[1:3]), forward(self, x))[1])
        together = shared.tokenize_scales(scales)
    alone = [separate(patches.neighborhoods) for patches in scales]
    assert [tuple(call) for call in calls] == [(8, 9), (4, 12)]
    for first, second in zip(together, alone, strict=True):
        torch.testing.assert_close(first, second)
    for (name, buffer), other in zip(shared.named_buffers(), separate.buffers(), strict=True):
        torch.testing.assert_close(buffer, other, msg=name)
    assert shared.first_conv[1].num_batches_tracked.item() == 3
    assert shared.first_conv[1].momentum == 0.1


def tokenizer_with_statistics():
    torch.manual_seed(0)
    tokenizer = Tokenizer((8, 16, 12, 24), 20)
    for parameter in tokenizer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    for module in tokenizer.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return tokenizer.eval()


@pytest.mark.parametrize("block", [1, 300, 1 << 18])
def test_folded_and_shared_scales_equal_the_layers_one_scale_at_a_time(monkeypatch, block):
    monkeypatch.setattr(folded_tokenizer, "_BLOCK", block)
    tokenizer = tokenizer_with_statistics()
    scales = group_scales(random_clouds(2, 64), [(8, 4), (8, 4), (4, 8), (6, 5)])
    assert scales[0].strips[0] is scales[2].strips[0]
    with torch.no_grad():
        found = tokenizer.tokenize_scales(scales)
    for tokens, scale in zip(found, scales, strict=True):
        layers = tokenizer(scale.neighborhoods)  # with gradients, so layer by layer
        assert layers.requires_grad
        torch.testing.assert_close(tokens, layers, atol=1e-5, rtol=1e-5)


def test_folded_weights_follow_the_weights_and_the_statistics():
    tokenizer = tokenizer_with_statistics()
    (patches,) = group_scales(random_clouds(2, 64), [(8, 4)])

    def change_weight():
        tokenizer.first_conv[0].weight.mul_(2)

    def change_statistics():
        tokenizer.second_conv[1].running_mean.add_(1)

    with torch.no_grad():
        before = tokenizer(patches.neighborhoods)
        for change in (change_weight, change_statistics):
            change()
            after = tokenizer(patches.neighborhoods)
            assert not torch.allclose(after, before, atol=1e-3)
            before = after
    torch.testing.assert_close(before, tokenizer(patches.neighborhoods).detach(), atol=1e-5, rtol=1e-5)
