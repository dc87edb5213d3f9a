"""For which clouds rounding decides what a network looks at."""

import pytest
import torch

import pointlora
from pointlora.export.near_ties import ROUNDING, tied, undecided_clouds
from pointlora.export.network import exported_network
from pointlora.methods.settings.idpt import IdptConfig

SIZES = {
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 16,
    "group_size": 8,
    "tokenizer_dims": (16, 32, 32),
}


def network(method):
    torch.manual_seed(0)
    model = pointlora.create_model("point_mae_tiny", num_classes=3, **SIZES)
    pointlora.apply_method(model, method)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return exported_network(model)


def clouds(batch=3):
    return [torch.randn(batch, 64, 3, generator=torch.Generator().manual_seed(1))]


def test_a_row_is_tied_where_the_last_one_taken_is_as_small_as_the_next():
    rows = torch.tensor([[3.0, 0.0, 1.0, 2.0], [0.0, 2.0, 2.0 + 0.5 * ROUNDING, 7.0]])
    values = torch.stack([rows, rows.clone(), rows[[0, 0]]])
    assert tied(values, 2, ROUNDING).tolist() == [True, True, False]
    values[1, 1, 2] = 2.0 + 2 * ROUNDING
    assert tied(values, 2, ROUNDING).tolist() == [True, False, False]
    assert tied(values, 2, torch.tensor([[0.0], [1.0], [0.5]])).tolist() == [False, True, False]
    assert tied(values, 1, ROUNDING).tolist() == tied(values, 3, ROUNDING).tolist() == [False, False, False]
    assert tied(values, 4, 99.0).tolist() == [False, False, False]  # all are taken


@pytest.mark.parametrize("edge", [0, 2])
def test_neighbours_between_features_that_rounding_decides(edge):
    """Each of the three edge convolutions chooses anew."""
    here = network(IdptConfig(neighbors=5))
    assert undecided_clouds(here, clouds()).tolist() == [False, False, False]

    def alike(module, given):
        """Of one cloud, let a patch be halfway between two others, either of which is the last of its neighbours."""
        patches, neighbors = given
        patches = patches.clone()
        patches[1] = torch.arange(16.0)[:, None] ** 2 / 50
        patches[1, 5] = (patches[1, 3] + patches[1, 8]) / 2
        return patches, neighbors

    here.model.method.dgcnn.edges[edge].register_forward_pre_hook(alike)
    assert undecided_clouds(here, clouds()).tolist() == [False, True, False]


def test_other_methods_choose_nothing():
    assert not undecided_clouds(network("lora"), clouds()).any()
    here = network("pointlora")
    assert not undecided_clouds(here, clouds()).any()
    assert not here.model.method.scorer._forward_hooks  # none is left behind
