"""Another transaction in the place of one that is out. Pure.

Which fees it may have, what it can cost and what can happen; the guardian judges all of it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from holdfast.operator import format as fmt
from holdfast.operator.gwei import gwei
from holdfast.operator.request import Json, Request
from holdfast.operator.states import UNSIGNED

Replacing = Literal["bump", "cancel"]

# Nodes, and so the guardian, take a replacement that pays at least a tenth more.
MORE, THAN = 11, 10
OUT = frozenset({"signed", "sent", "released"})


@dataclass(frozen=True, slots=True)
class Fees:
    """wei per gas; the tip is part of the fee."""

    fee: int
    tip: int

    @classmethod
    def read(cls, data: Json) -> Fees:
        return cls(int(data["max_fee_per_gas"]), int(data["max_priority_fee_per_gas"]))

    @property
    def words(self) -> str:
        return f"{gwei(self.fee)}, tip {gwei(self.tip)}"

    @property
    def members(self) -> dict[str, str]:
        """As a command names them."""
        return {"max_fee_per_gas": str(self.fee), "max_priority_fee_per_gas": str(self.tip)}


@dataclass(frozen=True, slots=True)
class Quote:
    """The answer of `fees`.

    The chain's base fee, the transaction's fees now, those that would take their place (None where
    the caps leave no room), the caps, and its gas.
    """

    base: int
    gas: int
    now: Fees
    offer: Fees | None
    cap: Fees

    @classmethod
    def read(cls, answer: Json) -> Quote:
        """Raises ValueError for an answer that is none."""
        try:
            offer = answer["offer"]
            return cls(
                int(answer["base"]),
                int(answer["gas"]),
                Fees.read(answer["now"]),
                None if offer is None else Fees.read(offer),
                Fees.read(answer["cap"]),
            )
        except (KeyError, TypeError, ValueError):
            raise ValueError("the guardian's answer to `fees` is not one") from None

    def chosen(self, fee: int | None, tip: int | None) -> Fees:
        """These fees, or the offer's where one is not given. Raises ValueError in words."""
        offer = self.offer
        if offer is None and (fee is None or tip is None):
            raise ValueError(
                f"no fee within the chain's caps ({self.cap.words}) can replace {self.now.words} "
                f"at a base fee of {gwei(self.base)}: raise the caps in "
                "policy.toml and sign it with `holdfast policy apply`, or wait"
            )
        new_fee = offer.fee if fee is None and offer is not None else fee or 0
        new_tip = min(offer.tip, new_fee) if tip is None and offer is not None else tip or 0
        new = Fees(new_fee, new_tip)
        if fault := self.fault(new):
            raise ValueError(fault)
        return new

    def fault(self, new: Fees) -> str | None:
        """Why these fees are refused; None when they are not."""
        if new.tip > new.fee:
            return f"the tip ({gwei(new.tip)}) cannot exceed the fee ({gwei(new.fee)})"
        if new.fee > self.cap.fee or new.tip > self.cap.tip:
            return (
                f"{new.words}, exceeds the chain's caps ({self.cap.words}): use less, or raise "
                f"the caps in policy.toml and sign it with `holdfast policy apply`"
            )
        if not (_is_more(new.fee, self.now.fee) and _is_more(new.tip, self.now.tip)):
            least = Fees(_least(self.now.fee), _least(self.now.tip))
            return (
                f"nodes accept a replacement only if fee and tip are at least a tenth higher: "
                f"{least.words}, or more"
            )
        return None


def cannot_replace(action: Replacing, request: Request | None) -> str | None:
    """Why nothing can take the place of what this request has out; None when something can."""
    if request is None:
        return "no request is selected"
    name, state = fmt.safe(request.id, 24), request.state
    if request.raw.get("kind") != "transaction":
        return f"{name} is a signature: it cannot be cancelled on a chain"
    if request.raw.get("cancelling") and not settled(request):
        return None
    if state in OUT or (action == "cancel" and state == "held"):
        return None
    if state == "held":
        return f"{name} is held: approve it to send it as it is, or deny it"
    if state in UNSIGNED:
        how = f"d denies it, or `holdfast deny {name}`"
        return f"{name} is not signed yet: {how}"
    return f"{name} is {request.mark.word}: it has no transaction that can be mined"


def settled(request: Request) -> bool:
    """The chain proved the end of its nonce."""
    return request.raw.get("outcome") is not None


def agent_alone(request: Request) -> bool:
    """A rule leaves it to its agent to send, and it may still be sent."""
    raw = request.raw
    return raw.get("released") == "agent" and not raw.get("cancelling") and not settled(request)


def cost(request: Request, gas: int, fee: int) -> str:
    """The most that gas can cost, in the chain's coin."""
    for effect in request.effects:
        if effect.kind == "fee" and effect.decimals is not None:
            return effect.amount_of(str(gas * fee), unlimited=False)
    return f"{gas * fee:,} wei"


def told(request: Request, quote: Quote, new: Fees) -> list[tuple[str, str]]:
    """(label, words): the nonce, the fees before and after, and the most it can cost."""
    raw = request.raw
    decided = str(raw.get("gas_max") or "")
    # The gas is the guardian's word; what was decided is bound by the digest.
    most = f" ({int(decided):,} decided)" if decided.isdigit() else ""
    where = f"{fmt.safe(raw.get('nonce'), 24)} of the wallet on chain "
    rows = [
        ("nonce", where + fmt.safe(raw.get("chain_id"), 24)),
        ("base fee", f"{gwei(quote.base)} in the newest block"),
        ("fee now", f"{quote.now.words}"),
        ("new fee", f"{new.words}"),
        ("costs", f"at most {cost(request, quote.gas, new.fee)} for {quote.gas:,} gas{most}"),
        ("caps", f"{quote.cap.words}"),
    ]
    if new.fee < quote.base:
        rows.append(("!", "the new fee is below the base fee: not mined until that falls"))
    return rows


def happens(action: Replacing, request: Request) -> list[str]:
    """What can happen, as it is."""
    rows = [
        "Both transactions have the same nonce: only one of them can be mined.",
        "Until one is, neither is sure.",
    ]
    if action == "cancel":
        return [
            "It replaces the payment with a zero-value transfer to the wallet itself.",
            *rows,
            "If the payment is mined first, it is paid.",
        ]
    if request.raw.get("cancelling"):
        return ["It raises the fee of the cancellation.", *rows]
    if agent_alone(request):
        rows.append("The guardian does not send it: the agent gets it when it asks again.")
    return ["It is the same payment again, with a higher fee: it is paid once.", *rows]


def _is_more(new: int, old: int) -> bool:
    return new * THAN >= old * MORE and (new > old or old == 0)


def _least(old: int) -> int:
    return max(-(-old * MORE // THAN), old + 1 if old else 0)
