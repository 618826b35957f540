"""What the core exports to: Gaussians of one pose, and Gaussians with their rig."""
