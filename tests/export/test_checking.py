"""When logits count as the same, and which clouds are left out because rounding selects their tokens."""

import pytest
import torch

import pointlora
from pointlora.errors import ConfigError
from pointlora.export.checking import TOLERANCE, check_outputs
from pointlora.export.near_ties import undecided_clouds
from pointlora.export.network import exported_network

SIZES = {
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 16,
    "group_size": 8,
    "tokenizer_dims": (16, 32, 32),
}


def network(method="pointlora"):
    torch.manual_seed(0)
    model = pointlora.create_model("point_mae_tiny", num_classes=3, **SIZES)
    pointlora.apply_method(model, method)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return exported_network(model)


def clouds(batch=3, seed=0):
    return [torch.randn(batch, 64, 3, generator=torch.Generator().manual_seed(seed))]


def wrong_by(network, *errors):
    """The network, but for errors of one cloud after the other."""
    return lambda inputs: network(*inputs) + torch.tensor(errors)[:, None]


def tie_scores(network, cloud):
    """Give one cloud the same score everywhere."""

    def tied(module, given, scores):
        scores = scores.clone()
        scores[cloud] = 0.5
        return scores

    return network.model.method.scorer.register_forward_hook(tied)


def test_the_largest_difference_is_returned():
    here = network()
    found = check_outputs(here, wrong_by(here, 0.0, 5e-5, 2e-5), [clouds(), clouds(seed=1)], "it")
    assert found.difference == pytest.approx(5e-5, rel=0.05)
    assert found.undecided == 0


@pytest.mark.parametrize("error", [0.1, 2 * TOLERANCE, float("nan")])
@pytest.mark.parametrize("method", ["pointlora", "lora"])
def test_a_difference_is_an_error(error, method):
    here = network(method)
    with pytest.raises(ConfigError, match=r"on clouds \(3, 64, 3\) it's logits differ by"):
        check_outputs(here, wrong_by(here, 0.0, error, 0.0), [clouds()], "it")


def test_logits_of_another_shape_are_an_error():
    here = network()
    with pytest.raises(ConfigError, match="differ by inf"):
        check_outputs(here, lambda inputs: here(*inputs)[:, :2], [clouds()], "it")


def test_a_cloud_whose_selection_rounding_decides_is_left_out():
    here = network()
    assert undecided_clouds(here, clouds()).tolist() == [False, False, False]
    tie_scores(here, 1)
    assert undecided_clouds(here, clouds()).tolist() == [False, True, False]
    assert check_outputs(here, wrong_by(here, 0.0, 0.2, 0.0), [clouds()], "it").undecided == 1
    for errors in ((0.2, 0.0, 0.0), (0.0, 0.2, 2 * TOLERANCE), (0.0, float("nan"), 0.0)):
        with pytest.raises(ConfigError, match="differ by"):
            check_outputs(here, wrong_by(here, *errors), [clouds()], "it")


def test_without_a_cloud_to_compare_nothing_is_written():
    here = network()
    tie_scores(here, slice(None))
    assert check_outputs(here, wrong_by(here, 0.0, 0.0, 0.0), [clouds()], "it").undecided == 0
    with pytest.raises(ConfigError, match="on all 3 clouds tried, rounding decides which tokens are selected"):
        check_outputs(here, wrong_by(here, 0.2, 0.2, 0.2), [clouds()], "it")
