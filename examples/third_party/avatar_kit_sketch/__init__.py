"""Sketches of people: a renderer, an aligner and a method."""
