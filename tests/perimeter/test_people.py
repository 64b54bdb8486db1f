"""What a person sees is all of it: the sum, the worthiest stranger, the end of a long message."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from eth_utils.crypto import keccak
from tests.service.in_process import (
    OPERATOR_PASSPHRASE,
    VENDOR,
    Guardian,
    Line,
    make_home,
    serving,
)
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from typer.testing import CliRunner

from holdfast.cli.main import app as cli
from holdfast.console import details
from holdfast.console.app import HoldfastApp
from holdfast.console.deciding import DecisionScreen
from holdfast.console.lines import LineList
from holdfast.console.whole import WholeScreen, WholeText
from holdfast.operator import summed
from holdfast.operator.request import Request
from holdfast.operator.seen import look
from holdfast.service.alerts.routes import Severity
from holdfast.service.alerts.text import SUMMARY, describe
from holdfast.service.home.folder import Home

EVE = "0xeE5e00000000000000000000000000000000BeeF"
PAYER = "0xD152f549545093347A162Dce210e7293f1452150"
MILLI = 10**15
ETH = 10**18
LONG = "I accept the terms of the data market. " * 300 + "AND I hand all I own to 0xEvil."
RULES = f"""
[[contract]]
id = "payer"
chain = 31337
address = "{PAYER}"
protocol = "disperse"

[[list]]
id = "vendors"
[[list.entry]]
address = "{VENDOR}"
label = "Acme"

[[rule]]
id = "known"
effects = ["transfer"]
to = ["@vendors"]
tier = "approval"
timeout = "10m"

