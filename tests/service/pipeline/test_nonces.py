"""Each wallet's ledger of nonces against its chain.

What goes wrong raises an alarm everywhere, until it is fixed. Real anvil, real keys.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from eth_account import Account
from tests.service.alerts.conftest import Events
from tests.service.alerts.receivers import HttpReceiver
from tests.support.anvil import Anvil
from tests.support.conditions import examples
from tests.support.guardian import NOISY, PASSPHRASE, VENDOR, Guardian
from tests.support.lying import reverted
from tests.support.proxy import NodeProxy, error, result

from holdfast._core import AuthoriseFacts
from holdfast.secrets import keystore
from holdfast.service.alerts.routes import Route, Severity
from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.chain.nonces import PATIENCE_S, Out, Seen, judge
from holdfast.service.pipeline.nonce_watch import NonceWatch
from holdfast.service.pipeline.settings import SendingConfig
from holdfast.service.runtime.conditions import Conditions

WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
WELL = Seen(31337, WALLET, mined=5, pending=5, balance=1, ledger=5)


def out(nonce: int, state: str = "sent", refused: str = "") -> Out:
    return Out(f"r{nonce}", nonce, state, refused)


TABLE = [
    ("all is well", WELL, ""),
    ("a wallet that never sent", replace(WELL, ledger=None, balance=0, mined=9), ""),
    ("ours is in the pool", replace(WELL, ledger=6, pending=6, out=(out(5),)), "nonce_stuck"),
    ("ours was mined just now", replace(WELL, ledger=6, mined=6, pending=6, out=(out(5),)), ""),
    ("a foreign one was mined", replace(WELL, mined=6, pending=6), "foreign_transaction"),
    ("a foreign one waits", replace(WELL, pending=6), "foreign_pending"),
    ("the chain was reset", replace(WELL, mined=0, pending=0), "chain_behind"),
    (
        "the chain lost what was final, with one out",
        replace(WELL, ledger=6, mined=4, pending=4, out=(out(5),)),
        "chain_behind nonce_gap",
    ),
    ("a nonce came back", replace(WELL, ledger=5, out=(out(6), out(7))), "nonce_gap"),
    (
        "no node accepted it",
        replace(WELL, ledger=6, out=(out(5, "signed", "pool full"),)),
        "not_sent",
    ),
    (
        "mined although it was denied",
        replace(WELL, ledger=5, mined=6, pending=6, out=(out(5, "denied"),)),
        "",
    ),
    ("denied after a freeze", replace(WELL, ledger=5, out=(out(5, "denied"),)), ""),
    ("held by a freeze", replace(WELL, ledger=7, out=(out(5, "held"), out(6))), "nonce_gap"),
    ("an agent has it", replace(WELL, ledger=6, out=(out(5, "released"),)), "nonce_stuck"),
    (
        "its agent alone sends it",
        replace(WELL, ledger=6, out=(replace(out(5, "released"), agent_alone=True),)),
        "nonce_stuck",
    ),
    (
        "its agent alone sends it and others wait",
        replace(WELL, ledger=7, out=(replace(out(5, "released"), agent_alone=True), out(6))),
        "nonce_gap",
    ),
    (
        "an agent has it and others wait",
        replace(WELL, ledger=7, out=(out(5, "released"), out(6))),
        "nonce_gap",
    ),
    ("nothing to pay fees with", replace(WELL, balance=0), "wallet_empty"),
]


@pytest.mark.parametrize(("seen", "codes"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE])
def test_what_is_seen_has_its_conditions(seen: Seen, codes: str) -> None:
    found = judge(seen)
    assert " ".join(each.code for each in found) == codes
    for each in found:
        assert each.wallet == WALLET
        assert WALLET in each.text
        assert each.step
        assert each.code in PATIENCE_S or each.severity in ("critical", "warning")


def test_a_refusal_and_what_waits_behind_it_are_in_the_words() -> None:
    seen = replace(WELL, ledger=8, out=(out(6), out(7), out(5, "signed", "the pool is full")))
    (found,) = judge(seen)
    assert "no node accepted it: the pool is full; 2 more wait behind it" in found.text


def test_nobody_is_told_to_wait_for_what_the_guardian_never_sends() -> None:
    mine, theirs = out(5, "released"), replace(out(5, "released"), agent_alone=True)
    for behind in ((), (out(6),)):
        (waits,) = judge(replace(WELL, ledger=7, out=(mine, *behind)))
        assert "the guardian sends it itself" in waits.step
        (told,) = judge(replace(WELL, ledger=7, out=(theirs, *behind)))
        assert "its agent alone sends it" in told.step
        assert "holdfast cancel r5" in told.step
        assert "the guardian sends it itself" not in told.step


# --- on a chain ----


@pytest.fixture
async def guardian(tmp_path: Path, anvil: Anvil, proxy: NodeProxy) -> AsyncIterator[Guardian]:
    made = Guardian.make(tmp_path / "home", anvil, url=proxy.url)
    await made.open()
    yield made
    await made.close()


class Watching:
    """The watch with a clock of its own."""

    def __init__(self, guardian: Guardian) -> None:
        assert guardian.sender is not None
        self.now = 0.0
        self.told: list[tuple[str, bool]] = []
        self.conditions = Conditions(guardian.core.clock.now_ms)
        self.conditions.listen(lambda each, _, begins: self.told.append((each.code, begins)))
        self.watch = NonceWatch(
            guardian.core,
            guardian.chains,
            self.conditions,
            guardian.wallets,
            guardian.sender.refused,
            time=lambda: self.now,
        )

    async def codes(self, after: float = 0.0) -> list[str]:
        """What holds after so many seconds."""
        await self.watch.look()
        self.now += after
        await self.watch.look()
        return [each["code"] for each in self.conditions.report()]


def foreign(guardian: Guardian, nonce: int, anvil: Anvil) -> None:
    """A transaction by somebody else who has the key."""
    (account,) = keystore.open_wallets(guardian.home.wallets_dir, PASSPHRASE).values()
    signed = Account.sign_transaction(
        {
            "to": VENDOR, "value": 1, "gas": 21_000, "nonce": nonce, "chainId": 31337,
            "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1,
        },
        account.key,
    )  # fmt: skip
    anvil.call("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())


async def test_a_quiet_wallet_has_no_condition(guardian: Guardian) -> None:
    watching = Watching(guardian)
    await guardian.until(guardian.pay(), "confirmed")
    assert await watching.codes(after=1_000) == []
    (row,) = watching.watch.report()
    assert (row["mined"], row["pending"], row["ledger"], row["out"]) == (1, 1, 1, 0)
    assert int(row["balance"]) > 0


async def test_a_key_that_somebody_else_has_too_is_told_for_good(
    guardian: Guardian, anvil: Anvil
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    foreign(guardian, 1, anvil)
    assert await watching.codes() == ["foreign_transaction"]
    # The ledger goes on behind it, but it was seen.
    go_on(guardian, 2)
    await guardian.until(guardian.pay(), "confirmed")
    assert await watching.codes() == ["foreign_transaction"]
    assert watching.told == [("foreign_transaction", True)]


async def test_a_foreign_transaction_in_the_pool_is_told(guardian: Guardian, anvil: Anvil) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    anvil.call("evm_setAutomine", False)
    foreign(guardian, 1, anvil)
    assert await watching.codes(after=60) == ["foreign_pending"]
    anvil.call("anvil_dropAllTransactions")
    assert await watching.codes(after=60) == []
    assert watching.told == [("foreign_pending", True), ("foreign_pending", False)]


async def test_a_payment_whose_nonce_another_took_is_told(
    guardian: Guardian, anvil: Anvil, second: NodeProxy
) -> None:
    guardian.others = [replace(guardian.settings, rpc_url=second.url)]
    await guardian.halt()
    await guardian.open()
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    anvil.call("evm_setAutomine", False)
    request = guardian.pay()
    await guardian.until(request, "sent")
    anvil.call("anvil_dropAllTransactions")
    foreign(guardian, 1, anvil)
    anvil.call("evm_mine")
    await guardian.until(request, "dropped")
    assert await watching.codes() == ["foreign_transaction"]
    assert request in watching.conditions.report()[0]["text"]


REVERTS = "0x60006000fd"


@pytest.mark.parametrize("then", ["confirmed", "reverted", "forgotten"])
async def test_a_nonce_that_a_denied_payment_gave_back_to_ours_is_no_foreign_one(
    guardian: Guardian, anvil: Anvil, second: NodeProxy, then: str
) -> None:
    """However the payment that used it ends, and however long after the denial."""
    guardian.others = [replace(guardian.settings, rpc_url=second.url)]
    guardian.more = NOISY
    await guardian.halt()
    await guardian.open()
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    denied = await signed_and_denied(guardian)
    assert await watching.codes() == []
    if then == "forgotten":
        await guardian.forget(denied)
    anvil.call("evm_setAutomine", False)
    await guardian.send()
    other = guardian.pay(22)
    view = await guardian.until(other, "sent")
    assert view["nonce"] == 1
    if then == "reverted":
        anvil.call("anvil_setCode", VENDOR, REVERTS)
    anvil.call("evm_mine")
    await guardian.until(other, "reverted" if then == "reverted" else "confirmed")
    await guardian.until(denied, "dropped")
    assert await watching.codes() == []


async def signed_and_denied(guardian: Guardian) -> str:
    """A payment with nonce 1 whose bytes exist and are never sent; the sender stands still."""
    assert guardian.sender is not None
    assert guardian.signer is not None
    await guardian.sender.stop()
    request = guardian.pay(11)
    facts = AuthoriseFacts(gas=21000, max_fee_per_gas=4 * 10**9, max_priority_fee_per_gas=10**9)
    guardian.core.authorise(request, facts)
    await guardian.core.durable()
    signed = await guardian.signer.sign(guardian.order_seq(request))
    guardian.core.signed(request, signed.payload)
    guardian.core.freeze(b'{"kind":"everything"}', "stop", "test")
    guardian.command("thaw", freeze=guardian.freezes()[0])
    digest = guardian.view(request)["digest"]
    assert guardian.command("deny", request=request, digest=digest) == "denied"
    await guardian.core.durable()
    return request


async def test_a_chain_that_was_reset_is_told(guardian: Guardian, anvil: Anvil) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    assert await watching.codes() == []
    anvil.call("anvil_setNonce", guardian.wallets[0], "0x0")
    assert await watching.codes(after=1) == [], "a node may lag for a moment"
    assert await watching.codes(after=60) == ["chain_behind"]


async def test_an_empty_wallet_is_told_until_it_has_something(
    guardian: Guardian, anvil: Anvil
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    anvil.call("anvil_setBalance", guardian.wallets[0], "0x0")
    guardian.chains.each()[0]._cache.clear()
    assert await watching.codes(after=60) == ["wallet_empty"]
    anvil.fund(guardian.wallets[0])
    guardian.chains.each()[0]._cache.clear()
    assert await watching.codes() == []


async def test_a_nonce_that_does_not_move_is_told_and_goes_when_it_moves(
    guardian: Guardian, anvil: Anvil
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    anvil.call("evm_setAutomine", False)
    request = guardian.pay()
    await guardian.until(request, "sent")
    assert await watching.codes(after=60) == []
    assert await watching.codes(after=150) == ["nonce_stuck"]
    assert watching.watch.report()[0]["oldest_ms"] == 210_000
    anvil.call("evm_mine")
    await guardian.until(request, "confirmed")
    assert await watching.codes() == []


async def test_what_a_node_refuses_is_told_and_sent_again_until_it_takes_it(
    guardian: Guardian, proxy: NodeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.RESEND_SECONDS_MIN", 0.05)
    watching = Watching(guardian)
    await guardian.until(guardian.pay(), "confirmed")
    full = True

    def hook(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if full and call["method"] == "eth_sendRawTransaction":
            return error(call, -32000, "txpool is full")
        return forward()

    proxy.hook = hook
    request = guardian.pay()
    while not guardian.events("request.sent", request):
        await guardian.next_batch()
    assert await watching.codes(after=60) == ["not_sent"]
    assert "the node's pool is full" in watching.conditions.report()[0]["text"]
    full = False
    # Nothing else is paid meanwhile: the bytes go out by themselves, the same ones.
    await guardian.until(request, "confirmed")
    assert len(set(proxy.sent())) == 2
    assert await watching.codes() == []


async def test_a_fee_below_the_base_fee_is_sent_again_until_it_fell(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.service.pipeline.upkeep.RESEND_SECONDS_MIN", 0.05)
    await guardian.halt()
    guardian.sending = SendingConfig(bump=False)
    await guardian.open()
    await guardian.until(guardian.pay(), "confirmed")

    def rise(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes:
        if call["method"] == "eth_sendRawTransaction" and len(proxy.sent()) == 2:
            return error(call, -32000, "max fee per gas less than block base fee")
        return forward()

    proxy.hook = rise
    request = guardian.pay()
    await guardian.until(request, "confirmed")
    first, *others = proxy.sent()[1:]
    assert set(others) == {first}
    outcomes = [data["outcome"] for data in guardian.events("request.sent", request)]
    assert outcomes[0] == "rejected"


async def test_one_answer_in_five_that_fails_keeps_no_payment_from_settling(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    count = 0

    def hook(call: dict[str, Any], forward: Callable[[], bytes]) -> bytes | None:
        nonlocal count
        count += 1
        if call["method"] == "eth_getTransactionReceipt" and count % 5 == 0:
            return error(call, -32603, "internal error")
        return forward()

    proxy.hook = hook
    requests = [guardian.pay(1000 + number) for number in range(30)]
    for request in requests:
        await guardian.until(request, "confirmed", seconds=60)
    assert guardian.received() == sum(1000 + number for number in range(30))


def go_on(guardian: Guardian, nonce: int) -> None:
    """An operator has looked: the ledger follows the chain."""
    wallet = guardian.wallets[0]
    guardian.command("nonce", wallet=wallet, chain_id=31337, nonce=nonce)


async def test_a_second_foreign_transaction_is_told_too(guardian: Guardian, anvil: Anvil) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    foreign(guardian, 1, anvil)
    assert await watching.codes() == ["foreign_transaction"]
    go_on(guardian, 2)
    await guardian.until(guardian.pay(), "confirmed")
    foreign(guardian, 3, anvil)
    assert await watching.codes() == ["foreign_transaction"] * 2
    assert watching.told == [("foreign_transaction", True)] * 2


@pytest.mark.parametrize("number", ["0x10000000000000000", "0x" + "f" * 64])
async def test_a_number_that_cannot_be_is_no_answer(
    guardian: Guardian, proxy: NodeProxy, number: str
) -> None:
    """It ended the daemon: health could not be written."""
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    assert await watching.codes() == []
    false = {"eth_getTransactionCount", "eth_blockNumber"}
    proxy.hook = lambda call, forward: (
        result(call, number) if call["method"] in false else forward()
    )
    assert await watching.codes() == []
    chain = guardian.chains.each()[0]
    for ask in (chain.head(), chain.mined_nonce(guardian.wallets[0])):
        with pytest.raises(EndpointDown, match="impossible"):
            await ask
    orjson.dumps([watching.watch.report(), guardian.chains.health()])


async def test_nodes_that_do_not_agree_hide_no_stuck_payment(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    anvil.call("evm_setAutomine", False)
    await guardian.until(guardian.pay(), "sent")
    behind = False
    proxy.hook = lambda call, forward: (
        result(call, "0x0")
        if behind and call["params"][1:] == ["latest"] and "Count" in call["method"]
        else forward()
    )
    for number in range(100):
        behind = number % 2 == 1
        await watching.codes(after=2)
    behind = False
    assert "nonce_stuck" in await watching.codes()


async def test_a_balance_that_comes_and_goes_floods_nobody(
    guardian: Guardian, anvil: Anvil, proxy: NodeProxy
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    empty = False
    proxy.hook = lambda call, forward: (
        result(call, "0x0") if empty and call["method"] == "eth_getBalance" else forward()
    )
    for number in range(20):
        empty = number % 2 == 1
        guardian.chains.each()[0]._cache.clear()
        await watching.watch.look()
        watching.now += 2
    assert watching.told == []


async def test_a_nonce_that_a_node_makes_up_alarms(guardian: Guardian, proxy: NodeProxy) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    proxy.hook = lambda call, forward: (
        result(call, "0x1000") if call["method"] == "eth_getTransactionCount" else forward()
    )
    assert "foreign_transaction" in await watching.codes()


async def test_an_end_that_one_node_alone_claims_is_told_for_a_while(
    guardian: Guardian, proxy: NodeProxy
) -> None:
    await guardian.until(guardian.pay(), "confirmed")
    watching = Watching(guardian)
    proxy.hook = reverted
    request = guardian.pay()
    await guardian.until(request, "reverted")
    await guardian.core.durable()
    assert await watching.codes() == ["unproved_end"]
    (told,) = watching.conditions.report()
    assert request in told["text"]
    assert told["severity"] == "warning"
    assert await watching.codes(after=601) == []


# --- told everywhere ----


def test_no_condition_is_silent_in_an_alert(tmp_path: Path) -> None:
    """Each condition goes to a route by its severity, once when it begins and once when it ends."""
    http = HttpReceiver()
    events = Events(tmp_path)
    try:
        alerts = events.start(Route("web", http.url, min_severity=Severity.INFO, per_minute=500))
        now = [1_000]
        conditions = Conditions(lambda: now[0])
        conditions.listen(alerts.condition)
        found = [each for row in TABLE for each in judge(row[1])] + examples()
        places = {each.place for each in found}
        conditions.put("nonces", found)
        told = http.arrivals.wait_for(len(places))
        titles = {each["title"] for each in told}
        assert titles == {f"Holdfast: {code.replace('_', ' ')}" for code, *_ in places}
        assert all("Next: " in each["body"] for each in told)
        conditions.put("nonces", [])
        over = http.arrivals.wait_for(2 * len(places))[len(places) :]
        assert all(each["title"].startswith("Holdfast: over: ") for each in over)
    finally:
        events.stop()
        http.stop()
