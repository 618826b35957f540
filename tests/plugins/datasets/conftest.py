import imitations
import pytest

from avatar_kit.testing.capture import small_capture

NEEDS = {"people_snapshot": "h5py", "dna_rendering": "h5py", "neuman": "joblib"}


@pytest.fixture(scope="session")
def captures(tmp_path_factory):
    """A capture of the default body by one camera, and one by three: pictures and poses agree."""
    root = tmp_path_factory.mktemp("captures")
    return {
        False: small_capture(root / "one", frames=6, test_frames=3, size=96),
        True: small_capture(root / "three", frames=6, test_frames=3, size=96, cameras=3),
    }


@pytest.fixture(scope="session")
def imitated(captures, tmp_path_factory):
    """Writes an imitation of a format, once; gives the dataset's name, the path, the original."""
    made = {}

    def make(writer):
        if writer in NEEDS:
            pytest.importorskip(NEEDS[writer], reason=f"an imitation of {writer} needs it")
        if writer not in made:
            dataset, several = imitations.FORMATS[writer]
            root = tmp_path_factory.mktemp("imitations") / f"{writer}-1"
            path = getattr(imitations, writer)(captures[several], root)
            made[writer] = (dataset, path, captures[several])
        return made[writer]

    return make