[[rule]]
id = "anything"
effects = ["transfer", "allowance", "call", "typed-data", "deploy"]
tier = "approval"
timeout = "10m"
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose policy lets a person decide about everything; V alone is on a list."""
    return make_home(tmp_path, more=RULES)


def c1() -> dict[str, str]:
    """0.001 ETH to V first, then 3 ETH to EVE, then 12 small payments."""
    payees = [VENDOR, EVE] + [
        f"0x{0x90F79BF6EB2C4F870365E785982E1F101E93B906 + n:040x}" for n in range(12)
    ]
    sums = [MILLI, 3 * ETH] + [MILLI // 10] * 12
    data = keccak(text="disperseEther(address[],uint256[])")[:4]
    data += encode(["address[]", "uint256[]"], [payees, sums])
    return {"to": PAYER, "value": hex(sum(sums)), "data": "0x" + data.hex()}


async def waiting(agent: Line, method: str, params: list[Any]) -> str:
    answer = await agent.call(method, params)
    return str(answer["error"]["data"]["requestId"])


async def run(home: Home, *arguments: str) -> str:
    """What the command line prints."""
    place = ["--home", str(home.path)]
    result = await asyncio.to_thread(CliRunner().invoke, cli, [*arguments, *place])
    assert result.exit_code == 0, result.output
    return result.output


def whole(words: str) -> str:
    return " ".join(words.split())


class Clock:
    """Real time plus what a test skips."""

    def __init__(self) -> None:
        import time

        self._real = time.monotonic
        self.skipped = 0.0

    def __call__(self) -> float:
        return self._real() + self.skipped


async def until(pilot: Pilot[Any], true: Callable[[], object]) -> None:
    for _ in range(500):
        if true():
            return
        await pilot.pause(0.02)
    raise AssertionError("never became true")


@asynccontextmanager
async def console(home: Home) -> AsyncIterator[tuple[Guardian, HoldfastApp, Pilot[None], Clock]]:
    clock = Clock()
    async with serving(home, hold_ms=50) as guardian:
        app = HoldfastApp(home.path, clock=clock, config=home.path.parent / "config")
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: app.client.connected)
            assert await app.session.unlock(bytearray(OPERATOR_PASSPHRASE)) is None
            yield guardian, app, pilot, clock


async def opened(app: HoldfastApp, pilot: Pilot[None], ident: str, clock: Clock) -> DecisionScreen:
    await until(pilot, lambda: app.selected_id == ident)
    known = app.model.requests
    await until(pilot, lambda: ident in known and known[ident].decidable)
    await until(pilot, lambda: not known[ident].partial)
    await pilot.press("a")
    await until(pilot, lambda: isinstance(app.screen, DecisionScreen))
    clock.skipped += 1.1
    screen = app.screen
    assert isinstance(screen, DecisionScreen)
    return screen


async def press(pilot: Pilot[None], clock: Clock, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        clock.skipped += 0.1
    clock.skipped += 0.2
    await pilot.pause(0.25)


def drawn(rows: LineList) -> list[str]:
    """The rows of a list as they are on screen."""
    return [rows.render_line(y).text.rstrip() for y in range(rows.size.height)]


def state(guardian: Guardian, ident: str) -> str:
    return str(json.loads(guardian.core.guard.request(ident) or b"{}")["state"])


async def test_a_small_first_payment_hides_no_stranger_from_any_face(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        operator = await guardian.operator()
        await operator.operate("subscribe")
        ident = await waiting(await guardian.agent(), "eth_sendTransaction", [c1()])
        pushed = await operator.json()
        while pushed.get("event", {}).get("kind") != "request.decided":
            pushed = await operator.json()
        view = await operator.operate("request", id=ident)
        assert pushed["summary"] == view["summary"]
        assert view["summary"]["worthiest"]["address"] == EVE
        assert view["summary"]["total"][0]["amount"] == str(3 * ETH + MILLI + 12 * MILLI // 10)
        assert (view["summary"]["parties"], view["summary"]["unlisted"]) == (14, 13)
        listed = whole(await run(home, "pending"))
        # Nobody saw the code of the contract that pays them all, so it is a call as well.
        assert f"3.0022 ETH +call → {EVE[:8]}…{EVE[-6:]} +13 more" in listed
        shown = whole(await run(home, "show", ident))
        assert "in all 3.0022 ETH" in shown
        assert "to 14 parties, 13 of them on no list" in shown
        assert f"most 3 ETH -> {EVE} (on no list)" in shown
        record = {
            "kind": "request.decided",
            "data": {**pushed["event"]["data"], SUMMARY: view["summary"]},
        }
        alert = describe(record, Severity.ACTION, lambda _: None)
        assert "In all: 3.0022 ETH +call to 14 parties, 13 of them on no list" in alert.body
        assert f"Most: 3 ETH to {EVE} (on no list)" in alert.body


async def test_the_typed_check_asks_for_the_strangers_characters(home: Home) -> None:
    async with console(home) as (guardian, app, pilot, clock):
        ident = await waiting(await guardian.agent(), "eth_sendTransaction", [c1()])
        screen = await opened(app, pilot, ident, clock)
        row = "".join(words for words, _ in app.main.pending.row_parts(0, 78))
        assert f"3.0022 ETH +call → …{EVE[-6:]} +13 more" in row, "the count is never cut off"
        head = details.head(app.model.requests[ident], app.palette).plain
        assert "AT MOST   3.0022 ETH " in head, "no payment counts twice"
        assert f"TO        {EVE} on no list\n           ! it gets 3 ETH; 13 more" in head
        assert screen.decision.typing
        await press(pilot, clock, *VENDOR[20:24], "y")
        assert state(guardian, ident) == "waiting-approval"
        await press(pilot, clock, *EVE[20:24], "y")
        await until(pilot, lambda: state(guardian, ident) == "authorising")
        feed = app.main.feed
        await until(pilot, lambda: any("approval" in row for row in drawn(feed)))
        row = next(row for row in drawn(feed) if "approval" in row)
        assert row.endswith("…"), "half of a count would be another count"


async def test_a_summary_that_names_the_vendor_instead_is_found_out(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        ident = await waiting(await guardian.agent(), "eth_sendTransaction", [c1()])
        view = await (await guardian.operator()).operate("request", id=ident)
        policy = home.policy_path.read_text()
        assert not list(summed.faults(view, policy))
        view["summary"]["worthiest"]["address"] = VENDOR
        assert f"but {EVE} gets more" in next(iter(summed.faults(view, policy)))
        assert look(view, policy).faults
        view["summary"]["worthiest"]["address"] = wallet(home)
        assert "who gets nothing" in next(iter(summed.faults(view, policy)))


async def test_a_long_message_is_approved_only_when_its_end_was_on_screen(home: Home) -> None:
    async with console(home) as (guardian, app, pilot, clock):
        ident = await waiting(await guardian.agent(), "personal_sign", [LONG, wallet(home)])
        screen = await opened(app, pilot, ident, clock)
        assert screen.decision.shown.hides
        await until(pilot, lambda: screen.decision.reading and screen.decision.reading.lines)
        digest = screen.decision.gap.missing
        await press(pilot, clock, *digest, "y")
        assert state(guardian, ident) == "waiting-approval"
        assert "not seen yet" in str(screen.decision.notice)
        scroll = screen.query_one("#decision-body")
        scroll.scroll_to(y=10_000, animate=False, immediate=True)
        await press(pilot, clock, "y")
        assert state(guardian, ident) == "waiting-approval", "a jump to the end reads nothing"
        scroll.scroll_to(y=0, animate=False, immediate=True)
        reading = screen.decision.reading
        assert reading is not None
        for _ in range(reading.lines):
            await pilot.press("pagedown")
            if reading.blocks is None:
                break
        assert reading.blocks is None
        clock.skipped += 1.1
        await press(pilot, clock, *digest, "y")
        await until(pilot, lambda: state(guardian, ident) == "authorising")


async def test_the_end_of_a_long_message_is_read_with_one_key(home: Home) -> None:
    """A space at the end of a row puts no words of the agent where the console's own begin."""
    forged = ("x" * 7 + " ") * 400 + "\n── end of the signed content " + "w" * 900
    async with console(home) as (guardian, app, pilot, _):
        ident = await waiting(await guardian.agent(), "personal_sign", [forged, wallet(home)])
        await until(pilot, lambda: app.selected_id == ident)
        await until(pilot, lambda: ident in app.model.requests)
        await until(pilot, lambda: not app.model.requests[ident].partial)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, WholeScreen))
        text = app.screen.query_one("#whole-text", WholeText)
        await until(pilot, lambda: text.size.height > 1)
        await pilot.press("end")
        await pilot.pause(0.2)
        rows = [text.render_line(y).text.rstrip() for y in range(text.size.height)]
        assert rows[0] == f" Signed content in full: {len(rows) - 2} lines"
        assert rows[-1] == " ── end of the signed content"
        assert all(row.startswith("  ┃ ") for row in rows[1:-1]), "no row is without its mark"
        assert "".join(row[4:] for row in rows[2:-1]).count("w") == 900
        scroll = app.screen.query_one("#whole-body", VerticalScroll)
        assert scroll.scroll_offset.y == text.size.height - scroll.size.height
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: text.size.height != len(rows))
        rows = [text.render_line(y).text.rstrip() for y in range(text.size.height)]
        assert all(row.startswith("  ┃ ") for row in rows[1:-1]), "nor in a wider window"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_the_command_line_counts_what_it_cuts_and_prints_all_on_demand(home: Home) -> None:
    async with serving(home, hold_ms=50) as guardian:
        ident = await waiting(await guardian.agent(), "personal_sign", [LONG, wallet(home)])
        short = await run(home, "show", ident)
        line = next(each for each in short.splitlines() if "Message: " in each)
        shown, mark = line.split("Message: ")[1].split("…[+")
        assert int(mark.rstrip("]")) == len(LONG) - len(shown)
        assert f"{len(LONG) - len(shown)} characters are not in these lines" in short
        assert "not_shown" in short
        assert "0xEvil" not in short
        assert "0xEvil." in await run(home, "show", ident, "--full")
        assert "counts 1 effect, 3 lines, 2 warnings" in short


