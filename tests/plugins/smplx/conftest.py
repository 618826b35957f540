import pytest
from smplx_files import write_model


@pytest.fixture(scope="session")
def smplx_file(tmp_path_factory):
    """A model file of a mannequin, as SMPL-X hands them out."""
    return write_model(tmp_path_factory.mktemp("model"), "smplx")
