"""Network blocks that two or more plugins share, and perceptual features."""
