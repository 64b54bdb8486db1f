"""Homes for the service's tests."""

from pathlib import Path

import pytest
from tests.service.in_process import make_home

from holdfast.service.home.folder import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new home with the tests' policy."""
    return make_home(tmp_path)
