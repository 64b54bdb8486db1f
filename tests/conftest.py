"""Fixtures that several layers share; helpers are in tests/support."""

from collections.abc import Iterator

import pytest
from tests.support.anvil import Anvil


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    """A fresh local chain (id 31337) that mines every transaction at once."""
    chain = Anvil.start()
    yield chain
    chain.stop()
