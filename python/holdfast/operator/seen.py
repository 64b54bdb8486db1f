"""Whether what a socket shows is what would be signed. Pure.

The digest is computed from the view itself, and the request is decoded again by this program.

A process of the same user can take the place of the operator's socket. It may show what it likes,
but what it shows then has a digest of its own, and the guardian takes no answer for that one.
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast._core import HoldfastError, canonical_json, decode_again
from holdfast.operator import format as fmt
from holdfast.operator import summed
from holdfast.operator.request import Json

# docs/architecture.md, 1: what an approval binds.
BOUND = (
    "agent",
    "chain_id",
    "effects",
    "fee_per_gas_max",
    "gas_max",
    "id",
    "kind",
    "method",
    "priority_fee_per_gas_max",
    "request",
    "wallet",
)
NOT_WHOLE = "this request is not fully loaded yet: only what is shown can be signed"
OTHER_DIGEST = (
    "what is shown does not match the digest that would be signed: the program that answers on "
    "the operator's socket changed it. Nothing can be signed: check what listens there"
)
OTHER_POLICY = "the text of the policy that decided it is missing, so it cannot be decoded again"


@dataclass(frozen=True, slots=True)
class Seen:
    """The digest of what is shown, and why it must not be approved.

    `digest` is `0x` hex, empty when the request is not whole; the gravest fault is first.
    """

    digest: str
    faults: tuple[str, ...]

    @property
    def fault(self) -> str | None:
        return self.faults[0] if self.faults else None


def digest_of(view: Json) -> str | None:
    """The digest an approval of exactly this view binds; None when the view is not whole."""
    if view.get("partial") or any(name not in view for name in BOUND):
        return None
    try:
        bound = canonical_json(json.dumps({name: view[name] for name in BOUND}).encode())
    except (HoldfastError, ValueError):
        return None
    return "0x" + hashlib.sha256(bound).hexdigest()


def look(view: Json, policy: str | None) -> Seen:
    """Holds a view against itself and against this program's decoders.

    `policy` is the text of the policy that decided it, None where it is not known.
    """
    digest = digest_of(view)
    if digest is None:
        return Seen("", (NOT_WHOLE,))
    if digest != view.get("digest"):
        return Seen(digest, (OTHER_DIGEST,))
    return Seen(digest, tuple(_decoded(view, policy)))


def policy_fits(view: Json, policy: str) -> bool:
    """Whether this is the text of the policy that decided the request."""
    return "0x" + hashlib.sha256(policy.encode()).hexdigest() == view.get("policy")


def _decoded(view: Json, policy: str | None) -> Iterable[str]:
    if policy is None or not policy_fits(view, policy):
        yield OTHER_POLICY
        return
    try:
        again = json.loads(decode_again(json.dumps(view).encode(), policy))
    except HoldfastError as error:
        yield f"this program cannot decode it: {fmt.safe(error.args[1], 300)}"
        return
    names = {
        "effects": "what it does",
        "display": "the lines about it",
        "warnings": "the warnings",
    }
    for name, words in names.items():
        # A wrong checksum is kept in small letters where it came, so case alone is no difference.
        same = _same_text if name == "display" else operator.eq
        if not same(again[name], view.get(name)):
            yield (
                f"{words} differ from what this program decodes from the request ({name}): the "
                f"guardian has another version, or the program that answers on its socket changed "
                f"them"
            )
    yield from summed.faults(view, policy)


def _same_text(one: object, other: object) -> bool:
    return json.dumps(one).lower() == json.dumps(other).lower()
