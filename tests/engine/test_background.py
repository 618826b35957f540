"""What is put behind a person, against pictures fitted and composited by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avatar_kit.engine.background import read_background, straight
from avatar_kit.errors import UserError
from avatar_kit.io import write_image
from avatar_kit.scene import RenderOutput


def rendered(seed=0, size=(6, 5)):
    draw = torch.Generator().manual_seed(seed)
    person, alpha = torch.rand(1, 3, *size, generator=draw), torch.rand(1, 1, *size, generator=draw)
    alpha = (2 * alpha - 0.5).clamp(0, 1)  # some pixels are covered, some are free
    return RenderOutput(person, alpha=alpha, person=person)


@pytest.mark.parametrize(
    ("text", "colour"),
    [("white", (255, 255, 255)), ("DodgerBlue", (30, 144, 255)), ("#1e90ff", (30, 144, 255))],
)
def test_a_colour_is_behind_the_person(text, colour):
    output = rendered()
    seen = read_background(text).behind(5, 6)(output)
    behind = torch.tensor(colour).view(3, 1, 1) / 255
    assert torch.allclose(seen, output.alpha[0] * output.person[0] + (1 - output.alpha[0]) * behind)


@pytest.mark.parametrize(("size", "kept"), [((40, 10), "wide"), ((10, 40), "tall")])
def test_a_picture_fills_the_frame_and_its_middle_stays_in_the_middle(tmp_path, size, kept):
    """A red middle square between green ends: of a longer picture the ends are cut off."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[..., 1] = 255
    rows, columns = (slice(None), slice(15, 25)) if kept == "wide" else (slice(15, 25), slice(None))
    image[rows, columns] = (255, 0, 0)
    write_image(tmp_path / "room.png", image)
    fitted = read_background(tmp_path / "room.png").fitted(20, 20)
    assert fitted.shape == (3, 20, 20)
    inside = fitted[:, 6:-6, 6:-6]  # the filter looks three pixels of the picture beyond the edge
    assert torch.allclose(inside, torch.tensor([1.0, 0, 0]).view(3, 1, 1).expand_as(inside))


def test_a_picture_that_a_camera_held_upright_is_turned(tmp_path):
    image = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90 degrees
    image.save(tmp_path / "tall.jpg", exif=exif)
    assert read_background(tmp_path / "tall.jpg").picture.shape == (40, 20, 3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), behind=st.floats(0, 1))
def test_straight_alpha_composites_to_the_same_picture(seed, behind):
    """To half a step of eight bits, below which alpha is none."""
    output = rendered(seed)
    seen = read_background("transparent").behind(5, 6)(output)
    colours, alpha = seen[:3], seen[3:]
    wanted = output.alpha[0] * output.person[0] + (1 - output.alpha[0]) * behind
    assert torch.equal(alpha, output.alpha[0])
    assert torch.allclose(alpha * colours + (1 - alpha) * behind, wanted, atol=0.5 / 255)
    shown = alpha[0] > 0.01
    assert torch.allclose(colours[:, shown], output.person[0][:, shown], atol=1e-5)


def test_colours_go_on_where_nothing_is_covered():
    """Half of the picture is a red person: free pixels are red too, so no filter makes a rim."""
    person, alpha = torch.rand(3, 8, 8), torch.zeros(1, 8, 8)
    alpha[..., :4], person[..., :4] = 1, torch.tensor([0.9, 0.1, 0.1]).view(3, 1, 1)
    seen = straight(person, alpha)
    assert torch.allclose(seen[:3], torch.tensor([0.9, 0.1, 0.1]).view(3, 1, 1).expand(3, 8, 8))
    assert torch.isfinite(straight(person, torch.zeros(1, 8, 8))).all()


def test_the_plate_is_no_other_background():
    assert read_background("plate") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("transparant", "neither plate, transparent, a colour .* did you mean 'transparent'"),
        ("none.png", "nor a picture file"),
        ("#12", "a colour is # and six digits"),
        ("hole.png", "parts of the picture are transparent; give an opaque one"),
        ("text.png", "cannot be read as a picture"),
        (".", "is a folder; expected a picture"),
    ],
)
def test_what_is_no_background(tmp_path, monkeypatch, text, says):
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "hole.png", np.zeros((4, 4, 4), np.uint8))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UserError, match=says):
        read_background(text)
