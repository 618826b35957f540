"""Encoders that ship with the framework itself: what the light of a capture tells any renderer."""
