import pytest
import torch

from pointlora import create_model
from pointlora.models.latent_targets import Teacher, weights_as_buffers
from training_runs import SIZES


@pytest.fixture
def autoencoder():
    torch.manual_seed(0)
    return create_model("point_mae", "pretraining", contrast_dim=4, teacher_momentum=0.75, **SIZES)


def test_weights_become_buffers_of_the_same_values():
    layer = torch.nn.Linear(3, 2)
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    points = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    wanted = layer(points)
    assert weights_as_buffers(layer) is layer
    assert list(layer.parameters()) == []
    assert dict(layer.named_buffers()).keys() == {"weight", "bias"}
    assert torch.equal(layer.weight, weight)
    assert torch.equal(layer.bias, bias)
    assert torch.equal(layer(points), wanted)


def test_a_step_of_the_average_by_hand(autoencoder):
    teacher = autoencoder.teacher
    before = teacher.encoder.blocks[0].attn.qkv.weight.clone()
    means = teacher.encoder.tokenizer.first_conv[1].running_mean.clone()
    with torch.no_grad():
        autoencoder.encoder.blocks[0].attn.qkv.weight += 1
        autoencoder.encoder.tokenizer.first_conv[1].running_mean += 2
    teacher.follow(autoencoder.encoder)
    torch.testing.assert_close(teacher.encoder.blocks[0].attn.qkv.weight, before + 0.25)
    torch.testing.assert_close(teacher.encoder.tokenizer.first_conv[1].running_mean, means + 0.5)


def test_the_teacher_is_never_trained_and_never_in_training_mode(autoencoder):
    assert not any(name.startswith("teacher") for name, _ in autoencoder.named_parameters())
    autoencoder.train()
    assert not any(module.training for module in autoencoder.teacher.modules())


def test_targets_are_normalised_over_the_patches_of_the_batch(autoencoder):
    points = torch.randn(5, 64, 3, generator=torch.Generator().manual_seed(1))
    targets = autoencoder.teacher.targets(autoencoder.group(points))
    assert targets.shape == (5, SIZES["num_groups"], SIZES["embed_dim"])
    assert not targets.requires_grad
    torch.testing.assert_close(targets.mean((0, 1)), torch.zeros(SIZES["embed_dim"]), atol=1e-5, rtol=0)
    torch.testing.assert_close(targets.std((0, 1)), torch.ones(SIZES["embed_dim"]), atol=1e-3, rtol=0)


def test_a_teacher_starts_as_the_encoder(autoencoder):
    other = Teacher(autoencoder.encoder, 0.9)
    patches = autoencoder.group(torch.randn(2, 64, 3, generator=torch.Generator().manual_seed(2)))
    assert torch.equal(other.targets(patches), autoencoder.teacher.targets(patches))
