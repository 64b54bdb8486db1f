"""A client that sends its payment again with the same nonce and a higher fee pays once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.clients import CLIENTS, REPLACING, paid
from tests.e2e.conftest import World, wait_for

pytestmark = pytest.mark.timeout(240)
GWEI = 10**9


@pytest.fixture
def unmined(world: World) -> Iterator[World]:
    """A chain that mines only when it is told to."""
    world.chain.call("evm_setAutomine", [False])
    yield world
    world.chain.call("evm_setAutomine", [True])
    world.chain.call("evm_mine", [])


@pytest.mark.parametrize("client", REPLACING)
def test_a_payment_that_a_client_replaces_is_paid_once(unmined: World, client: str) -> None:
    world, value = unmined, 10**12 + 77 + list(REPLACING).index(client)
    before, nonce = world.chain.balance(world.known), world.chain.nonce(world.wallet)
    socket = world.guardian.agent_socket(client)
    first = paid(CLIENTS[client], socket, world.wallet, world.known, value)
    assert "ok" in first, first
    again = REPLACING[client]

    def replaced(value: int, fee: int) -> dict[str, Any]:
        return again(socket, world.wallet, world.known, value, nonce, fee * GWEI, 4 * GWEI)

    second = replaced(value, 40)
    assert "ok" in second, second
    assert second["ok"] != first["ok"]
    assert replaced(value, 40) == second, "the same again is the same"
    other = replaced(value + 1, 80)["error"]
    assert other["code"] == 4001, other
    assert other["data"]["code"] == "nonce_used", other
    world.chain.call("evm_mine", [])
    assert world.chain.receipt(str(second["ok"]))["status"] == "0x1"
    assert world.chain.balance(world.known) - before == value
    assert world.chain.nonce(world.wallet) == nonce + 1
    wait_for("it is settled", lambda: not world.operator.call("status")["counts"].get("sent"))
    late = replaced(value, 90)
    # On a slow machine it was told "pending" before, and the same again is still told its hash.
    if late.get("ok") != second["ok"]:
        assert late["error"]["data"]["code"] == "nonce_used", late
    world.chain.call("evm_mine", [])
    assert world.chain.balance(world.known) - before == value
