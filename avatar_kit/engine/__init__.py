"""Training loop, checkpoints, evaluation, driving."""
