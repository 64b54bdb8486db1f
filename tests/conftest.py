"""Fixtures that several layers share; helpers are in tests/support."""

from collections.abc import Iterator

import pytest
from tests.support.anvil import Anvil
from tests.support.proxy import NodeProxy


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    """A fresh local chain (id 31337) that mines every transaction at once."""
    chain = Anvil.start()
    yield chain
    chain.stop()


@pytest.fixture
def proxy(anvil: Anvil) -> Iterator[NodeProxy]:
    """A node in front of `anvil` that can lose, change or refuse what passes."""
    node = NodeProxy(anvil.url)
    yield node
    node.stop()


@pytest.fixture
def second(anvil: Anvil) -> Iterator[NodeProxy]:
    """Another node of the same chain."""
    node = NodeProxy(anvil.url)
    yield node
    node.stop()
