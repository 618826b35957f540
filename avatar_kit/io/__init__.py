"""Video, image, motion and cache files."""
