import copy

import torch

from clouds import random_clouds
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


def test_shared_patches_are_tokenized_once_and_statistics_move_as_if_each_were():
    torch.manual_seed(0)
    shared = Tokenizer((8, 16, 32), 24).train()
    separate = copy.deepcopy(shared)
    scales = group_scales(random_clouds(2, 60), [Scale(8, 9), Scale(8, 9), Scale(4, 12)])
    calls = []
    shared.register_forward_hook(lambda module, args, output: calls.append(args[0].shape[1:3]))
    together = shared.tokenize_scales(scales)
    alone = [separate(patches.neighborhoods) for patches in scales]
    assert [tuple(call) for call in calls] == [(8, 9), (4, 12)]
    for first, second in zip(together, alone, strict=True):
        torch.testing.assert_close(first, second)
    for (name, buffer), other in zip(shared.named_buffers(), separate.buffers(), strict=True):
        torch.testing.assert_close(buffer, other, msg=name)
    assert shared.first_conv[1].num_batches_tracked.item() == 3
    assert shared.first_conv[1].momentum == 0.1
