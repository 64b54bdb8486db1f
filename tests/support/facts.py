"""Facts for tests, out of a document as `holdfast policy decide` takes it."""

from typing import Any

from holdfast._core import Facts

Json = dict[str, Any]
NO_FACTS = Facts()


def facts(document: Json) -> Facts:
    """`{"prices"?, "code"?}`. A price that is no text becomes one that is no price."""
    told = NO_FACTS
    if "prices" in document:
        prices = {asset: _prices(each) for asset, each in document["prices"].items()}
        told = told.updated_by(Facts(prices=prices))
    if "code" in document:
        code = {
            address: (each["hash"], each["implementation"], each["at"])
            for address, each in document["code"].items()
        }
        told = told.updated_by(Facts(code=code))
    return told


def _prices(told: Any) -> list[tuple[str, int]]:
    each = told if isinstance(told, list) else [told]
    return [(one["usd"] if isinstance(one["usd"], str) else "", one["at"]) for one in each]
