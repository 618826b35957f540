"""avatar-kit plugin, datasets: the field's captures, read where they lie."""
