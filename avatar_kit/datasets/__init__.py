"""Datasets that ship with the framework."""
