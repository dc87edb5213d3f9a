import torch

from pointlora.randomness import derive_seed, isolated_randomness
from pointlora.training.randomness import patch_masks, seed_step


def test_seeds_are_fixed_for_ever_and_differ():
    # A run that is resumed by a later release must draw the same numbers.
    assert derive_seed("step", 0, 0, 0) == 5_547_940_964_464_133_602
    seeds = {derive_seed("step", seed, step, rank) for seed in range(5) for step in range(50) for rank in range(3)}
    assert len(seeds) == 750
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_isolated_randomness_puts_the_callers_state_back():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with isolated_randomness("x", 1):
        inside = torch.rand(2)
    assert torch.equal(torch.rand(2), expected)
    assert not torch.equal(inside, expected)


def test_a_step_draws_the_same_whatever_came_before():
    with isolated_randomness("x", 1):
        seed_step(5, 10)
        first = torch.rand(3)
        torch.rand(100)
        seed_step(5, 11)
        other = torch.rand(3)
        seed_step(5, 10)
        assert torch.equal(torch.rand(3), first)
        assert not torch.equal(other, first)


def test_masks_belong_to_the_sample_not_to_the_batch():
    keys = [(0, 4), (0, 9), (1, 4)]
    masks = patch_masks(7, keys, 20, 12)
    assert masks.shape == (3, 20)
    assert masks.sum(1).tolist() == [12, 12, 12]
    assert torch.equal(patch_masks(7, keys[::-1], 20, 12).flip(0), masks)
    assert not torch.equal(masks[0], masks[2])
    assert not torch.equal(patch_masks(8, keys, 20, 12), masks)
