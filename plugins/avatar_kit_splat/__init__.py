"""Gaussians on a body under an explicit light."""
