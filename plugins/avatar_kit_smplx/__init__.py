"""avatar-kit plugin, body model: SMPL-X, SMPL-H and SMPL, by the user's licensed file."""
