import pytest
import torch

from pointlora import create_model
from pointlora.errors import ConfigError, ShapeError
from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.masked_autoencoder import MaskedAutoencoder
from pointlora.models.two_views import OwnView, SecondView, TwoViewAutoencoder, see
from training_runs import SIZES

BATCH = 3


@pytest.fixture
def model():
    torch.manual_seed(0)
    return create_model("point_mae", "pretraining", contrast_dim=6, num_categories=5, **SIZES).eval()


@pytest.fixture
def points():
    return torch.randn(BATCH, 64, 3, generator=torch.Generator().manual_seed(1))


def masks(seed, num_masked=9):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(BATCH, 16, generator=generator).argsort(1) < num_masked


def view(mask, linear_map=None, shift=0.0, direction=(0.0, 0.0, 0.0)):
    linear_map = torch.eye(3) if linear_map is None else linear_map
    fill = torch.tensor([direction] * BATCH), linear_map.expand(BATCH, 3, 3), torch.full((BATCH, 3), shift)
    return SecondView(mask, *fill)


def test_the_objectives_decide_which_network_it_is():
    assert type(create_model("point_mae", "pretraining", **SIZES)) is MaskedAutoencoder
    assert type(create_model("point_mae", "pretraining", contrast_dim=4, **SIZES)) is TwoViewAutoencoder
    with pytest.raises(ConfigError, match="contrast_dim is -1"):
        create_model("point_mae", "pretraining", contrast_dim=-1, **SIZES)


def test_equal_views_have_equal_summaries(model, points):
    output = model(points, masks(2), view(masks(2)))
    assert output.embeddings.shape == (2, BATCH, 6)
    assert output.category_logits.shape == (2, BATCH, 5)
    torch.testing.assert_close(output.embeddings[0], output.embeddings[1])
    torch.testing.assert_close(output.category_logits[0], output.category_logits[1])


def test_a_view_is_the_mapped_cloud_with_other_patches(model, points):
    """The second view alone, as the first view of the cloud that was turned before it was cut."""
    angle = torch.tensor(0.7)
    turn = torch.eye(3)
    turn[:2, :2] = torch.stack([torch.stack([angle.cos(), angle.sin()]), torch.stack([-angle.sin(), angle.cos()])])
    both = model(points, masks(2), view(masks(3), turn, 0.25))
    turned = model(points @ turn + 0.25, masks(3), view(masks(3)))
    torch.testing.assert_close(both.embeddings[1], turned.embeddings[0], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(both.embeddings[1], both.embeddings[0], atol=1e-3)


def test_the_second_view_does_not_change_the_reconstruction(model, points):
    """In evaluation mode; in training both views are normalised with common statistics."""
    first = model(points, masks(2), view(masks(3))).loss
    assert first == model(points, masks(2), view(masks(4), 2 * torch.eye(3))).loss
    assert first != model(points, masks(5), view(masks(3))).loss


def test_a_view_from_one_side_shows_the_patches_farthest_in_that_direction(model, points):
    patches = model.group(points)
    seen = see(patches, view(masks(3), shift=1.0, direction=(0.0, 0.0, -2.0)), 9)
    assert seen.neighborhoods.shape == (BATCH, 7, SIZES["group_size"], 3)
    heights = patches.centers[..., 2].sort(1).values[:, :7]
    torch.testing.assert_close(seen.centers[..., 2].sort(1).values, heights + 1)
    mixed = view(masks(3))
    mixed.direction[0] = torch.tensor([0.0, 0.0, -2.0])
    torch.testing.assert_close(see(patches, mixed, 9).centers[0] + 1, seen.centers[0])
    torch.testing.assert_close(see(patches, mixed, 9).centers[1:], see(patches, view(masks(3)), 9).centers[1:])


def test_one_objective_alone(points):
    contrast = create_model("point_mae", "pretraining", contrast_dim=6, **SIZES)
    output = contrast(points, masks(2), view(masks(3)))
    assert output.category_logits is None
    assert output.embeddings is not None


def test_masks_must_hide_equally_much(model, points):
    with pytest.raises(ShapeError, match="the first hides 9"):
        model(points, masks(2), view(masks(3, 8)))


def test_a_classifier_takes_over_the_encoder_with_its_class_token(model):
    classifier = create_model("point_mae", num_classes=4, **SIZES)
    report = load_checkpoint(classifier, model.state_dict())
    assert torch.equal(classifier.cls_token, model.encoder.cls_token)
    assert torch.equal(classifier.blocks[1].mlp.fc2.weight, model.encoder.blocks[1].mlp.fc2.weight)
    assert all(key.startswith("head.") for key in report.missing)
    assert any(key.startswith("contrast_head.") for key in report.ignored)


def test_a_second_view_may_be_a_cloud_of_its_own_and_hide_fewer_patches(model, points):
    other = torch.randn(BATCH, 64, 3, generator=torch.Generator().manual_seed(4))
    for hidden in (9, 3):
        both = model(points, masks(2), OwnView(other, masks(3, hidden), hidden))
        first = model(points, masks(2), view(masks(2)))
        second = model(other, masks(3, hidden), view(masks(3, hidden)))
        torch.testing.assert_close(both.embeddings[0], first.embeddings[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(both.embeddings[1], second.embeddings[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(both.loss, first.loss)


def test_the_latent_loss_compares_hidden_patches_with_the_teachers_in_their_order(points):
    torch.manual_seed(0)
    model = create_model("point_mae", "pretraining", teacher_momentum=0.9, **SIZES).eval()
    mask = masks(2)
    output = model(points, mask, view(mask))
    assert output.embeddings is None
    seen = {}
    hook = model.predict_latent.register_forward_hook(lambda module, given, made: seen.update(made=made))
    again = model(points, mask, view(mask))
    hook.remove()
    targets = model.teacher.targets(model.group(points))
    wanted = torch.stack([row[hidden] for row, hidden in zip(targets, mask, strict=True)])
    torch.testing.assert_close(again.latent, torch.nn.functional.smooth_l1_loss(seen["made"], wanted))
    assert torch.equal(again.latent, output.latent)
