import torch

from pointlora.ops.eigenvectors import fixed_signs


def test_the_largest_entry_of_each_column_is_positive_and_the_first_of_equals_counts():
    vectors = torch.tensor([[[1.0, -3.0, -2.0, 0.0], [-2.0, 1.0, 2.0, 0.0]]])
    expected = torch.tensor([[[-1.0, 3.0, 2.0, 0.0], [2.0, -1.0, -2.0, 0.0]]])
    assert torch.equal(fixed_signs(vectors), expected)
    assert torch.equal(fixed_signs(-vectors), expected)


def test_rounding_doesn_t_decide_between_equals():
    vectors = torch.tensor([[-0.7, -0.7], [0.7, 0.7]], dtype=torch.float64)
    vectors[1, 0] *= 1 + 1e-12
    vectors[1, 1] *= 1 - 1e-12
    assert (fixed_signs(vectors)[0] > 0).all()
