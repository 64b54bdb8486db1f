"""A wallet's nonces on a chain, held against the guardian's own ledger.

A table from what was seen to conditions. No I/O and no clock.

What a node says may only alarm. A condition changes nothing that is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from holdfast.service.runtime.conditions import Condition, Place

# A node may lag for a moment (not for long: what is final is some blocks old), an order is signed a
# moment after it took its nonce, a block takes its time.
PATIENCE_S = {
    "chain_behind": 4.0,
    "foreign_pending": 4.0,
    "nonce_gap": 4.0,
    "wallet_empty": 4.0,
    "not_sent": 60.0,
    "nonce_stuck": 180.0,
    # One node has a new block a moment before the other.
    "nodes_disagree": 4.0,
}
# One of several nodes that says so contradicts the others.
NEEDS_TWO = frozenset({"foreign_transaction", "chain_behind"})


WHICH_IS_RIGHT = (
    "find out which endpoint is right, with a third one; take the wrong one out of config.toml, "
    "sign it (`holdfast config apply`), and start again"
)
HELD_ELSEWHERE = (
    "someone else may hold the key: freeze, look the transaction up, and move the funds to a new "
    "wallet. If it was you, with a copy of the key, payments continue after it"
)
ONE_WORD = (
    "payments wait, because one node's claim is not enough: name a second endpoint of this chain "
    "in config.toml, or look the transaction up and confirm it with `holdfast nonce set`. "
    "If you set the "
    "ledger back yourself, set it to what the nodes count. If the transaction was not yours, "
    "someone else may hold the key: freeze, and move the funds to a new wallet"
)


@dataclass(frozen=True, slots=True)
class Out:
    """A signed transaction whose end is open.

    `refused`: our words for what a node last said. `agent_alone`: the guardian never sends it by
    itself.
    """

    id: str
    nonce: int
    state: str
    refused: str = ""
    agent_alone: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at one wallet on one chain.

    `ledger` is the nonce that would be given out next, None for a wallet that never sent; `pending`
    counts what waits in the node's pool too. `node` is the name of the one that says so.
    """

    chain_id: int
    wallet: str
    mined: int
    pending: int
    balance: int
    ledger: int | None
    out: tuple[Out, ...] = field(default=())
    node: str = ""


def judge_all(looks: Sequence[Seen]) -> list[Condition]:
    """The conditions that hold by all nodes that answered about one wallet, before patience.

    Of nonces that others used, and of a chain that went back, two must say the same, or all; what
    only one of several says is a contradiction.
    """
    claims: dict[Place, list[tuple[Seen, Condition]]] = {}
    for seen in looks:
        for each in judge(seen):
            claims.setdefault(each.place, []).append((seen, each))
    found = []
    for (code, *_), said in claims.items():
        seen, condition = said[0]
        if code in NEEDS_TWO and len(said) == 1 and len(looks) > 1:
            found.append(_disagree(seen, condition, looks))
        elif code == "foreign_transaction" and len(looks) > 1:
            found.append(replace(condition, text=_used_elsewhere(seen), step=HELD_ELSEWHERE))
        else:
            found.append(condition)
    return found


def _disagree(claims: Seen, condition: Condition, looks: Sequence[Seen]) -> Condition:
    others = ", ".join(f"{each.node} counts {each.mined}" for each in looks if each is not claims)
    return Condition(
        "nodes_disagree",
        "critical",
        f"{claims.node} counts {claims.mined} transactions of wallet {claims.wallet} on chain "
        f"{claims.chain_id}, but {others}, and the guardian's own ledger {claims.ledger}",
        WHICH_IS_RIGHT,
        claims.chain_id,
        claims.wallet,
        f"{condition.code} {claims.node}",
    )


def judge(seen: Seen) -> list[Condition]:
    """The conditions that hold by one node, before patience."""
    if seen.ledger is None:
        return []
    found = [_foreign(seen), _foreign_pending(seen), _behind(seen), _waits(seen), _empty(seen)]
    return [each for each in found if each is not None]


def _foreign(seen: Seen) -> Condition | None:
    """Whether a nonce was used that the ledger did not give out.

    Whatever the ledger gave out is below `ledger`, so what is mined at it or above is not ours, but
    for what was denied and gave its nonce back: that may have left before.
    """
    ours = seen.ledger or 0
    for nonce in sorted(each.nonce for each in seen.out):
        ours += nonce == ours
    if seen.ledger is None or seen.mined <= ours:
        return None
    return Condition(
        "foreign_transaction",
        "critical",
        f"{_used_elsewhere(seen)}, says its node",
        ONE_WORD,
        seen.chain_id,
        seen.wallet,
        str(seen.ledger),
    )


def _used_elsewhere(seen: Seen) -> str:
    return (
        f"nonce {seen.ledger} of wallet {seen.wallet} on chain {seen.chain_id} was used by a "
        "transaction that the guardian did not sign"
    )


def taken(chain_id: int, wallet: str, request_id: str) -> Condition:
    """A payment of ours ended because another transaction used its nonce."""
    return Condition(
        "foreign_transaction",
        "critical",
        f"the nonce of payment {request_id} of wallet {wallet} on chain {chain_id} was used by a "
        "transaction that the guardian did not sign",
        HELD_ELSEWHERE,
        chain_id,
        wallet,
        request_id,
    )


