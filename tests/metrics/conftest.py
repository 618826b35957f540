"""Fixtures of metrics that rest on weight files."""

import hashlib
from pathlib import Path

import pytest

from avatar_kit.registry import catalog
from avatar_kit.testing.running import check_component


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """An empty hub folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def digest():
    """SHA-256 of a file."""
    return lambda path: hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def faults():
    """What the conformance checks say against a metric that they would skip without its weights."""

    def check(name: str) -> dict[str, str]:
        outcomes = list(check_component(catalog().get("metric", name), {}))
        assert len(outcomes) >= 15
        return {o.check: o.reason for o in outcomes if o.status != "passed"}

    return check