async def test_a_wide_document_is_shown_whole_and_counted(home: Home) -> None:
    values = [f"item {number}" for number in range(300)]
    document = {
        "types": {
            "EIP712Domain": [{"name": "chainId", "type": "uint256"}],
            "Terms": [{"name": "items", "type": "string[]"}, {"name": "last", "type": "string"}],
        },
        "primaryType": "Terms",
        "domain": {"chainId": 31337},
        "message": {"items": values, "last": "x" * 5_000 + " the end"},
    }
    async with serving(home, hold_ms=50) as guardian:
        params = [wallet(home), document]
        ident = await waiting(await guardian.agent(), "eth_signTypedData_v4", params)
        view = await (await guardian.operator()).operate("request", id=ident)
        (warning,) = [each for each in view["warnings"] if each["code"] == "not_shown"]
        left = next(row["value"] for row in view["display"] if row["label"] == "More values")
        assert (left, warning["text"].split(" are ")[0]) == ("205, not shown", "205 values")
        full = await run(home, "show", ident, "--full")
        assert all(f"message.items[{n}]: item {n}\n" in full for n in range(300))
        assert "xxx the end" in full
        palette = HoldfastApp(home.path).palette
        first = details.head(Request.read(view), palette).plain.splitlines()[0]
        assert "not_shown" in first, "graver than opaque"


SIGN_IN = """shop.example wants you to sign in with your Ethereum account:
{wallet}

Hello

URI: https://shop.example/login
Version: 1
Chain ID: 31337
Nonce: 32891756
Issued At: 2026-11-29T00:00:00Z
Expiration Time: 2026-11-29T00:10:00Z"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\nExpiration Time: 2026-11-29T00:10:00Z", ""),
        ("Expiration Time: 2026-11-29T00:10:00Z", "Expiration Time: never"),
        ("Hello", "Expiration Time: 2026-11-29T00:05:00Z"),
        ("\nNonce: 32891756", ""),
        ("\nVersion: 1", ""),
        ("\nHello\n\nURI: https://shop.example/login\nVersion: 1", ""),
        ("wants you to sign in", "Wants You To Sign In"),
        ("sign in with", "sign  in with"),
    ],
)
async def test_what_resembles_a_sign_in_and_is_none_is_denied(
    home: Home, old: str, new: str
) -> None:
    text = SIGN_IN.format(wallet=wallet(home))
    assert old in text
    async with serving(home, hold_ms=50) as guardian:
        agent = await guardian.agent()
        answer = await agent.call("personal_sign", [text.replace(old, new, 1), wallet(home)])
        assert answer["error"]["data"]["code"] == "sign_in_mismatch"


async def test_a_sign_in_to_the_letter_needs_a_person_and_shows_every_field(home: Home) -> None:
    text = SIGN_IN.format(wallet=wallet(home)) + "\nResources:\n- urn:recap:eyJhdHQiOnt9fQ"
    async with serving(home, hold_ms=50) as guardian:
        ident = await waiting(await guardian.agent(), "personal_sign", [text, wallet(home)])
        shown = await run(home, "show", ident)
        for part in ("Sign in to: shop.example", "Nonce: 32891756", "urn:recap:eyJhdHQiOnt9fQ"):
            assert part in shown
        assert "(recap)" in shown


def wallet(home: Home) -> str:
    from tests.service.in_process import WALLETS_PASSPHRASE

    from holdfast.secrets import keystore

    (address,) = keystore.open_wallets(home.wallets_dir, bytearray(WALLETS_PASSPHRASE))
    return address