DOUBTED = {
    "reverted": "was undone by its contract",
    "cancelled": "was cancelled",
    "dropped": "was denied, and its nonce was used by another payment of the guardian",
}


def doubted(chain_id: int, wallet: str, request_id: str, outcome: str) -> Condition:
    """One node's word alone says that a payment moved nothing; `outcome` is one of `DOUBTED`."""
    return Condition(
        "unproved_end",
        "warning",
        f"payment {request_id} of wallet {wallet} on chain {chain_id} {DOUBTED[outcome]}, says one "
        "node alone; all of it stays counted until its windows end",
        "look the payment up before it is made again; with a second endpoint of this chain such "
        "an end is proved and its amount is free at once",
        chain_id,
        wallet,
        request_id,
    )


def _foreign_pending(seen: Seen) -> Condition | None:
    ours = max([seen.ledger or 0, seen.mined, *(each.nonce + 1 for each in seen.out)])
    if seen.pending <= ours:
        return None
    return Condition(
        "foreign_pending",
        "critical",
        f"the node of chain {seen.chain_id} has pending transactions of wallet {seen.wallet} that "
        f"the guardian did not sign: {seen.pending - ours} nonces from {ours} on",
        HELD_ELSEWHERE,
        seen.chain_id,
        seen.wallet,
    )


def _behind(seen: Seen) -> Condition | None:
    """All nonces below the ledger's and below those that are out were mined once, or came back."""
    final = min([seen.ledger or 0, *(each.nonce for each in seen.out)])
    if seen.mined >= final:
        return None
    return Condition(
        "chain_behind",
        "critical",
        f"chain {seen.chain_id} counts {seen.mined} transactions of wallet {seen.wallet}, but "
        f"{final} of them were final: the node lags, or the chain was reorganised or reset",
        "ask another node. If payments are gone from the chain, freeze, and pay them again by "
        "hand; if the chain was reset for good, "
        f"`holdfast nonce set {seen.wallet} {seen.chain_id}`",
        seen.chain_id,
        seen.wallet,
    )


def _waits(seen: Seen) -> Condition | None:
    """Why what is out is not mined; the lowest of it decides."""
    # What was denied is never sent, and its nonce is the next payment's.
    out = (each for each in seen.out if each.state != "denied")
    waiting = sorted((each for each in out if each.nonce >= seen.mined), key=_nonce)
    if not waiting:
        return None
    first, behind = waiting[0], len(waiting) - 1
    chain, wallet = seen.chain_id, seen.wallet
    after = f"; {behind} more wait behind it" if behind else ""
    if first.nonce > seen.mined:
        many = "payment waits" if behind == 0 else "payments wait"
        text = (
            f"nonce {seen.mined} of wallet {wallet} on chain {chain} is missing: {len(waiting)} "
            f"{many} behind it and cannot be mined"
        )
        step = (
            "the guardian fills a gap that a denied payment left, unless frozen or over the fee "
            "caps; the next payment also uses such a nonce. After a reset of the chain: "
            f"`holdfast nonce set {wallet} {chain}`"
        )
        return Condition("nonce_gap", "action", text, step, chain, wallet, first.id)
    payment = f"payment {first.id} (nonce {first.nonce}) of wallet {wallet} on chain {chain}"
    if first.state == "held":
        text = f"{payment} is held and its nonce with it{after}"
        step = "approve or deny what is held; after a freeze, thaw first"
        return Condition("nonce_gap", "action", text, step, chain, wallet, first.id)
    if first.state == "signed":
        why = f": {first.refused}" if first.refused else ""
        text = f"{payment} is signed but no node accepted it{why}{after}"
        step = (
            "it is sent again with exponential backoff; fix what the node reports, or freeze "
            "to hold it"
        )
        return Condition("not_sent", "action", text, step, chain, wallet, first.id)
    if first.state == "released":
        text = f"{payment} was given to its agent to send and is not on the chain{after}"
        step = _of_released(first)
        if behind:
            return Condition("nonce_gap", "action", text, step, chain, wallet, first.id)
    else:
        text = f"{payment} was sent and is not mined{after}"
        step = (
            "its fee may be too low for now: it is sent again with exponential backoff. Raise "
            f"the fee with `holdfast bump {first.id}`, or try to cancel it: "
            f"`holdfast cancel {first.id}`"
        )
    return Condition("nonce_stuck", "action", text, step, chain, wallet, first.id)


def _of_released(first: Out) -> str:
    if first.agent_alone:
        return (
            "its agent alone sends it (`released` of its rule, or `released_ms = 0` in "
            "config.toml): have the agent send it, or cancel it with `holdfast cancel "
            f"{first.id}`. Until then nothing behind it is mined"
        )
    return (
        "have the agent send it, or wait: the guardian sends it itself after a while "
        "(`released_ms` of config.toml). Until then nothing behind it is mined"
    )


def _empty(seen: Seen) -> Condition | None:
    if seen.balance > 0:
        return None
    return Condition(
        "wallet_empty",
        "warning",
        f"wallet {seen.wallet} has nothing on chain {seen.chain_id} to pay fees with",
        "send it some of the chain's native coin",
        seen.chain_id,
        seen.wallet,
    )


def _nonce(out: Out) -> int:
    return out.nonce
