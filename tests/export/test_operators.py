"""Sampling, neighbours and walks as ONNX operators: index for index what ours pick, ties included."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.export import Dim

from clouds import lattice_clouds, random_clouds
from pointlora.export.operators import OPSET, translations
from pointlora.export.preparation import evaluation_points
from pointlora.models.gpt_blocks import greedy_order
from pointlora.ops import farthest_point_sampling, k_nearest_neighbors
from pointlora.ops.compiling import NODES, operators_in_exports
from pointlora.ops.neighbors import nearest_of
from pointlora.ops.sampling import farthest_point_sampling_reference, sample_in_a_loop


class Everything(nn.Module):
    """All operators that are translated, one after another."""

    def forward(self, points):
        picks = farthest_point_sampling(points, 16)
        centers = points.gather(1, picks[..., None].expand(-1, -1, 3))
        distances = torch.cdist(centers, centers, compute_mode="donot_use_mm_for_euclid_dist")
        return (
            picks,
            k_nearest_neighbors(centers, points, 12),
            greedy_order(centers),
            nearest_of(distances, 5),
            evaluation_points(points, 40),
        )


@pytest.fixture(scope="module")
def session():
    with torch.no_grad(), operators_in_exports(NODES):
        program = torch.export.export(
            Everything(), (random_clouds(2, 50),), dynamic_shapes=({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},), strict=True
        )
        made = torch.onnx.export(
            program, dynamo=True, opset_version=OPSET, custom_translation_table=translations(), verbose=False
        )
    return onnxruntime.InferenceSession(made.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])


CLOUDS = {
    "one": random_clouds(1, 700),
    "three": random_clouds(3, 2048),
    "large": random_clouds(3, 5000),
    "ties": lattice_clouds(2, 6),
    "as many as are wanted": random_clouds(2, 40),
    "fewer than are wanted": random_clouds(2, 17),
    "one point again and again": torch.zeros(2, 30, 3),
    "far from the origin": random_clouds(2, 300) * 0.01 + 1000,
    "more than are looked at": random_clouds(1, 70_001),
}


@pytest.mark.parametrize("points", CLOUDS.values(), ids=CLOUDS)
def test_indices_are_ours(session, points):
    found = session.run(None, {session.get_inputs()[0].name: points.numpy()})
    for index, expected in zip(found, Everything()(points), strict=True):
        np.testing.assert_array_equal(index, expected.numpy())


def test_loops_are_loops_and_nothing_is_of_another_domain(session):
    assert {each.name for each in session.get_inputs()} == {"points"}
    assert len(session.get_outputs()) == 5


@pytest.mark.parametrize("points", [CLOUDS["one"], CLOUDS["ties"], CLOUDS["one point again and again"]])
def test_the_loop_of_exported_programs_picks_the_same(points):
    starts = torch.zeros(len(points), dtype=torch.int64)
    assert torch.equal(sample_in_a_loop(points, 16, starts), farthest_point_sampling_reference(points, 16))


def test_points_for_evaluation_are_those_of_the_data_pipeline():
    """Of a very large cloud once it is in the order in which prediction hands it over."""
    from pointlora.data.resampling import resample_for_evaluation, with_drawn_spread

    for name in ("one", "fewer than are wanted", "as many as are wanted", "more than are looked at"):
        clouds = CLOUDS[name].numpy()
        points = torch.from_numpy(np.stack([with_drawn_spread(cloud, 40) for cloud in clouds]))
        index = evaluation_points(points, 40)
        found = points.gather(1, index[..., None].expand(-1, -1, 3)).numpy()
        np.testing.assert_array_equal(found, resample_for_evaluation(clouds, 40))
