"""viem's `sendCalls` (EIP-5792), unchanged, through a guardian to a chain and back."""

from __future__ import annotations

from typing import Any

import pytest
from tests.e2e.clients import Answer, node
from tests.e2e.conftest import World

pytestmark = pytest.mark.timeout(240)
CENT = 10**13


def send_calls(world: World, *payees: str, **members: Any) -> Answer:
    calls = [{"to": to, "value": str(CENT)} for to in payees]
    given = {"from": world.wallet, "calls": calls, **members}
    return node("viem_agent.mjs", world.guardian.agent_socket("viem"), "sendCalls", given)


@pytest.mark.parametrize("atomic", [False, True])
def test_a_batch_of_one_call_is_mined_and_its_status_is_success(world: World, atomic: bool) -> None:
    before = world.chain.balance(world.known)
    told = send_calls(world, world.known, forceAtomic=atomic)["ok"]
    assert told["status"] == "success"
    (mined,) = told["hashes"]
    assert world.chain.receipt(mined)["status"] == "0x1"
    assert world.chain.balance(world.known) - before == CENT


@pytest.mark.parametrize(
    ("payees", "members", "code"),
    [
        (2, {}, 5740),
        (2, {"forceAtomic": True}, 5760),
        (1, {"capabilities": {"paymasterService": {"url": "https://pay.example"}}}, 5700),
    ],
)
def test_what_a_plain_account_cannot_do_has_the_code_of_the_standard(
    world: World, payees: int, members: dict[str, Any], code: int
) -> None:
    nonce = world.chain.nonce(world.wallet)
    error = send_calls(world, *[world.known] * payees, **members)["error"]
    assert error["code"] == code, error
    assert world.chain.nonce(world.wallet) == nonce


def test_a_stranger_in_a_batch_denies_all_of_it(world: World) -> None:
    nonce = world.chain.nonce(world.wallet)
    error = send_calls(world, world.known, world.stranger)["error"]
    assert (error["code"], error["data"]["code"]) == (4001, "no_grant"), error
    assert world.chain.nonce(world.wallet) == nonce


def test_viem_reads_the_capabilities(world: World) -> None:
    given = {"from": world.wallet}
    told = node("viem_agent.mjs", world.guardian.agent_socket("viem"), "capabilities", given)
    assert told == {"ok": {"31337": {}}}
