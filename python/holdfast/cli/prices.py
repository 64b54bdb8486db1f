"""`holdfast prices`: what the running guardian takes each asset to be worth, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.cli.options import HomeOption, JsonOption, existing
from holdfast.cli.output import emit, table

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = ("asset", "chain", "price USD", "source", "says", "age", "")


def prices(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the price of each asset and what each source reports.

    Example:

        holdfast prices
    """
    from holdfast.cli.link import Link

    with Link(existing(home).operator_socket) as link:
        found = link.call("prices")
    if as_json:
        emit(found)
        return
    table(HEADER, [row for asset in found for row in _rows(asset)])


def _rows(asset: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """One row for each source, or one without."""
    from holdfast.operator import format as fmt

    price = fmt.safe(asset.get("price_usd") or "UNKNOWN", 60)
    head = (fmt.safe(asset.get("asset"), 64), fmt.safe(asset.get("chain_id"), 20), price)
    sources = asset.get("sources") or []
    if asset.get("pinned") or not sources:
        yield (*head, "pinned in the policy" if asset.get("pinned") else "no source", "", "", "")
        return
    for each in sources:
        age = "" if each.get("age_ms") is None else fmt.duration(int(each["age_ms"]))
        old = (each.get("age_ms") or 0) > int(asset["price_age_ms_max"])
        remarks = ("too old" if old else "", "JUMPED" if each.get("doubted") else "")
        words = ", ".join(filter(None, (*remarks, fmt.safe(each.get("fault") or "", 200))))
        says = fmt.safe(each.get("usd") or "nothing", 60)
        yield (*head, fmt.safe(each.get("source"), 200), says, age, words)
        head = ("", "", "")
