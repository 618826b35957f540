"""pytest: marks conformance classes and runs their checks on the device asked for.

Loaded by pytest wherever avatar-kit is installed, so it imports nothing heavy.
"""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--avatar-kit-device``: where conformance checks run."""
    parser.getgroup("avatar-kit").addoption(
        "--avatar-kit-device",
        metavar="DEVICE",
        help="Device of the conformance checks: cpu (default), cuda or cuda:N.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and pass the device on."""
    config.addinivalue_line("markers", "conformance: checks of a plugin contract")
    if device := config.getoption("--avatar-kit-device"):
        os.environ["AVATAR_KIT_TEST_DEVICE"] = device


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the checks, so that ``-m conformance`` picks them."""
    for item in items:
        cls = getattr(item, "cls", None)
        if cls is not None and any(b.__name__ == "Conformance" for b in cls.__mro__):
            item.add_marker("conformance")
