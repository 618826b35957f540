"""Articulated Neural Rendering and Deferred Neural Rendering: neural textures, image by image."""
