"""Edges that stay over a person who moves: made pictures, where they are known."""

import numpy as np
import pytest

from avatar_kit.tracking.burnt_in import BurntIn

HEIGHT, WIDTH, FRAMES = 120, 160, 40


def share(draw, *, wall=0.0, noise=2.0, moves=30.0):
    """What is found where a person as wide as a column walks to and fro before a wall."""
    rng, found = np.random.default_rng(1), BurntIn(height=90)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for k in range(FRAMES):
        centre = WIDTH / 2 + moves * np.sin(2 * np.pi * k / 20)
        inside = (np.abs(columns - centre) < 16) & (rows > 20) & (rows < 110)
        picture = 150 + wall * ((columns // 8 + rows // 8) % 2)
        stripes = 60 + 40 * (((rows - 20) // 6 + (columns - centre).astype(int) // 9) % 2)
        picture = np.where(inside, stripes, picture) + noise * rng.standard_normal(inside.shape)
        picture = np.repeat(picture[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)
        draw(picture)
        found.add(picture, inside)
    return found.share()


def nothing(picture):
    """A picture as it is."""


def bar(picture):
    picture[60:72, 40:120] = (230, 20, 20)


def corner(picture):
    """A station's logo, where nobody comes."""
    picture[4:14, 140:156] = 255


def letters(picture):
    for x in range(50, 110, 8):
        picture[62:72, x : x + 3] = 255


@pytest.mark.parametrize("draw", [bar, letters])
def test_what_lies_over_the_person_is_found(draw):
    assert share(draw) > 0.01


@pytest.mark.parametrize("wall", [0.0, 60.0])
@pytest.mark.parametrize("draw", [nothing, corner])
def test_walls_clothes_and_logos_beside_the_person_are_not(draw, wall):
    assert share(draw, wall=wall) < 0.0005


def test_a_person_who_stands_still_hides_nothing():
    assert share(nothing, moves=0.0) == 0.0


def test_a_few_frames_say_nothing():
    few = BurntIn(height=90)
    for _ in range(5):
        few.add(np.full((8, 8, 3), 100, np.uint8), np.ones((8, 8), bool))
    assert few.share() == 0.0
