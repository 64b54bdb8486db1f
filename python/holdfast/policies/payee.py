"""Who a word means: a list, a label, an id, or an address. Names of several are errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from holdfast._core import checksum_address
from holdfast.policies.declared import Declared, Party, choices
from holdfast.policies.errors import PolicyTextError
from holdfast.wording import safe

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def payee(declared: Declared, name: str, chain: int, at: datetime) -> Party:
    """The party that `name` means on `chain` at `at`.

    `@vendors` is the first entry of that list; a bare word is a list, a label or an id if only one
    of them has it. Raises PolicyTextError.
    """
    if name.startswith("0x"):
        return Party(name, _address(name), "address")
    if name.startswith("@"):
        return _of_list(declared, name[1:], chain, at)
    found = list(_named(declared, name, chain, at))
    if name in declared.lists:
        if not found:
            return _of_list(declared, name, chain, at)
        others = [party.address for party in found]
        raise PolicyTextError(
            f"`{safe(name, 64)}` is a list and a label: choose {choices([f'@{name}', *others])}"
        )
    if len({party.address for party in found}) == 1:
        return found[0]
    if found:
        several = ", ".join(party.words for party in found)
        raise PolicyTextError(f"`{safe(name, 64)}` names several: choose an address: {several}")
    raise PolicyTextError(
        f"no one is named `{safe(name, 64)}`: choose {_known(declared)}, or write an address"
    )


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise PolicyTextError(f"`{safe(text, 64)}` is not an address: write 0x and 40 hex digits")
    right = checksum_address(text.lower())
    digits = text[2:]
    if digits not in (right[2:], digits.lower(), digits.upper()):
        raise PolicyTextError(f"`{text}` has a wrong EIP-55 checksum: check it, or write {right}")
    return right


def _of_list(declared: Declared, name: str, chain: int, at: datetime) -> Party:
    entries = declared.lists.get(name)
    if entries is None:
        known = choices(f"@{each}" for each in declared.lists)
        raise PolicyTextError(f"the policy has no list `{safe(name, 64)}`: choose {known}")
    for entry in entries:
        if entry.holds(chain, at):
            return entry
    raise PolicyTextError(f"no entry of @{name} holds on chain {chain} at that time")


def _named(declared: Declared, name: str, chain: int, at: datetime) -> Iterator[Party]:
    for entries in declared.lists.values():
        for entry in entries:
            if entry.name == name and entry.holds(chain, at):
                yield entry
    for party in (*declared.wallets, *declared.contracts):
        if party.name == name and party.chain in (None, chain):
            yield party


def _known(declared: Declared) -> str:
    labels = [entry.name for entries in declared.lists.values() for entry in entries if entry.name]
    return choices([*(f"@{name}" for name in declared.lists), *labels])
