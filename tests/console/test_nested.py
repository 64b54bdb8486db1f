"""Requests with calls inside of calls.

What leaves is summed, inner calls stand apart, warnings come first, and what a descriptor says is
marked as a claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.console import nested
from tests.console.conftest import PASSPHRASE, Stage, make_stage
from tests.console.test_screens import SIZES, Snap, settled, shot
from textual.pilot import Pilot

from holdfast.console import details
from holdfast.console.deciding import DecisionScreen
from holdfast.console.themes import Palette
from holdfast.operator.decision import needs_typing
from holdfast.operator.gap import Gap
from holdfast.operator.model import Model
from holdfast.operator.reading import besides, in_words, leaving, warned
from holdfast.operator.request import Request

NAMES = list(nested.BUILDERS)


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    made = make_stage(home, "idle")
    yield made
    made.guardian.close()


def put(stage: Stage, name: str, *, claimed: bool = False) -> None:
    """The one request that waits."""
    (view,) = nested.views(name)
    if claimed:
        view["descriptor"] = nested.claim()
    stage.guardian.server.snapshot["requests"] = [view]


async def opened(stage: Stage, pilot: Pilot[None]) -> None:
    await settled(stage, pilot)
    await pilot.press("3")
    await settled(stage, pilot)


async def scrolled(stage: Stage, pilot: Pilot[None], heading: str) -> None:
    """The detail, read on to a heading."""
    await opened(stage, pilot)
    request = stage.app.model.request(stage.app.selected_id)
    assert request is not None
    lines = words_of(request, stage.app.palette)
    place = next(n for n, line in enumerate(lines) if heading in line)
    stage.app.main.detail.scroll_to(y=place, animate=False)
    await pilot.pause(0.3)


async def in_words_shown(stage: Stage, pilot: Pilot[None]) -> None:
    await scrolled(stage, pilot, "Decoded")


async def claim_shown(stage: Stage, pilot: Pilot[None]) -> None:
    await scrolled(stage, pilot, "publisher claims")


async def asked(stage: Stage, pilot: Pilot[None]) -> None:
    """The dialog that approves."""
    await settled(stage, pilot)
    await stage.app.session.unlock(bytearray(PASSPHRASE.encode()))
    await pilot.press("a")
    await stage.until(pilot, lambda: isinstance(stage.app.screen, DecisionScreen))
    await stage.advance(pilot, 1.1)
    await pilot.pause(0.3)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", NAMES)
def test_detail(snap_compare: Snap, stage: Stage, name: str, size: tuple[int, int]) -> None:
    put(stage, name)
    assert shot(snap_compare, stage, opened, size)


@pytest.mark.parametrize("name", ["multicall", "permit2"])
def test_detail_read_on(snap_compare: Snap, stage: Stage, name: str) -> None:
    put(stage, name)
    assert shot(snap_compare, stage, in_words_shown, (80, 24))


@pytest.mark.parametrize("name", NAMES)
def test_question(snap_compare: Snap, stage: Stage, name: str) -> None:
    put(stage, name)
    assert shot(snap_compare, stage, asked, (80, 24))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_claim(snap_compare: Snap, stage: Stage, size: tuple[int, int]) -> None:
    put(stage, "permit2", claimed=True)
    assert shot(snap_compare, stage, claim_shown, size)


def read(name: str, *, claimed: bool = False) -> Request:
    (view,) = nested.views(name)
    return Request.read(view | ({"descriptor": nested.claim()} if claimed else {}))


@pytest.fixture
def palette(stage: Stage) -> Palette:
    return stage.app.palette


def words_of(request: Request, palette: Palette) -> list[str]:
    whole = details.head(request, palette).plain + "\n"
    return (whole + details.body(request, Model(), palette).plain).splitlines()


def test_what_leaves_is_one_sum_an_asset() -> None:
    sums = leaving(read("multicall"))
    assert [each.amount_text for each in sums] == [
        "UNLIMITED BAYC (ERC-721)",
        "800 USDC",
        "300 DAI",
    ]
    assert [part.amount_text for part in sums[1].parts] == ["760 USDC", "40 USDC"]
    assert {part.to for part in sums[1].parts} == {nested.VENDOR, nested.SHOP}


def test_tokens_with_one_symbol_are_never_added_up() -> None:
    (view,) = nested.views("multicall")
    twin = dict(view["effects"][0])
    twin["asset"] = twin["asset"] | {"address": nested.DAI}
    sums = leaving(Request.read(view | {"effects": [view["effects"][0], twin]}))
    assert [each.amount_text for each in sums] == ["760 USDC", "760 USDC"]


def test_inner_calls_are_one_level_further_in() -> None:
    lines = in_words(read("multicall").rows("display"))
    headings = [(line.depth, line.label) for line in lines if line.heading]
    assert headings == [
        (0, "Call 1 of 4"),
        (0, "Call 2 of 4"),
        (1, "Call 1 of 2"),
        (1, "Call 2 of 2"),
        (0, "Call 3 of 4"),
        (0, "Call 4 of 4"),
    ]
    depths = {line.value: line.depth for line in lines if not line.heading}
    assert (depths["750 USDC"], depths["40 USDC"], depths["10 USDC"]) == (1, 2, 1)


def test_parts_of_a_document_stand_apart_and_the_rest_is_about_the_whole() -> None:
    lines = in_words(read("safe").rows("display"))
    headings = [line.label for line in lines if line.heading]
    assert headings == ["Part 1 of 2", "Part 2 of 2"]
    depths = {line.label: line.depth for line in lines if not line.heading}
    assert (depths["Token"], depths["Chain"], depths["Primary type"]) == (1, 0, 0)


def test_what_comes_back_stands_beside_what_leaves(palette: Palette) -> None:
    for name, gives, gets in (
        ("router", "SWAP      1,000 USDC", "GET       at least 0.3 WETH"),
        ("seaport", "OFFER     1 BAYC (ERC-721)", "GET       at least 10 WETH"),
    ):
        lines = words_of(read(name), palette)
        first = next(n for n, line in enumerate(lines) if gives in line)
        assert lines[first + 1].strip() == gets
    assert not any("GET" in line for line in words_of(read("multicall"), palette))


def test_what_is_signed_is_named_beside_what_it_pays(palette: Palette) -> None:
    lines = words_of(read("safe"), palette)
    assert any("AND       ! sign a transaction of a Safe: listed below" in line for line in lines)


def test_words_that_are_too_long_go_on_below_their_beginning(palette: Palette) -> None:
    request = read("router")
    through = request.rows("display")[-1]
    lines = words_of(request, palette)
    place = next(n for n, line in enumerate(lines) if "Through" in line)
    name, address = through["value"].split()
    assert lines[place].rstrip().endswith(name)
    assert lines[place + 1].strip() == address
    assert lines[place].index(name) == lines[place + 1].index(address)


@pytest.mark.parametrize(
    "values",
    [["3 of 2"], ["1 of 1"] * 50, ["2 of 2", "1 of 2"], ["0 of 0"], ["1 of 2", "x", "9 of 9"]],
)
def test_odd_numbers_of_calls_are_shown_and_break_nothing(values: list[str]) -> None:
    rows = [{"label": "Call", "value": value} for value in values]
    lines = in_words([*rows, {"label": "Amount", "value": "7"}])
    assert lines[-1].value == "7"
    assert max(line.depth for line in lines) <= 6


def test_no_line_is_lost() -> None:
    for name in NAMES:
        rows = read(name).rows("display")
        told = [row["value"] for row in rows if row["label"] != "Call"]
        assert [line.value for line in in_words(rows) if not line.heading] == told


def test_warnings_come_before_everything_else(palette: Palette) -> None:
    for name in NAMES:
        request = read(name)
        lines = words_of(request, palette)
        assert "WARNING" in lines[0] or not warned(request)
        first = next(
            n
            for n, line in enumerate(lines)
            if line.startswith((" AT MOST", " PAY", " SWAP", " OFFER"))
        )
        assert sum("! " in line for line in lines[:first]) == len(warned(request))


def test_every_warning_is_there_when_there_are_more_than_fit_above(palette: Palette) -> None:
    request = read("control")
    warnings = [{"code": f"code_{n}", "text": f"text {n} " * 40} for n in range(5)]
    lines = words_of(Request.read(request.raw | {"warnings": warnings}), palette)
    assert any("more warnings, listed below" in line for line in lines[:6])
    for each in warnings:
        assert any(line.startswith(f"  ! {each['code']}:") for line in lines)


def test_the_head_fits_above_the_keys_of_a_small_terminal(palette: Palette) -> None:
    request = read("multicall")
    warnings = [{"code": f"code_{n}", "text": f"text {n} " * 40} for n in range(9)]
    (pay, *rest) = request.raw["effects"]
    many = [
        pay | {"to": f"0x{n:040x}", "asset": pay["asset"] | {"address": f"0x{n:040x}"}}
        for n in range(9)
    ]
    wide = request.raw | {"warnings": warnings, "effects": [*many, *rest], "summary": None}
    wide["effects"].append(pay | {"effect": "control", "asset": None, "amount": "0"})
    head = details.head(Request.read(wide), palette).plain.splitlines()
    assert len(head) <= 12
    assert max(map(len, head)) <= 76
    assert any(line.startswith(" AGENT") for line in head)


def test_control_is_named_first_and_needs_typing_even_at_no_price(palette: Palette) -> None:
    request = read("control")
    assert besides(request)[0].kind == "control"
    assert request.summary == "0.10 ETH +control +call → 0x15d34A…2C6A65"
    lines = words_of(request, palette)
    assert any("! control" in line for line in lines)
    bare = [effect for effect in request.raw["effects"] if effect["effect"] == "control"]
    alone = Request.read(request.raw | {"effects": bare, "usd": "0", "summary": None})
    assert alone.usd == 0
    assert needs_typing(alone)
    assert alone.summary.startswith("control")


def test_the_typed_payee_is_the_first_that_is_shown(palette: Palette) -> None:
    for name in NAMES:
        request = read(name)
        shown = next(
            line
            for line in words_of(request, palette)
            if line.startswith((" TO ", " THROUGH ", " CONTRACT "))
        )
        assert shown.split()[1] == Gap.of(request).value


def test_a_contract_that_gets_nothing_is_not_named_as_the_payee(palette: Palette) -> None:
    lines = words_of(read("safe"), palette)
    place = next(n for n, line in enumerate(lines) if line.startswith(" PAY       120 USDC"))
    (paid,) = [effect.to for effect in read("safe").effects if effect.moves]
    assert lines[place + 1].startswith(" CONTRACT  0x976E")
    assert lines[place + 2].split() == ["TO", paid]


def test_a_claim_is_below_our_own_lines_and_marked_line_by_line(palette: Palette) -> None:
    lines = words_of(read("permit2", claimed=True), palette)
    heading = next(n for n, line in enumerate(lines) if "publisher claims" in line)
    assert "claim" in lines[heading]
    assert heading > next(n for n, line in enumerate(lines) if "Decoded" in line)
    claimed = lines[heading + 1 : heading + 1 + len(nested.claim()["display"])]
    assert all(line.startswith("  ┃ ") for line in claimed)
    assert any("descriptor_differs" in line for line in lines[:4])


def test_a_hostile_claim_is_only_words(palette: Palette) -> None:
    (view,) = nested.views("control")
    row = {"label": "[@click=app.quit]\x1b[2J", "value": "\u202eok\n  ┃ WARNING none"}
    view["descriptor"] = {"display": [row] * 500 + ["x", None], "warnings": "none"}
    lines = words_of(Request.read(view), palette)
    text = "\n".join(lines)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "420 more lines" in text
    assert all(line.startswith("  ┃ ") for line in lines if "click=app" in line)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("swap", "swap 5 USDC → 0x709979…dc79C8"),
        ("deposit", "deposit 5 USDC → 0x709979…dc79C8"),
        ("order", "offer 5 USDC → 0x709979…dc79C8"),
        ("debt", "owe 5 USDC → 0x709979…dc79C8"),
        ("convert", "convert 5 USDC → 0x709979…dc79C8"),
        ("control", "control 5 USDC → 0x709979…dc79C8"),
        ("something-new", "something-new 5 USDC → 0x709979…dc79C8"),
    ],
)
def test_every_kind_has_its_words(kind: str, words: str, palette: Palette) -> None:
    (view,) = nested.views("multicall")
    effect = view["effects"][0] | {"effect": kind, "amount": "5000000"}
    request = Request.read(view | {"effects": [effect], "summary": None})
    assert request.summary == words
    assert any("5 USDC" in line for line in words_of(request, palette))


def test_a_function_the_operator_vouches_for_is_named_and_not_opaque(palette: Palette) -> None:
    (view,) = nested.views("multicall")
    call = view["effects"][0] | {"effect": "call", "amount": "0", "asset": None}
    unknown = Request.read(view | {"effects": [call], "warnings": []})
    assert unknown.opaque
    assert any("! opaque" in line for line in words_of(unknown, palette))
    known = Request.read(view | {"effects": [call | {"function": "vote"}], "warnings": []})
    assert not known.opaque
    lines = words_of(known, palette)
    assert not any("! opaque" in line for line in lines)
    assert any(line.split() == ["known", "vote"] for line in lines)
