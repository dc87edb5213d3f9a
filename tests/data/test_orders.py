"""Orders by blocks: permutations that read each block once, and mix within some of them."""

import numpy as np

from pointlora.data.orders import Blocks, shuffled_order

NUMBERS = np.repeat([7, 3, 5, 1, 9], [4, 6, 5, 3, 2])


def order(seed: int, together: int) -> np.ndarray:
    return shuffled_order(np.random.default_rng(seed), 20, Blocks(NUMBERS, together))


def test_blocks_are_read_once_and_shuffled_inside():
    for seed in range(5):
        found = order(seed, 1)
        assert sorted(found.tolist()) == list(range(20))
        numbers = NUMBERS[found]
        assert np.count_nonzero(np.diff(numbers)) == 4
        assert found.tolist() != sorted(found.tolist())
    assert len({NUMBERS[order(seed, 1)][0] for seed in range(20)}) == 5


def test_samples_mix_within_blocks_that_are_together():
    numbers = NUMBERS[order(0, 2)]
    changes = [set(numbers[: np.flatnonzero(numbers == last)[-1] + 1].tolist()) for last in numbers[[0]]]
    assert len(changes[0]) == 2
    assert np.count_nonzero(np.diff(numbers)) > 4
    assert order(0, 5).tolist() != order(1, 5).tolist()


def test_without_blocks_it_is_a_permutation():
    expected = np.random.default_rng(3).permutation(50)
    assert shuffled_order(np.random.default_rng(3), 50).tolist() == expected.tolist()
