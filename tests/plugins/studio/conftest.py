import numpy as np
import pytest
import torch
from avatar_kit_studio.choreography import large_turn, make_clip
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.performance import measure, perform, sole_height
from avatar_kit_studio.session import Session

SIZE = 96


@pytest.fixture(scope="session")
def session() -> Session:
    return Session(StudioConfig(frames=12, test_frames=4, supersample=2), SIZE)


@pytest.fixture(scope="session")
def person(session):
    return session.cast.person


@pytest.fixture(scope="session")
def turning(session):
    """All looks of a fast turn, with its lead-in: what moves cloth and hair most."""
    cast = session.cast
    skeleton = measure(cast.body, cast.shape, sole_height(cast.person))
    motion, _ = make_clip(large_turn, 48, np.random.default_rng(7), skeleton)
    return motion, list(perform(cast, motion, 0))


@pytest.fixture(scope="session")
def pictures(session):
    return [(image, alpha) for _, image, alpha in session.film()]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def true_body(session):
    """Posed bodies of the true motion and shape, all filmed frames."""
    body, motion = session.cast.body, session.true_motion()
    with torch.no_grad():
        return body(body.from_motion(motion, session.cast.shape))
