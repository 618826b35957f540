"""Aligners that ship with the framework itself."""
