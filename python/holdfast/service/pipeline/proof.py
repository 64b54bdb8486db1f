"""What the nodes of a chain prove together about the end of a transaction. No I/O and no clock.

One node can delay, hide or refuse; it cannot make an end that frees value. What contradicts itself
settles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from holdfast.service.chain.nonces import WHICH_IS_RIGHT
from holdfast.service.pipeline.findings import Finding, Unsettled
from holdfast.service.runtime.conditions import Condition

# So many nodes have to say the same.
WITNESSES_MIN = 2

Verdict = Literal["open", "wait", "disagree", "hidden", "proved", "unproved"]


def weigh(said: Mapping[str, Finding], confirmations: int, *, waited: bool) -> Verdict:
    """What follows from what the nodes say that answered, by name.

    `waited`: those that are late or silent had their time. `hidden` is a contradiction that a node
    which is late for a moment can make.
    """
    ends = {each.end for each in said.values() if each.end is not None}
    if not ends:
        return "open"
    if len(ends) > 1:
        return "disagree"
    (end,) = ends
    late = [each.head for each in said.values() if each.end is None and not each.silent]
    if any(head >= end.block_number + confirmations for head in late):
        return "hidden"
    if end.outcome == "dropped" and any(each.holds for each in said.values()):
        return "hidden"
    if sum(each.end is not None for each in said.values()) >= WITNESSES_MIN:
        return "proved" if waited or not late else "wait"
    return "unproved" if waited else "wait"


def disagreement(row: Unsettled, said: Mapping[str, Finding]) -> Condition:
    """The nodes contradict each other about a payment."""
    words = ", ".join(
        f"{name} says {each.end.words}"
        if each.end is not None
        else each.fault or f"{name} does not have it at block {each.head}"
        for name, each in said.items()
        if each.holds or not each.silent
    )
    return Condition(
        "nodes_disagree",
        "critical",
        f"the endpoints of chain {row.chain_id} contradict each other about payment {row.id}: "
        f"{words}. Nothing is settled and all of it stays counted",
        WHICH_IS_RIGHT,
        row.chain_id,
        row.wallet,
        row.id,
    )


def unproved_end(row: Unsettled, name: str) -> Condition:
    """One node says that a payment will never be mined."""
    return Condition(
        "unproved_end",
        "critical",
        f"{name} says the nonce {row.nonce} of payment {row.id} was used by another transaction; "
        "one node's claim frees nothing, so all of it stays counted",
        "name a second endpoint of this chain in config.toml (`holdfast config apply`): what two "
        "confirm is settled. Look the nonce up (`holdfast nonce`): if you sent no such "
        "transaction, "
        "someone else may hold the key: freeze, and move the funds",
        row.chain_id,
        row.wallet,
        row.id,
    )


def end_unknown(rows: Sequence[tuple[Unsettled, str]]) -> Condition:
    """No node shows how these payments of one wallet ended, though their nonces were used.

    Each comes with why, in our own words; the first is told.
    """
    row, why = rows[0]
    more = f", and {len(rows) - 1} more of this wallet" if len(rows) > 1 else ""
    return Condition(
        "end_unknown",
        "action",
        f"the nonce {row.nonce} of payment {row.id} of wallet {row.wallet} on chain {row.chain_id} "
        f"was used, but no endpoint shows how the payment ended ({why}){more}; all of it stays "
        "counted",
        "name an endpoint that keeps the chain's history, an archive node, in config.toml "
        "(`holdfast config apply`) and restart: the outcome that it shows is settled. Two such "
        "endpoints must show that another transaction used the nonce (`holdfast nonce`)",
        row.chain_id,
        row.wallet,
    )
