"""What ``import avatar_kit`` offers: one file a thing a person does with an avatar."""
