"""Each of the four clients, unchanged, through a guardian to a chain and back."""

from __future__ import annotations

import pytest
from tests.e2e.clients import CLIENTS, cast, paid
from tests.e2e.conftest import World, wait_for

pytestmark = pytest.mark.timeout(240)
# Wei. Amounts differ from test to test: a payment identical to one that was pending joins it.
CENT = 10**13


@pytest.mark.parametrize("client", CLIENTS)
def test_an_allowed_payment_is_mined(world: World, client: str) -> None:
    before = world.chain.balance(world.known)
    socket = world.guardian.agent_socket(client)
    answer = paid(CLIENTS[client], socket, world.wallet, world.known, CENT)
    assert "ok" in answer, answer
    receipt = world.chain.receipt(answer["ok"])
    assert receipt["status"] == "0x1"
    assert receipt["from"].lower() == world.wallet.lower()
    assert world.chain.balance(world.known) - before == CENT


@pytest.mark.parametrize("client", CLIENTS)
def test_a_denied_payment_gets_4001_and_the_reasons(world: World, client: str) -> None:
    nonce = world.chain.nonce(world.wallet)
    answer = CLIENTS[client](
        world.guardian.agent_socket(client), world.wallet, world.stranger, CENT
    )
    error = answer["error"]
    assert error["code"] == 4001, error
    assert error["data"]["verdict"] == "deny", error
    assert error["data"]["reasons"][0]["code"] == "no_grant", error
    view = world.ended(error["data"]["requestId"], "denied")
    assert view["agent"] == client
    assert world.chain.nonce(world.wallet) == nonce


@pytest.mark.parametrize("client", CLIENTS)
def test_approved_after_the_client_gave_up_it_is_paid_once_and_keeps_its_hash(
    world: World, client: str
) -> None:
    socket = world.guardian.agent_socket(client)
    # An amount of its own, so that the clients' requests differ in more than the agent.
    value = CENT + list(CLIENTS).index(client)
    before, nonce = world.chain.balance(world.shop), world.chain.nonce(world.wallet)

    first = CLIENTS[client](socket, world.wallet, world.shop, value)["error"]
    assert first["code"] == -32003, first
    assert first["data"]["status"] == "pending", first
    request = first["data"]["requestId"]
    assert world.chain.nonce(world.wallet) == nonce

    world.operator.answer("approve", request)
    view = world.ended(request, "confirmed")
    second = CLIENTS[client](socket, world.wallet, world.shop, value)
    assert second == {"ok": view["hash"]}
    assert world.chain.receipt(view["hash"])["status"] == "0x1"
    assert world.chain.balance(world.shop) - before == value
    assert world.chain.nonce(world.wallet) == nonce + 1


@pytest.mark.parametrize("client", CLIENTS)
def test_denied_by_a_person_it_is_told_so_once_asked_again(world: World, client: str) -> None:
    socket = world.guardian.agent_socket(client)
    value = 7 * CENT + list(CLIENTS).index(client)
    nonce = world.chain.nonce(world.wallet)
    request = CLIENTS[client](socket, world.wallet, world.shop, value)["error"]["data"]["requestId"]
    world.operator.answer("deny", request)
    again = CLIENTS[client](socket, world.wallet, world.shop, value)["error"]
    assert again["code"] == 4001, again
    assert again["data"]["requestId"] == request
    assert again["data"]["reasons"][0]["code"] == "denied_by_operator", again
    assert world.chain.nonce(world.wallet) == nonce


def test_a_freeze_ends_what_waits_for_a_person_and_nothing_of_it_is_signed(world: World) -> None:
    socket = world.guardian.agent_socket("viem")
    nonce = world.chain.nonce(world.wallet)
    pending = CLIENTS["viem"](socket, world.wallet, world.shop, 11 * CENT)["error"]["data"]
    freeze = world.operator.freeze("agent", "viem", "test")
    assert world.state(pending["requestId"]) == "frozen"
    refused = CLIENTS["viem"](socket, world.wallet, world.known, 2 * CENT)["error"]
    assert (refused["code"], refused["data"]["reasons"][0]["code"]) == (4001, "frozen")
    elsewhere = world.guardian.agent_socket("ethers")
    other = paid(CLIENTS["ethers"], elsewhere, world.wallet, world.known, 2 * CENT)
    assert "ok" in other, other
    world.operator.thaw(freeze)
    allowed = paid(CLIENTS["viem"], socket, world.wallet, world.known, 2 * CENT)
    assert "ok" in allowed, allowed
    assert world.state(pending["requestId"]) == "frozen"
    wait_for("two mined", lambda: world.chain.nonce(world.wallet) == nonce + 2)


def test_a_freeze_ends_a_delayed_one_and_a_thaw_does_not_bring_it_back(world: World) -> None:
    nonce = world.chain.nonce(world.wallet)
    socket = world.guardian.agent_socket("cast")
    pending = CLIENTS["cast"](socket, world.wallet, world.slow, CENT)["error"]["data"]
    assert world.state(pending["requestId"]) == "waiting-delay"
    freeze = world.operator.freeze("everything", None, "test")
    assert world.state(pending["requestId"]) == "frozen"
    world.operator.thaw(freeze)
    assert world.state(pending["requestId"]) == "frozen"
    assert world.chain.nonce(world.wallet) == nonce


def test_another_type_than_2_is_refused_in_words(world: World) -> None:
    """What is signed is of type 2; a client that asks for another one hears so."""
    nonce = world.chain.nonce(world.wallet)
    socket = world.guardian.agent_socket("cast")
    for options in (("--legacy",), ("--legacy", "--gas-price", "3gwei")):
        error = cast(socket, world.wallet, world.known, CENT, *options)["error"]
        assert error["code"] == -32602, error
        assert "only type 2 is signed" in error["message"], error
    assert world.chain.nonce(world.wallet) == nonce


def test_the_journal_of_all_this_verifies(world: World) -> None:
    code, said = world.guardian.verify()
    assert code == 0, said
