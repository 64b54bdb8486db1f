"""Whether the summary of a view fits the effects that its digest binds.

The summary itself is bound by nothing, and the program on the operator's socket could name a
small payee. Pure.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from holdfast.operator.request import Json
from holdfast.wording import safe

LABEL_CHARS_MAX = 64
UNSURE = frozenset({"control", "call", "typed-data", "deploy", "message"})
Gets = Mapping[object, int]


def faults(view: Json, policy: str) -> Iterable[str]:
    """Why the summary cannot be true.

    Of prices nothing is known here, so only what no price could explain is a fault: a party that is
    not there, or one that gets no more of anything than another which the policy does not name.
    """
    summary = view.get("summary")
    yield from _misnamed(summary, policy)
    party = summary.get("worthiest") if isinstance(summary, dict) else None
    if not isinstance(party, dict):
        return
    named = str(party.get("address"))
    parties, unsure = _parties(view)
    if named not in parties:
        yield f"the summary names {named[:48]}, who gets nothing"
        return
    if named in unsure:
        return
    texts = [str(each.get("text")) for each in _rows(view, "warnings")]
    known = policy.lower() + " ".join(texts).lower()
    for other, gets in parties.items():
        if other.lower() not in known and _is_more(gets, parties[named]):
            yield f"the summary names {named}, but {other} gets more and is on no list"
            return


def _misnamed(summary: object, policy: str) -> Iterable[str]:
    """Labels that the policy does not have for their addresses."""
    if not isinstance(summary, dict):
        return
    labels, party = summary.get("labels"), summary.get("worthiest")
    told = list(labels.items()) if isinstance(labels, dict) else []
    if isinstance(party, dict) and party.get("label"):
        told.append((party.get("address"), party["label"]))
    if not told:
        return
    known = {(address.lower(), safe(label, LABEL_CHARS_MAX)) for address, label in _names(policy)}
    for address, label in told:
        if (str(address).lower(), label) not in known:
            name = safe(label, LABEL_CHARS_MAX)
            yield f"the summary calls {safe(address, 48)} `{name}`, and the policy does not"


def _names(policy: str) -> Iterable[tuple[str, str]]:
    """(address, what the policy calls it)."""
    # The core may read what Python's parser does not, such as a byte order mark.
    tables = tomllib.loads(policy.removeprefix("\ufeff"))
    for each in _rows(tables, "list"):
        for entry in _rows(each, "entry"):
            yield str(entry.get("address")), str(entry.get("label"))
    for kind in ("contract", "wallet"):
        for row in _rows(tables, kind):
            yield str(row.get("address")), str(row.get("id"))


def _parties(view: Json) -> tuple[dict[str, dict[object, int]], set[str]]:
    """What each party gets of each asset, and those for which it is unknown."""
    parties: dict[str, dict[object, int]] = defaultdict(lambda: defaultdict(int))
    unsure = set()
    for effect in _rows(view, "effects"):
        to, asset = effect.get("to"), effect.get("asset") or {}
        if to is None or effect.get("effect") == "fee":
            continue
        gets = parties[str(to)]
        amount = str(effect.get("amount"))
        gets[(asset.get("address"), asset.get("symbol"))] += int(amount) if amount.isdigit() else 0
        if effect.get("unlimited") or effect.get("effect") in UNSURE:
            unsure.add(str(to))
    return parties, unsure


def _is_more(one: Gets, other: Gets) -> bool:
    """At least as much of everything, and more of something."""
    assets = {*one, *other}
    pairs = [(one.get(asset, 0), other.get(asset, 0)) for asset in assets]
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _rows(view: Json, name: str) -> list[Json]:
    rows = view.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
