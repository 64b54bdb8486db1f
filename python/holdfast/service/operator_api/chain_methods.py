"""What an operator client may ask about transactions that are out.

Which fees one of them needs now, and which nonces a wallet has (docs/architecture.md, 7).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from holdfast.codes import Code
from holdfast.service.chain.endpoint import EndpointDown
from holdfast.service.operator_api.params import text
from holdfast.service.operator_api.socket import Method, OperatorConnection, Params, Refused
from holdfast.service.pipeline.fee_bumps import Offer, higher, within
from holdfast.service.pipeline.findings import Unsettled, unsettled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.service.chain.chain import Chain
    from holdfast.service.chain.witness import Witness
    from holdfast.service.guardian.core import Core
    from holdfast.service.operator_api.health import Health

Json = dict[str, Any]
Pair = tuple[int, str]


class ChainMethods:
    """The methods, by name in `table`. They ask the chains' nodes and change nothing."""

    def __init__(self, core: Core, health: Health) -> None:
        self._core = core
        self._health = health
        self.table: dict[str, Method] = {"fees": self._fees, "nonces": self._nonces}

    async def _fees(self, _: OperatorConnection, params: Params) -> Json:
        """What takes the place of a transaction that is out.

        Within the caps of the policy in force: an operator may go beyond what was decided for the
        request.
        """
        row = self._out(text(params, "id"))
        cap = self._cap(row.chain_id)
        chain = self._chain(row.chain_id)
        if chain is None:
            why = f"chain {row.chain_id} has no endpoint yet: name one in config.toml, or wait"
            raise Refused(Code.CHAIN_UNAVAILABLE, why)
        try:
            fees = await chain.fees()
        except EndpointDown as down:
            why = f"chain {row.chain_id} gives no answer, so the fee is unknown: {down.text}"
            raise Refused(Code.CHAIN_UNAVAILABLE, f"{why}. Try again later") from None
        now = Offer(row.fee, row.tip)
        offer = within(higher(now, fees.base, fees.tip), now, fees.base, cap)
        return {
            "chain_id": row.chain_id,
            "base": str(fees.base),
            "tip": str(fees.tip),
            "gas": _gas(row.raw),
            "now": _named(now),
            "offer": None if offer is None else _named(offer),
            "cap": _named(cap),
        }

    def _out(self, request_id: str) -> Unsettled:
        for each in self._core.guard.unsettled():
            if each[0] == request_id:
                return unsettled(each)
        state = self._core.guard.stage(request_id)
        if state is None:
            raise Refused(Code.REQUEST_UNKNOWN, f"there is no request {request_id[:32]!r}")
        raise Refused(
            Code.WRONG_STATE, f"{request_id} is {state}: it has no transaction that can be mined"
        )

    def _cap(self, chain_id: int) -> Offer:
        for each in orjson.loads(self._core.guard.chains()):
            if each["chain_id"] == chain_id:
                fee, tip = each["fee_per_gas_max"], each["priority_fee_per_gas_max"]
                return Offer(int(fee), int(tip))
        why = f"the policy in force names no chain {chain_id}: nothing is signed for it"
        raise Refused(Code.CHAIN_UNKNOWN, why)

    def _chain(self, chain_id: int) -> Chain | None:
        chains = self._health.chains
        return None if chains is None else chains.get(chain_id)

    async def _nonces(self, _: OperatorConnection, _params: Params) -> Json:
        """Of every wallet that sent something: the ledger, and what each node says now."""
        guard = self._core.guard
        rows = [unsettled(each) for each in guard.unsettled()]
        pairs = sorted(
            pair for pair in self._pairs(rows) if guard.next_nonce(pair[1], pair[0]) is not None
        )
        told = await asyncio.gather(*(self._told(pair) for pair in pairs))
        gaps = guard.gaps()
        found = []
        for (chain_id, wallet), endpoints in zip(pairs, told, strict=True):
            mine = [row for row in rows if (row.chain_id, row.wallet) == (chain_id, wallet)]
            free = [(each[3], each[0]) for each in gaps if (each[2], each[1]) == (chain_id, wallet)]
            found.append(
                {
                    "chain_id": chain_id,
                    "wallet": wallet,
                    "ledger": guard.next_nonce(wallet, chain_id),
                    "endpoints": endpoints,
                    "out": [_shown(row) for row in sorted(mine, key=lambda row: row.nonce)],
                    "gaps": [{"nonce": nonce, "id": owner} for nonce, owner in sorted(free)],
                }
            )
        return {"now_ms": self._core.clock.now_ms(), "nonces": found}

    def _pairs(self, rows: Iterable[Unsettled]) -> set[Pair]:
        """Wallets of the policy and of what is out, on every chain that is named somewhere."""
        guard = self._core.guard
        agents = [orjson.loads(guard.agent(each) or b"{}") for each in guard.agents()]
        wallets = {wallet for agent in agents for wallet in agent.get("wallets", [])}
        chains = {each["chain_id"] for each in orjson.loads(guard.chains())}
        if self._health.nonces is not None:
            wallets |= {row["wallet"] for row in self._health.nonces.report()}
        pairs = {(chain_id, wallet) for chain_id in chains for wallet in wallets}
        return pairs | {(row.chain_id, row.wallet) for row in rows}

    async def _told(self, pair: Pair) -> list[Json]:
        chain = self._chain(pair[0])
        if chain is None:
            return []
        awake = chain.awake()
        asked = (_counts(each if each in awake else None, pair[1]) for each in chain.witnesses)
        counts = await asyncio.gather(*asked)
        return [
            {"name": each.name, "mined": mined, "pending": pending}
            for each, (mined, pending) in zip(chain.witnesses, counts, strict=True)
        ]


async def _counts(witness: Witness | None, wallet: str) -> tuple[int | None, int | None]:
    if witness is None:
        return None, None
    try:
        mined, pending = await asyncio.gather(
            witness.mined_nonce(wallet), witness.pending_nonce(wallet)
        )
    except EndpointDown:
        return None, None
    return mined, pending


def _named(offer: Offer) -> Json:
    return {"max_fee_per_gas": str(offer.fee), "max_priority_fee_per_gas": str(offer.tip)}


def _shown(row: Unsettled) -> Json:
    return {
        "id": row.id,
        "nonce": row.nonce,
        "state": row.state,
        "hash": row.hash,
        "earlier": list(row.earlier),
        "fee_per_gas": str(row.fee),
        "priority_fee_per_gas": str(row.tip),
        "signed_at": row.signed_at,
        "agent_alone": row.agent_alone,
    }


def _gas(raw: bytes) -> int:
    """What signed bytes may use at most; a replacement takes it over."""
    from eth_account.typed_transactions.typed_transaction import TypedTransaction
    from hexbytes import HexBytes

    return int(TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["gas"])
