"""Payments that hang, at the console: what is shown, what is signed, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.console.conftest import PASSPHRASE, START_MS, Stage
from textual.pilot import Pilot

from holdfast.console import details
from holdfast.console.deciding import DecisionScreen
from holdfast.console.replacing import ReplaceScreen
from holdfast.operator.replacing import Fees, Quote

GWEI = 10**9
HASH = "0x" + "ab" * 32
OTHER = "0x" + "cd" * 32
QUOTE = {
    "chain_id": 31337,
    "base": str(10 * GWEI),
    "tip": str(GWEI),
    "gas": 21_000,
    "now": {"max_fee_per_gas": str(3 * GWEI), "max_priority_fee_per_gas": str(GWEI)},
    "offer": {"max_fee_per_gas": str(22 * GWEI), "max_priority_fee_per_gas": str(2 * GWEI)},
    "cap": {"max_fee_per_gas": str(100 * GWEI), "max_priority_fee_per_gas": str(5 * GWEI)},
}
ORDER = {"nonce": 7, "max_fee_per_gas": str(3 * GWEI), "max_priority_fee_per_gas": str(GWEI)}
Snap = Callable[..., bool]


def commands(stage: Stage) -> list[dict[str, Any]]:
    return [json.loads(call["payload"]) for call in stage.guardian.asked("command")]


async def send(stage: Stage, pilot: Pilot[Any], ident: str = "r26") -> None:
    """A payment that was waiting is out, and selected in the detail pane."""
    stage.guardian.server.quote = QUOTE
    await stage.ready(pilot)
    stage.app.select(ident)
    for kind, data in (
        ("request.authorised", {"order": ORDER}),
        ("request.signed", {"hash": HASH}),
        ("request.sent", {"outcome": "accepted"}),
    ):
        stage.guardian.event(kind, {"id": ident, **data})
    model = stage.app.model
    await stage.until(pilot, lambda: model.requests[ident].state == "sent")
    await pilot.press("3")


async def open_dialog(stage: Stage, pilot: Pilot[Any], key: str) -> None:
    await send(stage, pilot)
    assert await stage.app.session.unlock(bytearray(PASSPHRASE.encode())) is None
    await pilot.press(key)
    await stage.until(pilot, lambda: isinstance(stage.app.screen, ReplaceScreen))
    await stage.until(pilot, lambda: stage.guardian.asked("fees"))
    await pilot.pause(0.3)


async def quiet(stage: Stage, pilot: Pilot[Any]) -> None:
    await stage.advance(pilot, 0.5)
    await pilot.pause(0.25)


@pytest.mark.parametrize(("key", "action"), [("b", "bump"), ("x", "cancel")])
async def test_two_keys_sign_exactly_the_fees_that_were_shown(
    busy: Stage, key: str, action: str
) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, key)
        await pilot.press("y")
        await quiet(busy, pilot)
        assert commands(busy) == [], "no key counts in the first second"
        await busy.advance(pilot, 1.1)
        await pilot.press("y")
        await quiet(busy, pilot)
        await busy.until(pilot, lambda: commands(busy))
    (sent,) = commands(busy)
    shown = next(v for v in busy.guardian.server.snapshot["requests"] if v["id"] == "r26")
    assert (sent["action"], sent["request"], sent["digest"]) == (action, "r26", shown["digest"])
    assert sent["max_fee_per_gas"] == str(22 * GWEI)
    assert sent["max_priority_fee_per_gas"] == str(2 * GWEI)


async def test_a_payment_that_is_mined_meanwhile_is_not_replaced(busy: Stage) -> None:
    async with busy.run() as pilot:
        await open_dialog(busy, pilot, "x")
        busy.guardian.event("request.settled", {"id": "r26", "outcome": "confirmed"})
        await busy.until(pilot, lambda: busy.app.model.requests["r26"].state == "confirmed")
        await busy.advance(pilot, 1.1)
        await pilot.press("y")
        await quiet(busy, pilot)
        assert commands(busy) == []
        assert isinstance(busy.app.screen, ReplaceScreen)


async def test_without_the_chains_fees_nothing_is_signed(busy: Stage) -> None:
    async with busy.run() as pilot:
        busy.guardian.server.refuse["fees"] = ("chain_unavailable", "chain 31337 gives no answer")
        await open_dialog(busy, pilot, "b")
        await busy.advance(pilot, 1.1)
        await pilot.press("y")
        await quiet(busy, pilot)
        assert commands(busy) == []
        busy.guardian.server.refuse.clear()
        await pilot.press("r")
        await busy.until(pilot, lambda: len(busy.guardian.asked("fees")) == 2)
        await pilot.pause(0.3)
        await busy.advance(pilot, 1.1)
        await pilot.press("y")
        await quiet(busy, pilot)
        await busy.until(pilot, lambda: commands(busy))


@pytest.mark.parametrize("key", ["b", "x"])
async def test_what_is_not_signed_yet_is_not_replaced(busy: Stage, key: str) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        await pilot.press(key)
        await pilot.pause(0.2)
        assert not isinstance(busy.app.screen, ReplaceScreen)
        assert commands(busy) == []


async def test_another_transaction_of_a_nonce_changes_the_bytes_and_not_the_state(
    busy: Stage,
) -> None:
    async with busy.run() as pilot:
        await send(busy, pilot)
        order = ORDER | {"max_fee_per_gas": str(22 * GWEI)}
        replaced = {"id": "r26", "by": "ana", "why": "cancel", "order": order}
        busy.guardian.event("request.replaced", replaced)
        busy.guardian.event("request.signed", {"id": "r26", "hash": OTHER})
        await busy.until(pilot, lambda: busy.app.model.requests["r26"].raw.get("hash") == OTHER)
        row = busy.app.model.feed.row(len(busy.app.model.feed) - 2)
        assert row is not None
        assert row.text.endswith("cancellation by ana: nonce 7, fee 22 gwei")
        busy.guardian.event("answers.delivered", {"ids": ["r26"]})
        rows = len(busy.app.model.feed)
        settled = {"id": "r26", "outcome": "cancelled", "hash": OTHER, "block_number": 9}
        busy.guardian.event("request.settled", settled)
        await busy.until(pilot, lambda: len(busy.app.model.feed) > rows)
        assert len(busy.app.model.feed) == rows + 1, "that an answer arrived is no row"
        assert busy.app.model.requests["r26"].state == "cancelled"


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", ["b", "x"], ids=["bump", "cancel"])
def test_screen(snap_compare: Snap, busy: Stage, key: str, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await open_dialog(busy, pilot, key)
        await busy.advance(pilot, 1.1)
        await pilot.pause(0.3)

    assert snap_compare(busy.app, terminal_size=size, run_before=before)


def test_screen_of_what_is_out(snap_compare: Snap, busy: Stage) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await send(busy, pilot)
        order = ORDER | {"max_fee_per_gas": str(22 * GWEI)}
        replaced = {"id": "r26", "by": "ana", "why": "cancel", "order": order}
        busy.guardian.event("request.replaced", replaced)
        view = next(v for v in busy.guardian.server.snapshot["requests"] if v["id"] == "r26")
        view |= {"hash": OTHER, "earlier": [HASH], "cancelling": True}
        busy.guardian.event("request.signed", {"id": "r26", "hash": OTHER})
        await busy.until(pilot, lambda: busy.app.model.requests["r26"].raw.get("hash") == OTHER)
        await busy.until(pilot, lambda: len(busy.guardian.asked("request")) >= 2)
        await pilot.pause(0.4)

    assert snap_compare(busy.app, terminal_size=(200, 50), run_before=before)


async def test_what_a_request_waits_for_is_shown_while_no_event_tells(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        busy.app.select("r26")
        busy.guardian.event("request.reopened", {"id": "r26", "why": "the guardian started"})
        view = next(v for v in busy.guardian.server.snapshot["requests"] if v["id"] == "r26")
        times = {"since": START_MS - 14_000, "until": START_MS + 586_000}
        view |= {"state": "authorising"}
        await busy.until(pilot, lambda: busy.app.model.requests["r26"].state == "authorising")
        view |= {"waits": {"for": "fee", "why": "the base fee is above the cap", **times}}
        await busy.advance(pilot, 2.5)
        await busy.until(pilot, lambda: busy.app.model.requests["r26"].raw.get("waits"))
        request, app = busy.app.model.requests["r26"], busy.app
        line = details.status_line(request, app.model, app.palette, app.clock()).plain
        assert "waits for lower fees for 0:16; ends by itself in 9:44" in line
        assert "the base fee is above the cap" in details.body(request, app.model, app.palette)


async def checking(stage: Stage, pilot: Pilot[Any], ident: str = "r26") -> None:
    """A payment that its operator approved waits for lower fees."""
    await stage.ready(pilot)
    stage.guardian.event("request.reopened", {"id": ident, "why": "the guardian started"})
    view = next(v for v in stage.guardian.server.snapshot["requests"] if v["id"] == ident)
    times = {"since": START_MS, "until": START_MS + 600_000}
    waits = {"for": "fee", "why": "the base fee is above the cap", **times}
    view |= {"state": "authorising", "since": START_MS, "waits": waits}
    await stage.until(pilot, lambda: stage.app.model.requests[ident].state == "authorising")
    await stage.advance(pilot, 2.5)


def pane(stage: Stage) -> list[str]:
    """The rows of the pending pane, and its title at the end."""
    pending = stage.app.main.pending
    rows = ["".join(t for t, _ in pending.row_parts(i, 78)) for i in range(pending.row_count())]
    return [*rows, str(pending.border_title)]


async def test_what_waits_for_its_chain_or_fees_is_listed_after_what_waits_for_a_person(
    busy: Stage,
) -> None:
    async with busy.run() as pilot:
        await checking(busy, pilot)
        await busy.until(pilot, lambda: "waits for lower fees:" in pane(busy)[-2])
        *rows, last, title = pane(busy)
        assert "r26" in last
        assert not any("r26" in row for row in rows)
        assert title == "1 Pending (3) +1 in progress by deadline"


async def test_what_waits_for_fees_is_denied_in_the_console(busy: Stage) -> None:
    async with busy.run() as pilot:
        await checking(busy, pilot)
        assert await busy.app.session.unlock(bytearray(PASSPHRASE.encode())) is None
        await busy.until(pilot, lambda: "r26" in pane(busy)[-2])
        await pilot.press("1", "G")
        await busy.until(pilot, lambda: busy.app.selected_id == "r26")
        await pilot.press("a")
        assert busy.app.screen is busy.app.main, "it waits for no approval"
        await busy.advance(pilot, 0.1)
        busy.app.select("r26")
        await pilot.press("d")
        await busy.until(pilot, lambda: isinstance(busy.app.screen, DecisionScreen))
        await busy.advance(pilot, 1.1)
        await pilot.pause(0.3)
        await pilot.press("y")
        await quiet(busy, pilot)
        await busy.until(pilot, lambda: commands(busy))
    (sent,) = commands(busy)
    assert (sent["action"], sent["request"]) == ("deny", "r26")


async def test_what_is_out_and_not_mined_says_so_and_offers_its_keys(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        assert "bump" not in busy.app.main.footer.render().plain
        view = next(v for v in busy.guardian.server.snapshot["requests"] if v["id"] == "r26")
        view |= {"since": START_MS}
        await send(busy, pilot)
        await busy.until(pilot, lambda: "b bump  x cancel" in busy.app.main.footer.render().plain)
        assert "r26" not in "".join(pane(busy))
        await busy.advance(pilot, 185)
        await busy.until(pilot, lambda: "sent, waits for a block:" in pane(busy)[-2])
        request, app = busy.app.model.requests["r26"], busy.app
        line = details.status_line(request, app.model, app.palette, app.clock()).plain
        assert "waits to be mined for 3:05, since 2026-03-04 12:00:00Z" in line


async def test_who_sends_it_is_shown_where_that_is_its_agent_alone(busy: Stage) -> None:
    def shown() -> str:
        request, app = busy.app.model.requests["r26"], busy.app
        return details.body(request, app.model, app.palette).plain

    def hash_shown() -> object:
        return busy.app.model.requests["r26"].raw.get("hash")

    async with busy.run() as pilot:
        await send(busy, pilot)
        assert "its agent alone" not in shown()
        order = ORDER | {"max_fee_per_gas": str(22 * GWEI)}
        for why, released, alone in (("fee", "agent", True), ("cancel", "agent", False)):
            replaced = {"id": "r26", "by": "agent", "why": why, "order": order}
            busy.guardian.event("request.replaced", replaced | {"released": released})
            hashed = OTHER if alone else "0x" + "ef" * 32
            view = next(v for v in busy.guardian.server.snapshot["requests"] if v["id"] == "r26")
            view |= {"hash": hashed, "released": released, "cancelling": not alone}
            busy.guardian.event("request.signed", {"id": "r26", "hash": hashed})
            await busy.until(pilot, lambda now=hashed: hash_shown() == now)
            assert ("only its agent: the guardian never sends it" in shown()) is alone


NOW = Fees(10 * GWEI, GWEI)
CAP = Fees(100 * GWEI, 5 * GWEI)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (Fees(11 * GWEI, 11 * GWEI // 10), None),
        (Fees(11 * GWEI - 1, 2 * GWEI), "at least a tenth higher"),
        (Fees(20 * GWEI, GWEI), "at least a tenth higher"),
        (Fees(101 * GWEI, 2 * GWEI), "exceeds the chain's caps"),
        (Fees(20 * GWEI, 6 * GWEI), "exceeds the chain's caps"),
        (Fees(20 * GWEI, 21 * GWEI), "cannot exceed the fee"),
    ],
)
def test_fees_are_judged_as_the_guardian_does(new: Fees, words: str | None) -> None:
    fault = Quote(10 * GWEI, 21_000, NOW, None, CAP).fault(new)
    assert (fault is None) if words is None else (words in str(fault))
