import math

import pytest
import torch

from pointlora.methods.selection import RandomScorer, TokenScorer, mask_loss, select_tokens
from pointlora.methods.settings import SelectionScale
from pointlora.models.method import TokenSet

SCALES = (SelectionScale(4, 8, 2), SelectionScale(3, 8, 1, loss_weight=0.25))


def token_set() -> TokenSet:
    generator = torch.Generator().manual_seed(0)
    return TokenSet(*(torch.randn(2, 4, width, generator=generator) for width in (6, 6, 3)))


def test_the_best_come_first_with_their_positions_and_centers():
    scale, scores = token_set(), torch.tensor([[0.1, 0.9, 0.5, 0.2], [0.8, 0.1, 0.3, 0.7]])
    chosen = select_tokens(scale, scores, 2, straight_through=False)
    for cloud, order in enumerate([[1, 2], [0, 3]]):
        for found, source in zip(chosen, scale, strict=True):
            assert torch.equal(found[cloud], source[cloud, order])


def test_straight_through_changes_no_value_and_passes_the_gradient_to_the_chosen_scores():
    scale = token_set()
    scores = torch.tensor([[0.1, 0.9, 0.5, 0.2], [0.8, 0.1, 0.3, 0.7]], requires_grad=True)
    chosen = select_tokens(scale, scores, 2, straight_through=True)
    assert torch.equal(chosen.tokens, select_tokens(scale, scores, 2, straight_through=False).tokens)
    chosen.tokens.sum().backward()
    expected = torch.zeros(2, 4)
    expected[0, [1, 2]] = scale.tokens[0, [1, 2]].sum(-1)
    expected[1, [0, 3]] = scale.tokens[1, [0, 3]].sum(-1)
    torch.testing.assert_close(scores.grad, expected)


def test_mask_loss_is_the_formula():
    scores = [torch.full((2, 4), 0.3), torch.full((2, 3), 0.9)]
    parts = [p * math.log(p + 1e-6) + (1 - p) * math.log(1 - p + 1e-6) for p in (0.3, 0.9)]
    expected = parts[0] + 0.25 * parts[1]
    assert mask_loss(scores, SCALES, "release").item() == pytest.approx(expected, rel=1e-6)
    assert mask_loss(scores, SCALES, "polarize").item() == pytest.approx(-expected, rel=1e-6)
    assert mask_loss(scores, SCALES, "none").item() == 0


def test_release_pulls_scores_to_one_half_and_polarize_pushes_them_apart():
    for kind, sign in (("release", -1), ("polarize", 1)):
        scores = torch.tensor([[0.8, 0.2]], requires_grad=True)
        mask_loss([scores], (SelectionScale(2, 4, 1),), kind).backward()
        step = -scores.grad[0]
        assert torch.sign(step).tolist() == [sign, -sign]


def test_scores_are_float32_probabilities():
    torch.manual_seed(0)
    scorer = TokenScorer(8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = scorer(torch.randn(2, 5, 8))
    assert scores.dtype == torch.float32
    assert scores.shape == (2, 5)
    assert 0 < scores.min() < scores.max() < 1
    assert sum(p.numel() for p in TokenScorer(384).parameters()) == 74_113


def test_random_scores_follow_the_seed_in_training_and_only_the_size_in_evaluation():
    scorer, tokens = RandomScorer([40, 20]), torch.randn(3, 40, 8)
    assert not list(scorer.state_dict())
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(scorer(tokens))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0][0], drawn[0][1])
    fixed = scorer.eval()(tokens)
    assert torch.equal(fixed, scorer(torch.randn(1, 40, 8)).expand(3, -1))
    assert fixed[0].topk(4).indices.tolist() == [36, 20, 16, 4]  # as on every other machine
    assert len(fixed[0].unique()) == 40
    assert fixed[0, :20].tolist() != scorer(tokens[:, :20])[0].tolist()
