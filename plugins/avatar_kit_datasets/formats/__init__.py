"""One module for each format: how its files are read."""
