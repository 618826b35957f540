"""The capture folder: read, write, validate, split."""
