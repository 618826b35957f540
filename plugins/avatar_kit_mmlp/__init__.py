"""MMLPHuman: Gaussians whose shape and colour follow the pose through MLPs spread over the body."""
