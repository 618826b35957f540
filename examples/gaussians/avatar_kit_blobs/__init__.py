"""Gaussians on the body, from outside of avatar-kit."""
