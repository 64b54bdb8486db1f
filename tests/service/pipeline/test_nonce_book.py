"""Each nonce has one payment, whatever was denied, taken back or set."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.service.chain.test_believing import ETH, codes, foreign, left, opened
from tests.support.anvil import Anvil
from tests.support.guardian import Guardian, eventually
from tests.support.proxy import NodeProxy

from holdfast._core import AuthoriseFacts
from holdfast.service.pipeline.nonce_watch import NonceWatch

GWEI = 10**9
FACTS = AuthoriseFacts(gas=21000, max_fee_per_gas=4 * 10**9, max_priority_fee_per_gas=10**9)
FEES = {"max_fee_per_gas": str(60 * GWEI), "max_priority_fee_per_gas": str(4 * GWEI)}
EVERYTHING = b'{"kind":"everything"}'


@pytest.fixture
async def alone(
    tmp_path: Path, anvil: Anvil, proxy: NodeProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Guardian]:
    """One endpoint; a payment was made, and nothing is sent for now."""
    monkeypatch.setattr("holdfast.service.pipeline.settle.LATE_SECONDS", 0.3)
    monkeypatch.setattr("holdfast.service.pipeline.nonce_watch.PATIENCE_S", {})
    made = await opened(tmp_path / "home", anvil, proxy)
    await made.until(made.pay(1), "confirmed")
    assert made.sender is not None
    await made.sender.stop()
    yield made
    await made.close()


async def signed(made: Guardian, request: str) -> None:
    """On disk with its signature, as just before it is sent."""
    made.core.authorise(request, FACTS)
    await made.core.durable()
    assert made.signer is not None
    bytes_ = await made.signer.sign(made.order_seq(request))
    made.core.signed(request, bytes_.payload)
    await made.core.durable()


def stopped_and_denied(made: Guardian, request: str) -> None:
    made.core.freeze(EVERYTHING, "stop", "test")
    made.command("thaw", freeze=made.freezes()[0])
    made.command("deny", request=request, digest=made.view(request)["digest"])


def watch_of(made: Guardian) -> NonceWatch:
    assert made.sender is not None
    return NonceWatch(made.core, made.chains, made.conditions, made.wallets, made.sender.refused)


async def test_a_nonce_that_is_set_is_the_next_payments(alone: Guardian, anvil: Anvil) -> None:
    gap, above = alone.pay(2), alone.pay(3)
    alone.core.authorise(gap, FACTS)
    await signed(alone, above)
    alone.core.fail(gap, "would_fail", "given up")
    foreign(alone, anvil, 1)
    anvil.call("eth_sendRawTransaction", alone.view(above)["raw"])
    await alone.send()
    await alone.until(above, "confirmed")
    alone.command("nonce", wallet=alone.wallets[0], chain_id=31337, nonce=3)
    view = await alone.until(alone.pay(4), "confirmed")
    assert view["nonce"] == 3


async def test_what_was_denied_and_mined_keeps_no_other_from_being_paid(
    alone: Guardian, anvil: Anvil
) -> None:
    """Broadcast, killed before the answer was noted, frozen at the next start, denied."""
    denied = alone.pay(ETH // 4)
    await signed(alone, denied)
    anvil.call("eth_sendRawTransaction", alone.view(denied)["raw"])
    stopped_and_denied(alone, denied)
    await alone.send()
    watch = watch_of(alone)
    await watch.look()
    await alone.until(denied, "confirmed")
    view = await alone.until(alone.pay(5), "confirmed")
    assert view["nonce"] == 2
    await watch.look()
    watch.close()
    assert codes(alone) == []


async def test_what_was_denied_alarms_nobody_and_ends_with_its_nonce(alone: Guardian) -> None:
    denied = alone.pay(ETH // 2)
    await signed(alone, denied)
    stopped_and_denied(alone, denied)
    await alone.send()
    watch = watch_of(alone)
    await watch.look()
    assert codes(alone) == []
    await alone.until(alone.pay(5), "confirmed")
    await alone.until(denied, "dropped")
    await alone.core.durable()
    await watch.look()
    (told,) = alone.conditions.report()
    watch.close()
    assert (told["code"], told["severity"]) == ("unproved_end", "warning")
    assert left(alone) <= 0.5, "one node's word frees nothing before its window is over"


async def test_what_an_operator_took_back_is_not_paid_after_a_start(alone: Guardian) -> None:
    """The signer died, and its alarm says: start the guardian again."""
    request = alone.pay(4242)
    await signed(alone, request)
    digest = alone.view(request)["digest"]
    alone.command("cancel", request=request, digest=digest, **FEES)
    await alone.halt()
    await alone.open()
    await alone.until(request, "held")
    other = alone.pay(6)
    await alone.until(other, "sent")
    assert alone.received() == 1, "the other one waits behind it"
    alone.command("cancel", request=request, digest=digest, **FEES)
    await alone.until(request, "cancelled")
    await alone.until(other, "confirmed")
    assert alone.received() == 7


async def test_what_is_taken_back_keeps_its_nonce(alone: Guardian) -> None:
    request = alone.pay(ETH // 4)
    await signed(alone, request)
    alone.core.freeze(EVERYTHING, "stop", "test")
    alone.command("thaw", freeze=alone.freezes()[0])
    digest = alone.view(request)["digest"]
    alone.command("cancel", request=request, digest=digest, **FEES)
    with pytest.raises(Exception, match="taken back"):
        alone.command("deny", request=request, digest=digest)
    await alone.send()
    paid = alone.pay(4321)
    await asyncio.gather(alone.until(request, "cancelled"), alone.until(paid, "confirmed"))
    assert alone.received() == 4322


async def test_in_a_freeze_an_agent_is_told_a_hash_that_a_node_knows(
    alone: Guardian, anvil: Anvil
) -> None:
    await alone.send()
    anvil.call("evm_setAutomine", False)
    request = alone.pay(77)
    await alone.until(request, "sent")
    alone.core.freeze(EVERYTHING, "stop", "test")
    digest = alone.view(request)["digest"]
    alone.command("bump", request=request, digest=digest, **FEES)
    await eventually(lambda: bool(alone.view(request).get("earlier")))
    told = alone.core.guard.outcome(request)
    assert told is not None
    assert told.result is not None
    assert not told.is_final
    assert anvil.call("eth_getTransactionByHash", json.loads(told.result)) is not None
