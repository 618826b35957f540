"""Momentum Human Rig (MHR) as a body, by assets that the user has."""
