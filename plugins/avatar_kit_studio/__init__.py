"""avatar-kit plugin, dataset: the embedded synthetic capture."""
