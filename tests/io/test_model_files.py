import hashlib
import http.server
import threading
from dataclasses import replace

import pytest

from avatar_kit.errors import UserError
from avatar_kit.io.model_files import ModelFile, add_model, find_model, get_model

CONTENT = bytes(range(256)) * 4000


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def publisher(tmp_path):
    """A web server of this machine: its folder, and its address."""
    folder = tmp_path / "published"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=str(folder))

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def model(url="http://127.0.0.1:9/none", content=CONTENT) -> ModelFile:
    digest = hashlib.sha256(content).hexdigest()
    return ModelFile("net.bin", "better things", len(content), "MIT", url, digest)


def kept(folder) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_a_file_is_known_by_its_content_and_kept_under_its_name(tmp_path, cache):
    (tmp_path / "download (1)").write_bytes(CONTENT)
    assert not model().here()
    assert add_model(tmp_path / "download (1)", [model()]) == model()
    assert model().here()
    assert model().genuine().read_bytes() == CONTENT
    assert kept(cache) == ["net.bin"]
    assert add_model(model().path, [model()]).genuine().read_bytes() == CONTENT  # onto itself


def test_a_file_that_is_none_of_them_is_refused_with_both_digests(tmp_path, cache):
    (tmp_path / "other").write_bytes(b"other")
    with pytest.raises(UserError) as refused:
        add_model(tmp_path / "other", [model()])
    for text in ("other", hashlib.sha256(b"other").hexdigest(), model().sha256, "net.bin"):
        assert text in str(refused.value)
    with pytest.raises(UserError, match="gone: no such file"):
        add_model(tmp_path / "gone", [model()])
    assert kept(cache) == []


def test_a_download_reports_its_bytes_and_is_checked(publisher, cache):
    folder, address = publisher
    (folder / "net.bin").write_bytes(CONTENT)
    seen: list[int] = []
    path = get_model(model(f"{address}/net.bin"), seen.append)
    assert path.read_bytes() == CONTENT
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b"<html>sorry</html>"])
def test_what_is_not_the_model_is_not_kept(publisher, cache, content):
    folder, address = publisher
    (folder / "net.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"net.bin: sha256 is .* nothing was kept"):
        get_model(model(f"{address}/net.bin"), lambda done: None)
    assert kept(cache) == []


def test_without_a_network_or_a_file_the_address_and_the_way_out_are_named(publisher, cache):
    for url in ("http://127.0.0.1:9/none", f"{publisher[1]}/missing"):
        with pytest.raises(UserError) as refused:
            get_model(model(url), lambda done: None)
        assert url in str(refused.value)
        assert "avatar-kit models add FILE" in str(refused.value)
    assert kept(cache) == []


def test_a_damaged_or_missing_file_is_not_used(tmp_path):
    with pytest.raises(UserError, match=r"avatar-kit models get net\.bin"):
        model().genuine()
    model().path.write_bytes(CONTENT[:-1] + b"?")
    assert model().here()  # as large as it should be
    with pytest.raises(UserError, match="damaged"):
        model().genuine()
    model().path.write_bytes(CONTENT[:-1])
    assert not model().here()


def test_a_near_name_is_named():
    with pytest.raises(UserError, match=r"did you mean 'net.bin'\?"):
        find_model("net.bim", [model()])
    assert find_model("net.bin", [replace(model(), name="a"), model()]) == model()
