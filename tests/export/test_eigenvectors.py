"""Eigenvectors by standard ONNX operators."""

import onnxruntime
import pytest
import torch
from torch import nn
from torch.export import Dim

from clouds import random_clouds
from pointlora.export.eigenvectors import eigh, rounds_of_pairs
from pointlora.export.operators import OPSET
from pointlora.ops.graph_spectrum import fourier_basis, z_order
from pointlora.torch_private import eigenvector_operator


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_each_row_meets_each_other_one_once(size):
    partners, signs = rounds_of_pairs(size)
    met = [(row, int(other)) for partner in partners for row, other in enumerate(partner) if row != other]
    assert sorted(met) == [(row, other) for row in range(size) for other in range(size) if row != other]
    for partner, sign in zip(partners, signs, strict=True):
        for row, other in enumerate(partner):
            assert sign[row] == int(other > row) - int(other < row)


class Spectrum(nn.Module):
    def forward(self, centers):
        return fourier_basis(centers), z_order(centers.flatten(1, 2))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(3, 7), (1, 24)])
def test_bases_of_any_number_of_clouds_are_torch_s(shape):
    def clouds(count):
        return random_clouds(count, shape[0] * shape[1]).view(count, *shape, 3)

    program = torch.export.export(Spectrum(), (clouds(2),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=True)
    table = {eigenvector_operator(): eigh}
    made = torch.onnx.export(program, dynamo=True, opset_version=OPSET, custom_translation_table=table, verbose=False)
    content = made.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for count in (1, 5):
        basis, order = session.run(None, {session.get_inputs()[0].name: clouds(count).numpy()})
        expected = Spectrum()(clouds(count))
        torch.testing.assert_close(torch.from_numpy(basis), expected[0], atol=1e-6, rtol=0)
        assert torch.equal(torch.from_numpy(order), expected[1])
