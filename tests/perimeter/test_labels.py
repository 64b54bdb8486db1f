"""What the operator calls an address is shown where the address is, and cannot be made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.service.in_process import SHOP, Guardian, make_home, put_policy, serving
from tests.support.operator_cli import holdfast

from holdfast.console.app import HoldfastApp
from holdfast.console.details import body, head
from holdfast.operator.model import Model
from holdfast.operator.request import Request
from holdfast.operator.seen import look
from holdfast.service.alerts.routes import Severity
from holdfast.service.alerts.text import SUMMARY, describe

LISTED = f"""
[[list]]
id = "shops"
[[list.entry]]
address = "{SHOP}"
label = "Corner shop"
"""


async def asked(guardian: Guardian) -> dict[str, Any]:
    """The view of a payment to the labelled shop that waits for approval."""
    answer = await (await guardian.agent()).pay(SHOP, 10**15)
    ident = answer["error"]["data"]["requestId"]
    view: dict[str, Any] = json.loads(guardian.core.guard.request(ident) or b"null")
    return view


def named(text: str) -> list[str]:
    """The lines with the shop's address."""
    return [line for line in text.splitlines() if SHOP in line or SHOP[-6:] in line]


async def test_the_label_of_a_list_entry_stands_beside_its_address(tmp_path: Path) -> None:
    async with serving(make_home(tmp_path, more=LISTED), hold_ms=50) as guardian:
        view = await asked(guardian)
        for command in (("show", view["id"]), ("pending",)):
            shown = (await holdfast(guardian.home, *command)).out
            assert named(shown), shown
            assert all("Corner shop" in line for line in named(shown)), shown
        record = {"kind": "request.decided", "data": {**view, SUMMARY: view["summary"]}}
        alert = describe(record, Severity.ACTION, lambda _: None)
        assert named(alert.body), alert.body
        assert all("(Corner shop)" in line for line in named(alert.body)), alert.body
        palette = HoldfastApp(guardian.home.path, config=tmp_path / "config").palette
        request = Request.read(view)
        shown = f"{head(request, palette).plain}\n{body(request, Model(), palette).plain}"
        # What is signed itself stands at the end, as it is.
        seen = named(shown.partition("\n Raw")[0])
        assert len(seen) >= 3
        assert all("Corner shop" in line for line in seen), shown


async def test_a_label_that_the_policy_does_not_have_is_never_approved(tmp_path: Path) -> None:
    home = make_home(tmp_path, more=LISTED)
    source = home.policy_path.read_text()
    async with serving(home, hold_ms=50) as guardian:
        view = await asked(guardian)
        assert look(view, source).faults == ()
        lie = view["summary"] | {"labels": {SHOP: "Your own wallet"}}
        (fault,) = look(view | {"summary": lie}, source).faults
        assert "Your own wallet" in fault
        put_policy(home, source.replace("Corner shop", "Another name"))
        await (await guardian.operator()).operate("reload")
        later = json.loads(guardian.core.guard.request(view["id"]) or b"null")
        assert later["summary"]["labels"] == {}, "its reader has the old policy's text"
        assert look(later, source).faults == ()
