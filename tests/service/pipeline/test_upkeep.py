"""After "signed": every payment is mined once, or somebody is told why not."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.anvil import Anvil
from tests.support.guardian import NOISY, VENDOR, Guardian, eventually
from tests.support.proxy import NodeProxy, error, result

from holdfast._core import AuthoriseFacts
from holdfast.service.pipeline.nonce_watch import NonceWatch
from holdfast.service.pipeline.settings import SendingConfig
from holdfast.service.runtime.conditions import Conditions

GWEI = 10**9
AT_CAPS = {"maxFeePerGas": hex(100 * GWEI), "maxPriorityFeePerGas": hex(5 * GWEI)}
EVERYTHING = b'{"kind":"everything"}'
FACTS = AuthoriseFacts(gas=21000, max_fee_per_gas=4 * 10**9, max_priority_fee_per_gas=10**9)


@pytest.fixture
async def guardian(
    tmp_path: Path, anvil: Anvil, proxy: NodeProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Guardian]:
    """One whose pauses are short."""
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.RESEND_SECONDS_MIN", 0.05)
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.RESEND_SECONDS_MAX", 0.2)
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.BUMP_SECONDS", 0.2)
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.GAP_SECONDS", 0.2)
    monkeypatch.setattr("holdfast.service.pipeline.driver.SLOW_POLL_SECONDS", 0.05)
    made = Guardian.make(tmp_path / "home", anvil, wallets=2, url=proxy.url)
    made.settings = replace(made.settings, poll_ms=50)
    await made.open()
    yield made
    await made.close()


def stop_mining(anvil: Anvil) -> None:
    anvil.call("evm_setAutomine", False)


def mine(anvil: Anvil, base_fee: int | None = None) -> None:
    if base_fee is not None:
        anvil.call("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
    anvil.call("evm_mine")


def hashes(guardian: Guardian, request: str) -> list[str]:
    view = guardian.view(request)
    return [view["hash"], *view.get("earlier", [])]


async def some_rounds(proxy: NodeProxy) -> None:
    """The guardian looks at its chain a few times more."""
    asked = len(proxy.calls)
    await eventually(lambda: len(proxy.calls) > asked + 20)


async def until_mined(guardian: Guardian, anvil: Anvil, request: str, state: str) -> dict[str, Any]:
    """Mines a block now and then until the request ends."""

    def ended() -> bool:
        mine(anvil)
        return guardian.state(request) == state

    await eventually(ended)
    return guardian.view(request)


async def test_a_fee_that_the_base_fee_overtook_is_raised_and_paid_once(
    guardian: Guardian, anvil: Anvil
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    request = guardian.pay(4321)
    await guardian.until(request, "sent")
    first = guardian.view(request)
    mine(anvil, 20 * GWEI)
    assert guardian.state(request) == "sent", "its fee is below the base fee"
    await eventually(lambda: len(hashes(guardian, request)) > 1)
    view = await until_mined(guardian, anvil, request, "confirmed")
    assert view["hash"] != first["hash"]
    assert int(view["fee_per_gas"]) > int(first["fee_per_gas"])
    assert guardian.received() == 1000 + 4321
    assert anvil.nonce(guardian.wallets[0]) == 2


async def test_a_fee_is_never_raised_above_what_was_decided(
    guardian: Guardian, anvil: Anvil
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    named = {"maxFeePerGas": hex(4 * GWEI), "maxPriorityFeePerGas": hex(GWEI)}
    request = guardian.pay(77, **named)
    await guardian.until(request, "sent")
    mine(anvil, 50 * GWEI)
    other = guardian.pay(78)
    await eventually(lambda: len(hashes(guardian, other)) >= 1 and guardian.state(other) == "sent")
    assert hashes(guardian, request) == [guardian.view(request)["hash"]]
    assert int(guardian.view(request)["fee_per_gas"]) <= 4 * GWEI
    mine(anvil, GWEI)
    await until_mined(guardian, anvil, request, "confirmed")


async def test_what_a_node_finds_too_cheap_is_raised(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    seen: list[str] = []

    def picky(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] != "eth_sendRawTransaction":
            return forward()
        seen.append(call["params"][0])
        if len(set(seen)) == 1:
            return error(call, -32000, "transaction underpriced")
        return forward()

    proxy.hook = picky
    request = guardian.pay(99)
    await guardian.until(request, "confirmed")
    assert len(set(seen)) == 2
    assert guardian.received() == 99


async def test_a_pool_that_lost_a_payment_gets_it_again(guardian: Guardian, anvil: Anvil) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    request = guardian.pay(55)
    view = await guardian.until(request, "sent")
    anvil.call("anvil_dropTransaction", view["hash"])
    assert anvil.call("eth_getTransactionByHash", view["hash"]) is None
    await eventually(lambda: anvil.call("eth_getTransactionByHash", view["hash"]) is not None)
    await until_mined(guardian, anvil, request, "confirmed")
    assert guardian.received() == 1055


async def test_whichever_bytes_were_mined_after_a_crash_the_payment_ends_once(
    guardian: Guardian, anvil: Anvil
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    request = guardian.pay(66)
    await guardian.until(request, "sent")
    mine(anvil, 20 * GWEI)
    await eventually(
        lambda: bool(guardian.core.guard.to_sign_again()) or _has_two(guardian, request)
    )
    await guardian.halt()
    await guardian.open()
    view = await until_mined(guardian, anvil, request, "confirmed")
    receipt = anvil.call("eth_getTransactionReceipt", view["hash"])
    assert receipt is not None
    assert receipt["status"] == "0x1"
    assert guardian.received() == 1066


def _has_two(guardian: Guardian, request: str) -> bool:
    return len(hashes(guardian, request)) > 1


async def test_a_payment_behind_a_reorganisation_past_its_confirmations_is_mined_again(
    guardian: Guardian, anvil: Anvil
) -> None:
    request = guardian.pay(33)
    view = await guardian.until(request, "confirmed")
    sender = guardian.sender
    assert sender is not None
    conditions = Conditions(guardian.clock.now_ms)
    watch = NonceWatch(
        guardian.core,
        guardian.chains,
        conditions,
        guardian.wallets,
        sender.refused,
        counted=sender.undone,
    )
    stop_mining(anvil)
    anvil.call("anvil_reorg", 1, [])
    assert anvil.call("eth_getTransactionReceipt", view["hash"]) is None

    async def again() -> None:
        while anvil.call("eth_getTransactionReceipt", view["hash"]) is None:
            await watch.look()
            mine(anvil)
            await asyncio.sleep(0.05)

    await asyncio.wait_for(again(), 20)
    assert guardian.received() == 33
    watch.close()


async def test_a_gap_left_by_a_freeze_is_closed(guardian: Guardian, anvil: Anvil) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    assert guardian.sender is not None
    await guardian.sender.stop()
    held = guardian.pay(11)
    guardian.core.authorise(held, FACTS)
    later = guardian.pay(22)
    guardian.core.authorise(later, FACTS)
    await guardian.core.durable()
    guardian.core.fail(held, "would_fail", "given up")
    assert [gap[0] for gap in guardian.core.guard.gaps()] == [held]
    await guardian.send()
    view = await until_mined(guardian, anvil, later, "confirmed")
    assert view["nonce"] == 2
    await eventually(lambda: guardian.core.guard.unsettled() == [])
    assert guardian.state(held) == "failed"
    assert guardian.received() == 1022
    assert anvil.nonce(guardian.wallets[0]) == 3


async def test_what_no_node_took_in_time_waits_for_a_person(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    await guardian.halt()
    guardian.sending = SendingConfig(within_ms=1)
    await guardian.open()
    proxy.hook = lambda call, forward: (
        error(call, -32000, "txpool is full")
        if call["method"] == "eth_sendRawTransaction"
        else forward()
    )
    request = guardian.pay(44)
    await guardian.until(request, "held")
    await guardian.core.durable()
    (held,) = guardian.events("request.held", request)
    assert "no node accepted it" in held["why"]
    proxy.hook = None
    await guardian.halt()
    guardian.sending = SendingConfig()
    await guardian.open()
    assert guardian.state(request) == "held"
    digest = guardian.view(request)["digest"]
    assert guardian.command("approve", request=request, digest=digest) == "signed"
    await guardian.until(request, "confirmed")
    assert guardian.received() == 44


async def test_what_was_signed_long_before_a_start_is_not_sent_by_itself(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    proxy.hook = lambda call, forward: (
        error(call, -32000, "txpool is full")
        if call["method"] == "eth_sendRawTransaction"
        else forward()
    )
    request = guardian.pay(45)
    await eventually(lambda: bool(guardian.events("request.sent", request)))
    await guardian.halt()
    proxy.hook = None
    sent = len(proxy.sent())
    guardian.sending = SendingConfig(within_ms=1)
    await guardian.open()
    await guardian.until(request, "held")
    assert len(proxy.sent()) == sent


async def test_what_was_released_to_an_agent_is_sent_by_the_guardian_after_a_while(
    guardian: Guardian, anvil: Anvil
) -> None:
    await guardian.halt()
    guardian.sending = SendingConfig(released_ms=1)
    await guardian.open()
    transaction = {"from": guardian.wallets[0], "to": VENDOR, "value": hex(88)}
    request = guardian.submit("eth_signTransaction", [transaction])
    await guardian.until(request, "released")
    after = guardian.pay(12)
    await guardian.until(after, "confirmed")
    await guardian.until(request, "confirmed")
    assert guardian.received() == 100
    assert anvil.nonce(guardian.wallets[0]) == 2


async def test_what_an_agent_sends_itself_in_time_is_not_sent_twice(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    transaction = {"from": guardian.wallets[0], "to": VENDOR, "value": hex(88)}
    request = guardian.submit("eth_signTransaction", [transaction])
    view = await guardian.until(request, "released")
    anvil.call("eth_sendRawTransaction", view["raw"])
    await guardian.until(request, "confirmed")
    assert proxy.sent() == []


DAY = """
[[limit]]
id = "day"
per = "agent"
measure = "amount"
assets = ["eth"]
max = "3"
window = "1d"
on_exceed = "deny"
"""
STUCK = [("chain", "chain_unavailable"), ("fee", "fee_over_cap")]


@pytest.mark.parametrize(("what", "code"), STUCK)
async def test_what_waits_for_its_chain_or_a_fee_says_so_ends_in_time_and_frees_its_limits(
    guardian: Guardian, proxy: NodeProxy, anvil: Anvil, what: str, code: str
) -> None:
    await guardian.halt()
    guardian.sending, guardian.more = SendingConfig(wait_ms=1_500), DAY
    await guardian.open()
    if what == "chain":
        proxy.hook = lambda call, _forward: error(call, -32000, "no")
    else:
        stop_mining(anvil)
        mine(anvil, 200 * GWEI)
    request = guardian.pay(2 * 10**18)
    await eventually(lambda: _waits(guardian, request).get("why", "") != "")
    waits = _waits(guardian, request)
    assert waits["for"] == what
    assert waits["until"] == guardian.view(request)["since"] + 1_500
    assert request in guardian.core.guard.open_requests()
    assert _reserved(guardian) >= 2 * 10**18
    await guardian.until(request, "failed")
    (reason,) = guardian.view(request)["end_reasons"]
    assert reason["code"] == code
    assert request not in guardian.core.guard.open_requests()
    assert _reserved(guardian) == 0
    assert guardian.state(guardian.pay(2 * 10**18)) == "authorising"


def _reserved(guardian: Guardian) -> int:
    rows = json.loads(guardian.core.guard.limits("shopper", guardian.clock.now_ms()))
    return sum(int(row["reserved"]) for row in rows)


def _waits(guardian: Guardian, request: str) -> dict[str, Any]:
    return guardian.waiting.of(guardian.core.guard, request) or {}


async def test_an_operator_raises_a_fee_beyond_what_was_decided(
    guardian: Guardian, anvil: Anvil
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    named = {"maxFeePerGas": hex(4 * GWEI), "maxPriorityFeePerGas": hex(GWEI)}
    request = guardian.pay(77, **named)
    await guardian.until(request, "sent")
    mine(anvil, 20 * GWEI)
    digest = guardian.view(request)["digest"]
    fees = {
        "max_fee_per_gas": str(60 * GWEI),
        "max_priority_fee_per_gas": str(2 * GWEI),
    }
    assert guardian.command("bump", request=request, digest=digest, **fees) == "sent"
    view = await until_mined(guardian, anvil, request, "confirmed")
    assert int(view["fee_per_gas"]) == 60 * GWEI
    assert guardian.received() == 1077


async def test_an_operator_takes_a_payment_back(guardian: Guardian, anvil: Anvil) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    request = guardian.pay(77)
    await guardian.until(request, "sent")
    digest = guardian.view(request)["digest"]
    fees = {
        "max_fee_per_gas": str(60 * GWEI),
        "max_priority_fee_per_gas": str(4 * GWEI),
    }
    guardian.command("cancel", request=request, digest=digest, **fees)
    await eventually(lambda: len(hashes(guardian, request)) == 2)
    await eventually(lambda: bool(guardian.events("request.sent", request)[1:]))
    view = await until_mined(guardian, anvil, request, "cancelled")
    assert view["outcome"] == "cancelled"
    assert guardian.received() == 1000
    await guardian.until(guardian.pay(5), "sent")


async def test_a_payment_is_taken_back_also_in_a_freeze(guardian: Guardian, anvil: Anvil) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    request = guardian.pay(77)
    await guardian.until(request, "sent")
    guardian.core.freeze(EVERYTHING, "stop", "test")
    digest = guardian.view(request)["digest"]
    fees = {
        "max_fee_per_gas": str(60 * GWEI),
        "max_priority_fee_per_gas": str(4 * GWEI),
    }
    guardian.command("cancel", request=request, digest=digest, **fees)
    await eventually(lambda: bool(guardian.events("request.sent", request)[1:]))
    await until_mined(guardian, anvil, request, "cancelled")
    assert guardian.received() == 1000


@pytest.mark.parametrize("kind", ["request.replaced", "request.signed"])
async def test_a_crash_while_a_payment_is_replaced_pays_once(
    guardian: Guardian, anvil: Anvil, kind: str
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    request = guardian.pay(66)
    await guardian.until(request, "sent")
    count = len(guardian.events(kind, request))
    mine(anvil, 20 * GWEI)
    await eventually(lambda: len(guardian.events(kind, request)) > count)
    await guardian.halt()
    await guardian.open()
    await until_mined(guardian, anvil, request, "confirmed")
    assert guardian.received() == 1066
    assert anvil.nonce(guardian.wallets[0]) == 2


PRIVATE = """
[[rule]]
id = "quiet"
effects = ["transfer"]
assets = ["eth"]
amount_max = "1000"
tier = "instant"
route = "private"
"""


async def test_what_a_rule_sends_privately_reaches_the_relay_and_no_node(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy, second: NodeProxy
) -> None:
    await guardian.halt()
    guardian.more = PRIVATE
    guardian.sending = SendingConfig(jitter_ms=20)
    guardian.others = [replace(guardian.settings, rpc_url=second.url, private=True)]
    await guardian.open()
    request = guardian.pay(21)
    await guardian.until(request, "confirmed")
    assert guardian.received() == 21
    assert proxy.sent() == []
    assert len(second.sent()) == 1
    assert {call["method"] for call in second.calls} <= {"eth_chainId", "eth_sendRawTransaction"}


async def test_without_its_relay_a_private_payment_waits_and_never_goes_public(
    guardian: Guardian, proxy: NodeProxy, second: NodeProxy
) -> None:
    await guardian.halt()
    guardian.more = PRIVATE
    await guardian.open()
    request = guardian.pay(21)
    await guardian.until(request, "signed")
    sender = guardian.sender
    assert sender is not None
    await eventually(lambda: "no private relay" in sender.refused(request))
    assert proxy.sent() == []
    await guardian.halt()
    guardian.others = [replace(guardian.settings, rpc_url=second.url, private=True)]
    await guardian.open()
    await guardian.until(request, "confirmed")
    assert proxy.sent() == []


async def test_a_private_payment_whose_details_are_forgotten_never_goes_public(
    guardian: Guardian, proxy: NodeProxy, second: NodeProxy
) -> None:
    await guardian.halt()
    guardian.more = NOISY + PRIVATE
    guardian.sending = SendingConfig(released_ms=0)
    guardian.others = [replace(guardian.settings, rpc_url=second.url, private=True)]
    await guardian.open()
    transaction = {"from": guardian.wallets[0], "to": VENDOR, "value": hex(88)}
    request = guardian.submit("eth_signTransaction", [transaction])
    await guardian.until(request, "released")
    await guardian.forget(request)
    await guardian.halt()
    guardian.sending = SendingConfig(released_ms=1)
    await guardian.open()
    await guardian.until(request, "confirmed")
    assert guardian.received() == 88
    assert proxy.sent() == []
    assert len(second.sent()) == 1


async def test_what_is_its_agents_alone_to_send_is_watched_and_not_sent(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    await guardian.halt()
    guardian.sending = SendingConfig(released_ms=0)
    await guardian.open()
    transaction = {"from": guardian.wallets[0], "to": VENDOR, "value": hex(88)}
    request = guardian.submit("eth_signTransaction", [transaction])
    await guardian.until(request, "released")
    after = guardian.pay(12)
    await guardian.until(after, "sent")
    await eventually(lambda: len(proxy.calls) > 40)
    assert proxy.sent() == [guardian.view(after)["raw"]]


OWN = """
[[rule]]
id = "own"
effects = ["transfer"]
assets = ["eth"]
wallets = ["w0"]
tier = "instant"
released = "agent"
"""


async def for_its_agent(guardian: Guardian) -> str:
    """What the first wallet gave to its agent, under a rule that leaves it to the agent alone."""
    await guardian.halt()
    guardian.more = OWN
    guardian.sending = SendingConfig(released_ms=1)
    await guardian.open()
    transaction = {"from": guardian.wallets[0], "to": VENDOR, "value": hex(88)}
    request = guardian.submit("eth_signTransaction", [transaction])
    await guardian.until(request, "released")
    return request


async def test_what_a_rule_leaves_to_its_agent_is_not_sent_also_after_a_start(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    request = await for_its_agent(guardian)
    for value in (12, 13):
        # The same of the other wallet, whose rule says nothing, is sent by the guardian.
        transaction = {"from": guardian.wallets[1], "to": VENDOR, "value": hex(value)}
        control = guardian.submit("eth_signTransaction", [transaction])
        await guardian.until(control, "confirmed")
        await some_rounds(proxy)
        assert guardian.state(request) == "released"
        assert guardian.view(request)["raw"] not in proxy.sent()
        await guardian.halt()
        await guardian.open()
    assert anvil.nonce(guardian.wallets[0]) == 0
    assert guardian.received() == 25
    anvil.call("eth_sendRawTransaction", guardian.view(request)["raw"])
    await guardian.until(request, "confirmed")
    assert guardian.received() == 113


async def test_what_its_agent_alone_sends_is_told_of_while_its_nonce_waits(
    guardian: Guardian, anvil: Anvil
) -> None:
    request = await for_its_agent(guardian)
    behind = guardian.pay(5)
    await guardian.until(behind, "sent")
    now = 0.0
    watch = NonceWatch(
        guardian.core,
        guardian.chains,
        guardian.conditions,
        guardian.wallets,
        lambda _: "",
        time=lambda: now,
    )
    await watch.look()
    now = 200.0
    await watch.look()
    (told,) = guardian.conditions.report()
    assert told["code"] == "nonce_gap"
    assert f"payment {request} (nonce 0)" in told["text"]
    assert "its agent alone sends it" in told["next"]
    anvil.call("eth_sendRawTransaction", guardian.view(request)["raw"])
    await guardian.until(behind, "confirmed")
    watch.close()


async def test_a_reorganisation_does_not_make_the_guardian_send_what_its_agent_sent(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    request = await for_its_agent(guardian)
    view = guardian.view(request)
    anvil.call("eth_sendRawTransaction", view["raw"])
    await guardian.until(request, "confirmed")
    sender = guardian.sender
    assert sender is not None
    stop_mining(anvil)
    anvil.call("anvil_reorg", 1, [])
    anvil.call("anvil_dropTransaction", view["hash"])
    assert anvil.call("eth_getTransactionReceipt", view["hash"]) is None
    sender.undone(31337, guardian.wallets[0], 0)
    # Whoever asks for it, and however: the guard says no right before each sending.
    assert not guardian.core.guard.may_send(request)
    after = guardian.pay(7, wallet=1)
    await until_mined(guardian, anvil, after, "confirmed")
    assert proxy.sent() == [guardian.view(after)["raw"]]
    assert anvil.nonce(guardian.wallets[0]) == 0


async def test_an_operator_bumps_and_takes_back_what_its_agent_alone_sends(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    request = await for_its_agent(guardian)
    digest = guardian.view(request)["digest"]
    fees = {"max_fee_per_gas": str(60 * GWEI), "max_priority_fee_per_gas": str(3 * GWEI)}
    guardian.command("bump", request=request, digest=digest, **fees)
    await eventually(lambda: len(hashes(guardian, request)) == 2)
    await some_rounds(proxy)
    assert proxy.sent() == [], "its agent has the new bytes, and sends them"
    fees = {"max_fee_per_gas": str(90 * GWEI), "max_priority_fee_per_gas": str(5 * GWEI)}
    guardian.command("cancel", request=request, digest=digest, **fees)
    await guardian.until(request, "cancelled")
    assert proxy.sent() == [guardian.view(request)["raw"]]
    assert guardian.received() == 0


async def test_what_an_agent_replaces_is_sent_as_the_policy_of_the_moment_says(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    request = await for_its_agent(guardian)
    await guardian.halt()
    guardian.more = ""
    await guardian.open()
    await some_rounds(proxy)
    assert proxy.sent() == [], "it was decided under the rule of its time"
    guardian.core.replace(request, "fee", 60 * GWEI, 4 * GWEI, "agent")
    await guardian.until(request, "confirmed")
    assert proxy.sent() == [guardian.view(request)["raw"]]


async def test_an_approval_denied_below_others_leaves_no_gap(
    guardian: Guardian, anvil: Anvil
) -> None:
    """Signed, held by a freeze, denied afterwards: what was signed behind it is mined."""
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    assert guardian.sender is not None
    await guardian.sender.stop()
    first, second = guardian.pay(11), guardian.pay(22)
    for request in (first, second):
        guardian.core.authorise(request, FACTS)
        await guardian.core.durable()
        assert guardian.signer is not None
        signed = await guardian.signer.sign(guardian.order_seq(request))
        guardian.core.signed(request, signed.payload)
    guardian.core.freeze(EVERYTHING, "stop", "test")
    freeze = guardian.freezes()[0]
    guardian.command("thaw", freeze=freeze)
    assert (
        guardian.command("deny", request=first, digest=guardian.view(first)["digest"]) == "denied"
    )
    digest = guardian.view(second)["digest"]
    assert guardian.command("approve", request=second, digest=digest) == "signed"
    await guardian.send()
    await until_mined(guardian, anvil, second, "confirmed")
    await eventually(lambda: guardian.core.guard.unsettled() == [])
    assert guardian.state(first) == "denied"
    assert guardian.received() == 1022
    assert anvil.nonce(guardian.wallets[0]) == 3


async def test_a_payment_that_no_node_took_is_taken_back_before_one_does(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    sender, signer = guardian.sender, guardian.signer
    assert sender is not None
    assert signer is not None
    await sender.stop()
    request = guardian.pay(77)
    guardian.core.authorise(request, FACTS)
    await guardian.core.durable()
    guardian.core.signed(request, (await signer.sign(guardian.order_seq(request))).payload)
    await guardian.core.durable()
    for witness in guardian.chains.each()[0].witnesses:
        witness._forget()
    proxy.hook = lambda call, forward: (
        result(call, "0x1") if call["method"] == "eth_chainId" else forward()
    )
    await guardian.send()
    again = guardian.sender
    assert again is not None
    await eventually(lambda: "serves chain 1" in again.refused(request))
    digest = guardian.view(request)["digest"]
    fees = {"max_fee_per_gas": str(60 * GWEI), "max_priority_fee_per_gas": str(4 * GWEI)}
    guardian.command("cancel", request=request, digest=digest, **fees)
    await eventually(lambda: bool(guardian.view(request).get("cancelling")))
    proxy.hook = None
    await until_mined(guardian, anvil, request, "cancelled")
    assert guardian.received() == 1000
    assert len(proxy.sent()) == 2


async def behind_a_gap(guardian: Guardian) -> tuple[str, str]:
    """One that gave its nonce back, and one above it that has an order."""
    assert guardian.sender is not None
    await guardian.sender.stop()
    gap, later = guardian.pay(11), guardian.pay(22)
    for request in (gap, later):
        guardian.core.authorise(request, FACTS)
    await guardian.core.durable()
    guardian.core.fail(gap, "would_fail", "given up")
    return gap, later


async def test_an_estimate_for_a_gap_that_cannot_be_keeps_no_payment_from_settling(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    for wallet in (0, 1):
        await guardian.until(guardian.pay(wallet=wallet), "confirmed")
    stop_mining(anvil)
    _, later = await behind_a_gap(guardian)
    asked = []

    def hook(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] == "eth_estimateGas" and "gas" not in call["params"][0]:
            asked.append(call)
            return result(call, hex(1 << 70))
        return forward()

    proxy.hook = hook
    other = guardian.pay(33, wallet=1)
    await guardian.send()
    await guardian.until(other, "sent")
    await eventually(lambda: bool(asked))
    await until_mined(guardian, anvil, other, "confirmed")
    proxy.hook = None
    await until_mined(guardian, anvil, later, "confirmed")
    assert guardian.received() == 2055


async def test_settling_that_stumbles_over_a_fault_of_ours_begins_anew(
    guardian: Guardian, anvil: Anvil, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wallet in (0, 1):
        await guardian.until(guardian.pay(wallet=wallet), "confirmed")
    stop_mining(anvil)
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.GAP_SECONDS", None)
    _, later = await behind_a_gap(guardian)
    other = guardian.pay(33, wallet=1)
    await guardian.send()
    await guardian.until(other, "sent")
    await until_mined(guardian, anvil, other, "confirmed")
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.GAP_SECONDS", 0.2)
    await until_mined(guardian, anvil, later, "confirmed")


async def test_what_was_sent_long_ago_and_no_node_has_any_more_waits_for_a_person(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    await guardian.halt()
    guardian.sending = SendingConfig(within_ms=1000)
    await guardian.open()
    # At its caps already, so that it cannot be given a higher fee.
    request = guardian.pay(4242, **AT_CAPS)
    view = await guardian.until(request, "sent")
    await eventually(lambda: guardian.clock.now_ms() - view["since"] > 1000)
    await some_rounds(proxy)
    assert guardian.state(request) == "sent", "its node has it: nobody needs to do anything"
    anvil.call("anvil_dropAllTransactions")
    await guardian.until(request, "held")
    await guardian.core.durable()
    (held,) = guardian.events("request.held", request)
    assert "no node knows it now" in held["why"]
    sent = len(proxy.sent())
    digest = guardian.view(request)["digest"]
    assert guardian.command("approve", request=request, digest=digest) == "signed"
    await guardian.until(request, "sent")
    assert proxy.sent()[sent:] == [view["raw"]]
    await until_mined(guardian, anvil, request, "confirmed")
    assert guardian.received() == 1000 + 4242


async def test_what_a_node_has_the_earlier_bytes_of_is_not_lost(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    await guardian.halt()
    guardian.sending = SendingConfig(within_ms=1000)
    await guardian.open()
    request = guardian.pay(4242)
    view = await guardian.until(request, "sent")
    proxy.hook = lambda call, forward: (
        error(call, -32000, "txpool is full")
        if call["method"] == "eth_sendRawTransaction"
        else forward()
    )
    fees = {"max_fee_per_gas": str(60 * GWEI), "max_priority_fee_per_gas": str(4 * GWEI)}
    guardian.command("bump", request=request, digest=view["digest"], **fees)
    await eventually(lambda: len(hashes(guardian, request)) == 2)
    await eventually(lambda: guardian.clock.now_ms() - view["since"] > 3000)
    await some_rounds(proxy)
    assert guardian.state(request) == "sent"
    await until_mined(guardian, anvil, request, "confirmed")


async def test_a_gap_below_what_the_guardian_sends_for_an_agent_is_closed(
    guardian: Guardian, anvil: Anvil
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    await guardian.halt()
    guardian.sending = SendingConfig(released_ms=1)
    await guardian.open()
    assert guardian.sender is not None
    await guardian.sender.stop()
    gap = guardian.pay(11)
    guardian.core.authorise(gap, FACTS)
    transaction = {"from": guardian.wallets[0], "to": VENDOR, "value": hex(88)}
    released = guardian.submit("eth_signTransaction", [transaction])
    guardian.core.authorise(released, FACTS)
    await guardian.core.durable()
    guardian.core.fail(gap, "would_fail", "given up")
    await guardian.send()
    await guardian.until(released, "confirmed")
    assert guardian.received() == 1088
    assert anvil.nonce(guardian.wallets[0]) == 3


async def test_what_a_node_refused_is_sent_again_after_its_pause_and_not_with_each_new_payment(
    guardian: Guardian, proxy: NodeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.RESEND_SECONDS_MIN", 60)
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.RESEND_SECONDS_MAX", 60)
    for wallet in (0, 1):
        await guardian.until(guardian.pay(wallet=wallet), "confirmed")
    refused: list[str] = []

    def full(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] != "eth_sendRawTransaction":
            return forward()
        raw = call["params"][0]
        if len(set(refused)) < 5 or raw in refused:
            refused.append(raw)
            return error(call, -32000, "txpool is full")
        return forward()

    proxy.hook = full
    rows = [guardian.pay(50 + number) for number in range(5)]
    await eventually(lambda: all(guardian.events("request.sent", each) for each in rows))
    for number in range(10):
        await guardian.until(guardian.pay(900 + number, wallet=1), "confirmed")
    assert len(refused) == 5
    # After a start each is given to the nodes once more.
    await guardian.halt()
    await guardian.open()
    await eventually(lambda: len(refused) == 10)


def lookups(proxy: NodeProxy) -> int:
    return sum(call["method"] == "eth_getTransactionByHash" for call in proxy.calls)


async def test_what_waits_is_looked_for_all_at_once(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    stop_mining(anvil)
    proxy.batch_hook = lambda asked, _: error(asked[0] | {"id": None}, -32600, "no batches")
    rows = [guardian.pay(1000 + number) for number in range(20)]
    for each in rows:
        await guardian.until(each, "sent")
    together = threading.Barrier(10)

    def slow(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] == "eth_getTransactionByHash" and not together.broken:
            together.wait(10)
        return forward()

    proxy.hook = slow
    seen = lookups(proxy)
    await eventually(lambda: lookups(proxy) >= seen + 10)
    await some_rounds(proxy)
    assert not together.broken, "ten were under way at once"
    together.abort()
    await until_mined(guardian, anvil, rows[-1], "confirmed")


async def test_a_node_with_few_calls_a_second_is_asked_for_no_more_than_those_between_two_looks(
    guardian: Guardian, anvil: Anvil, second: NodeProxy
) -> None:
    await guardian.halt()
    limited = replace(guardian.settings, rpc_url=second.url, calls_per_second=5)
    guardian.others = [limited]
    await guardian.open()
    await guardian.until(guardian.pay(), "sent", "confirmed")
    stop_mining(anvil)
    rows = [guardian.pay(1000 + number) for number in range(12)]
    for each in rows:
        await guardian.until(each, "sent")
    await eventually(lambda: lookups(second) >= 20, 60)
    methods = [call["method"] for call in second.calls]
    rounds = " ".join(methods).split("eth_blockNumber")
    assert max(each.count("eth_getTransactionByHash") for each in rounds) <= 5
    await until_mined(guardian, anvil, rows[-1], "confirmed")
