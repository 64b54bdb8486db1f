"""Names and addresses of a foreign document, as far as they are addresses of this chain."""

from __future__ import annotations

import re
from collections.abc import Iterable

from holdfast._core import checksum_address
from holdfast.policies.head import Surroundings
from holdfast.policies.importing.report import Report
from holdfast.wording import safe

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
ZERO = "0x" + "00" * 20


def parties(
    field: str,
    names: Iterable[tuple[str, str]],
    place: Surroundings,
    report: Report,
    *,
    blocked: bool = False,
) -> list[tuple[str, str]]:
    """(label, address) of those that have one, each address once.

    `names` are (label, address or another name). What the operator gave an address for has it; the
    rest is reported: nothing is granted to it, and if it should be `blocked`, that is not kept. The
    zero address is left out, because Holdfast pays it in no case.
    """
    found: dict[str, str] = {}
    for label, written in names:
        address = _address(field, label, written, place, report, blocked)
        if address and address != ZERO:
            shown = safe(label or "", 64) if label != written or not label.startswith("0x") else ""
            found.setdefault(address, shown)
    return [(label, address) for address, label in found.items()]


def _address(
    field: str, label: str, written: str, place: Surroundings, report: Report, blocked: bool
) -> str | None:
    for name in (label, written):
        if name in place.addresses:
            return place.addresses[name]
    name = safe(label or written, 64)
    if not _ADDRESS.fullmatch(written):
        if blocked:
            text = f"`{name}` has no address here: it is not blocked; name it with --address"
            report.not_kept(field, text)
            return None
        text = f"`{name}` has no address here: nothing is granted to it; name it with --address"
        report.stricter(field, text)
        return None
    right = checksum_address(written.lower())
    digits = written[2:]
    # To block too much harms no one.
    if blocked or digits in (right[2:], digits.lower(), digits.upper()):
        return right
    text = (
        f"the address of `{name}` has a wrong EIP-55 checksum, as after a typing error: nothing is "
        f'granted to it; if it is right, say --address "{name}={right}"'
    )
    report.stricter(field, text)
    return None
