"""A benchmark and ablation harness for image-to-image GANs."""
