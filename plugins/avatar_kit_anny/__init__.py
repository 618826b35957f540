"""avatar-kit plugin, body model: Anny."""
