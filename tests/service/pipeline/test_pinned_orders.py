"""What was decided by pinned code is decided again by it before it is signed, after any pause."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from eth_utils.crypto import keccak
from tests.support.anvil import Anvil
from tests.support.facts import NO_FACTS
from tests.support.guardian import VENDOR, Guardian, eventually
from tests.support.proxy import NodeProxy
from tests.support.token import deploy_token, token_balance, transfer_data

from holdfast.service.runtime.clock import Clock, elapsed_ms, wall_ms

MINUTE = 60_000

TOKEN = """
[[asset]]
id = "usd"
chain = 31337
address = "{address}"
decimals = 6
symbol = "USD"
price_usd = "1"
code_hash = "{hash}"
[[rule]]
id = "tokens"
effects = ["transfer"]
assets = ["usd"]
tier = "instant"
"""


class Hands(Clock):
    """The machine's time, and what the test adds to it."""

    def __init__(self) -> None:
        self.added = 0
        super().__init__(lambda: wall_ms() + self.added, lambda: elapsed_ms() + self.added)


@pytest.fixture
async def guardian(tmp_path: Path, anvil: Anvil, proxy: NodeProxy) -> AsyncIterator[Guardian]:
    """Its wallet has a token with pinned code, which was looked at once.

    Nobody looks again but for an order.
    """
    made = Guardian.make(tmp_path / "home", anvil, url=proxy.url)
    token = deploy_token(anvil, made.wallets[0])
    code = bytes.fromhex(anvil.call("eth_getCode", token, "latest")[2:])
    made.more = TOKEN.format(address=token, hash="0x" + keccak(code).hex())
    made.clock = Hands()
    await made.open()
    looking = asyncio.create_task(made.code.run())
    await eventually(lambda: made.facts.of_agent("shopper") != NO_FACTS)
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking
    yield made
    await made.close()


def pay(guardian: Guardian, token: str) -> str:
    return guardian.pay(0, to=token, data=transfer_data(VENDOR, 5))


def token_of(guardian: Guardian) -> str:
    return guardian.more.split('address = "')[1][:42]


async def pause(guardian: Guardian, proxy: NodeProxy, token: str) -> str:
    """A payment that was let through, and then had no node for nine minutes: after ten it fails."""
    proxy.hook = lambda _call, _forward: None
    request = pay(guardian, token)
    assert guardian.state(request) == "authorising"
    assert isinstance(guardian.clock, Hands)
    guardian.clock.added += 9 * MINUTE
    return request


async def test_after_an_outage_the_code_is_looked_at_before_the_order(
    guardian: Guardian, proxy: NodeProxy, anvil: Anvil
) -> None:
    token = token_of(guardian)
    request = await pause(guardian, proxy, token)
    proxy.hook = None
    await guardian.until(request, "confirmed", "denied")
    assert guardian.state(request) == "confirmed"
    assert token_balance(anvil, token, VENDOR) == 5


async def test_an_upgrade_between_decision_and_order_ends_the_request(
    guardian: Guardian, proxy: NodeProxy, anvil: Anvil
) -> None:
    token = token_of(guardian)
    request = await pause(guardian, proxy, token)
    anvil.call("anvil_setCode", token, anvil.call("eth_getCode", token, "latest") + "00")
    proxy.hook = None
    view = await guardian.until(request, "confirmed", "denied")
    assert view["state"] == "denied"
    assert "code_changed" in [each["code"] for each in view["end_reasons"]]
    assert token_balance(anvil, token, VENDOR) == 0
