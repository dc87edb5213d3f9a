"""Backbones, their pieces, the registry, and official checkpoints."""
