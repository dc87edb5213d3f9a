import pytest
import torch

from clouds import random_clouds
from goldens import load_golden
from pointlora import create_model, load_checkpoint
from pointlora.errors import ConfigError, ShapeError


def small(**options):
    return create_model("point_mae", task="pretraining", embed_dim=48, depth=2, num_groups=16, group_size=8, **options)


def test_loss_equals_the_official_one():
    golden = load_golden("point_mae_pretrain_small")
    model = create_model("point_mae", task="pretraining", embed_dim=48, depth=3, num_groups=64, decoder_depth=2).eval()
    report = load_checkpoint(model, golden.state_dict)
    assert (report.missing, report.unexpected, report.stage) == ([], [], "pre-trained")
    with torch.no_grad():
        output = model(golden["points"], mask=golden["mask"])
    torch.testing.assert_close(output.centers, golden["centers"])
    assert output.loss.item() == pytest.approx(golden["loss"].item(), abs=1e-5)


def test_only_visible_patches_are_tokenized():
    model = small(mask_ratio=0.6)
    seen = []
    model.encoder.tokenizer.register_forward_hook(lambda module, args, output: seen.append(args[0].shape[1]))
    model(random_clouds(2, 64))
    assert seen == [16 - 9]


def test_masked_points_do_not_reach_the_encoder():
    model = small().eval()
    points = random_clouds(1, 64)
    output = model(points, generator=torch.Generator().manual_seed(0))
    hidden = []
    model.encoder.norm.register_forward_hook(lambda module, args, result: hidden.append(result))
    for seed in (0, 0, 1):
        model(points, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(hidden[0], hidden[1])
    assert not torch.equal(hidden[0], hidden[2])
    assert output.mask.sum() == 9
    assert output.rebuilt.shape == (1, 9, 8, 3)


def test_random_masks_are_a_function_of_the_generator():
    model = small()
    masks = [model.random_mask(4, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    assert masks[0].sum(1).tolist() == [9] * 4


def test_bad_masks_are_named():
    points = random_clouds(2, 64)
    uneven = torch.zeros(2, 16, dtype=torch.bool)
    uneven[0, :3] = True
    uneven[1, :4] = True
    with pytest.raises(ShapeError, match="hides 3 to 4"):
        small()(points, mask=uneven)
    with pytest.raises(ShapeError, match="mask must be"):
        small()(points, mask=torch.zeros(2, 15, dtype=torch.bool))
    with pytest.raises(ConfigError, match=r"mask_ratio 0\.01 of 16 patches masks 0"):
        small(mask_ratio=0.01)
