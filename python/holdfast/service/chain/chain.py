"""What the guardian asks a chain.

A node may only make it stricter: it never says what is signed, beyond fees and gas within the caps,
and what it says of a transaction counts only by its hash.

Several nodes stand in order of preference. A question goes to the first that is well; what frees
value or moves the nonce ledger needs two of them (`settle`, `chain_nonce`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.codes import Code
from holdfast.service.chain import broadcast
from holdfast.service.chain.answers import Block, Fees, Receipt, count
from holdfast.service.chain.broadcast import WouldFail
from holdfast.service.chain.endpoint import EndpointDown, EndpointSettings, RpcError
from holdfast.service.chain.inputs import TransactionFacts
from holdfast.service.chain.l1_fee import l1_fee
from holdfast.service.chain.nonce import ChainNonce
from holdfast.service.chain.simulation import Simulation
from holdfast.service.chain.spread import Spread
from holdfast.service.chain.witness import OtherChain, Witness
from holdfast.service.runtime.conditions import Conditions

if TYPE_CHECKING:
    from holdfast.service.chain.broadcast import Broadcast
    from holdfast.service.chain.inputs import TransactionInputs
    from holdfast.service.chain.witness import Sending

__all__ = ["Block", "Chain", "Chains", "FeeTooHigh", "Fees", "OtherChain", "Receipt"]

T = TypeVar("T")

FACTS_SECONDS = 1.0
GAS_OF_A_TRANSFER = 21_000
LOOKUPS_MAX = 256
# How long what agents read waits where calls are limited: the guardian's own go before it.
READ_PATIENCE_SECONDS = 1.0
# A node that answers so was asked too often, is unwell or does not serve the method: another may.
ASK_ANOTHER = frozenset({429, -32005, -32601, -32603, -32004})


class FeeTooHigh(EndpointDown):
    """The chain's base fee is above what may be paid: wait for it to fall."""


class Chain:
    """One chain through its endpoints.

    Everything but `broadcast` raises EndpointDown when none of them gives a usable answer.
    """

    def __init__(self, *settings: EndpointSettings, conditions: Conditions | None = None) -> None:
        self.id = settings[0].chain
        nodes = [each for each in settings if not each.private]
        self.settings = nodes[0]
        self.witnesses = tuple(Witness(each) for each in nodes)
        self.relays = tuple(Witness(each) for each in settings if each.private)
        self.conditions = Conditions(_no_time) if conditions is None else conditions
        self.simulation = Simulation(self)
        self.nonces = ChainNonce(self)
        self._cache: dict[tuple[str, str], tuple[float, int | Fees]] = {}
        self._spread = Spread(self.witnesses)
        self._private = Spread(self.relays)

    @property
    def first(self) -> Witness:
        """The preferred endpoint of those that are well."""
        return self._in_order()[0]

    @property
    def name(self) -> str:
        """Of the endpoint that is asked now."""
        return self.first.name

    @property
    def alarm(self) -> str | None:
        """Why no endpoint serves the chain; None while one does."""
        return self.first.alarm

    def _in_order(self) -> list[Witness]:
        """Those that are well in the operator's order, then the others.

        Without any that is well each of them is tried.
        """
        return sorted(self.witnesses, key=lambda each: each.alarm is not None)

    def awake(self) -> list[Witness]:
        """Those to be held against each other: all but those that failed just now."""
        return [each for each in self.witnesses if not each.rests] or list(self.witnesses)

    async def verify(self) -> None:
        """Asks every endpoint that does not rest whether it serves this chain.

        Raises EndpointDown unless one of them does.
        """
        asked = self.awake()
        if all(each.is_verified() for each in asked):
            return
        found = await asyncio.gather(*(each.verify() for each in asked), return_exceptions=True)
        faults = [each for each in found if each is not None]
        if len(faults) == len(asked):
            raise faults[0]

    async def ready(self) -> None:
        """Returns as soon as one endpoint is known to serve this chain.

        Raises EndpointDown when none of those that do not rest does.
        """
        await _one_serves(self.witnesses)

    async def _first(self, ask: Callable[[Witness], Awaitable[T]]) -> T:
        """The answer of the first endpoint that has a usable one.

        Raises EndpointDown when one that gave no answer may have had one, else RpcError.
        """
        refused: RpcError | None = None
        down: EndpointDown | None = None
        for witness in self._in_order():
            try:
                return await ask(witness)
            except RpcError as error:
                if error.code not in ASK_ANOTHER:
                    raise
                refused = refused or error
            except EndpointDown as error:
                down = down or error
        raise down or refused or EndpointDown(f"chain {self.id} has no endpoint", not_sent=True)

    async def call(
        self, method: str, params: list[Any], patience_s: float = READ_PATIENCE_SECONDS
    ) -> Any:
        """As `Endpoint.call`, of the first endpoint that answers and serves this chain."""
        return await self._first(lambda each: each.call(method, params, patience_s))

    async def execute(
        self, method: str, params: list[Any], patience_s: float = READ_PATIENCE_SECONDS
    ) -> Any:
        """As `call`, a few together in one post: for what a node executes without a change."""
        return await self._first(lambda each: each.execute(method, params, patience_s))

    async def transaction_facts(
        self, asked: TransactionInputs, *, ledger: int | None
    ) -> TransactionFacts:
        """What `Guard.authorise` needs of the chain.

        `ledger` is the nonce that would be given out next, None for a wallet that never sent.
        Raises WouldFail, FeeTooHigh, EndpointDown.
        """
        wallet = asked.wallet
        gas, data_fee = await self._gas_and_data_fee(asked, ledger)
        # Asked a moment ago, or known from other payments.
        fees, balance = await self.fees(), await self.balance(wallet)
        nonce = await self.nonces.of(wallet, ledger)
        fee_cap = asked.fee_per_gas_max
        tip = min(fees.tip, asked.priority_fee_per_gas_max, fee_cap)
        max_fee = min(2 * fees.base + tip, fee_cap)
        if max_fee < fees.base:
            raise FeeTooHigh("the chain's base fee is above the policy's cap", not_sent=True)
        if balance < asked.value + gas * max_fee + (data_fee or 0):
            raise WouldFail("insufficient funds for amount plus fee")
        return TransactionFacts(gas, max_fee, tip, nonce.number, nonce.proved, data_fee)

    async def _gas_and_data_fee(
        self, asked: TransactionInputs, ledger: int | None
    ) -> tuple[int, int | None]:
        """Gas and the fee for data of a request.

        Meanwhile what is not known of its wallet and the chain's fees is asked too. What is known
        costs no task: of many payments that is most.
        """
        wallet, gas = asked.wallet, self.gas(asked)
        others: list[Awaitable[Any]] = []
        if self._cached("fees", "") is None:
            others.append(self.fees())
        if self._cached("balance", wallet) is None:
            others.append(self.balance(wallet))
        if not self.nonces.is_known(wallet, ledger):
            others.append(self.nonces.of(wallet, ledger))
        if asked.l1_fee_max:
            found, data_fee, *_ = await asyncio.gather(gas, l1_fee(self, asked), *others)
            return found, data_fee
        if not others:
            return await gas, None
        found, *_ = await asyncio.gather(gas, *others)
        return found, None

    async def fees(self) -> Fees:
        """The base fee of the newest block and the tip the node suggests; at most a second old."""
        known = self._cached("fees", "")
        if isinstance(known, Fees):
            return known
        fees = await self._first(lambda each: each.fees())
        self._cache["fees", ""] = (time.monotonic(), fees)
        return fees

    async def balance(self, wallet: str) -> int:
        """wei, at most a second old."""
        known = self._cached("balance", wallet)
        if isinstance(known, int):
            return known
        found = await self._first(lambda each: each.balance(wallet))
        self._cache["balance", wallet] = (time.monotonic(), found)
        return found

    def _cached(self, what: str, key: str) -> int | Fees | None:
        at, value = self._cache.get((what, key), (0.0, None))
        return value if value is not None and time.monotonic() - at < FACTS_SECONDS else None

    async def gas_of_nothing(self, wallet: str) -> int:
        """Gas of a transfer of nothing from a wallet to itself.

        And a quarter where that is more than a plain transfer: rollups count the cost of their data
        in gas. Raises EndpointDown.
        """
        call = {"from": wallet, "to": wallet, "value": "0x0"}
        try:
            estimate = count(await self.call("eth_estimateGas", [call]), "gas")
        except RpcError as error:
            text = f"chain {self.id} could not estimate the gas ({error.code})"
            raise EndpointDown(text) from None
        return estimate if estimate == GAS_OF_A_TRANSFER else estimate * 5 // 4

    async def gas(self, asked: TransactionInputs) -> int:
        """Gas for a request: what it asked for, or the node's estimate and a quarter.

        Never above its `gas_max`.
        """
        call: dict[str, Any] = {
            "from": asked.wallet,
            "value": hex(asked.value),
            "data": asked.data,
            "gas": hex(asked.gas_max),
        }
        if asked.to is not None:
            call["to"] = asked.to
        estimate = await self._first(lambda each: _estimate(each, call))
        if asked.gas is not None:
            if estimate > asked.gas:
                raise WouldFail("it needs more gas than it asks for")
            return asked.gas
        if estimate > asked.gas_max:
            raise WouldFail("it needs more gas than the policy allows", Code.GAS_OVER_CAP)
        wanted = estimate if estimate == GAS_OF_A_TRANSFER else estimate * 5 // 4
        return max(GAS_OF_A_TRANSFER, min(wanted, asked.gas_max))

    async def broadcast(
        self, sendings: Sequence[Sending], *, private: bool = False
    ) -> list[Broadcast | EndpointDown]:
        """Sends signed bytes once and in order to every endpoint that is well.

        Or to the private relays alone. It gives of each the outcome that says most: accepted,
        known, unknown, rejected; or EndpointDown if they surely never reached a node of this chain.
        It waits for an endpoint to say which chain it serves only while none did; those that have
        yet to say so get the bytes when they did.

        Raises EndpointDown where that goes for all of them.
        """
        if private:
            if not self.relays:
                raise EndpointDown(_no_relay(self.id), not_sent=True)
            await _one_serves(self.relays)
            return await self._private.send(sendings)
        await self.ready()
        return await self._spread.send(sendings)

    async def who_has(self, tx_hash: str) -> list[bool]:
        """Of each endpoint that is well and says so.

        Whether it knows the transaction, waiting or mined.
        """
        found = await asyncio.gather(*(each.has_transaction(tx_hash) for each in self.awake()))
        return [each for each in found if each is not None]

    @property
    def lookups_at_once(self) -> int:
        """So many questions leave room for others: a second's calls where they are limited."""
        limits = [each.endpoint.settings.calls_per_second for each in self.witnesses]
        return min((each for each in limits if each), default=LOOKUPS_MAX)

    async def receipt(self, tx_hash: str) -> Receipt | None:
        """The receipt of that very transaction; None while it is not mined."""
        return await self._first(lambda each: each.receipt(tx_hash))

    async def head(self) -> int:
        """The newest block's number."""
        return await self._first(lambda each: each.head())

    async def block(self, number: int) -> Block | None:
        """A block of the canonical chain; None when there is none of that number."""
        return await self._first(lambda each: each.block(number))

    async def mined_nonce(self, wallet: str) -> int:
        """How many transactions of the wallet were mined."""
        return await self._first(lambda each: each.mined_nonce(wallet))

    async def close(self) -> None:
        """Closes the connections."""
        await asyncio.gather(self._spread.close(), self._private.close())
        for witness in (*self.witnesses, *self.relays):
            await witness.close()

    def health(self) -> dict[str, Any]:
        """The health of the chain.

        `{"chain_id", "ok", "head": n|null, "text", "endpoints": [{"name", "ok", "head": n|null,
        "text"}]}`: head is the newest block seen. The chain is ok while one endpoint serves it.
        """
        first = self.first
        unable = ", cannot simulate" if self.simulation.unable else ""
        return {
            "chain_id": self.id,
            "ok": first.alarm is None,
            "head": first.head_seen,
            "text": first.alarm or f"{first.name}{unable}",
            "endpoints": [each.health() for each in self.witnesses],
        }


async def _one_serves(witnesses: Sequence[Witness]) -> None:
    """Waits for the first of them that says it serves their chain. Raises EndpointDown."""
    if any(each.is_verified() for each in witnesses):
        return
    awake = [each for each in witnesses if not each.rests] or witnesses
    asked = [asyncio.create_task(each.verify()) for each in awake]
    fault: EndpointDown | None = None
    try:
        for each in asyncio.as_completed(asked):
            try:
                await each
            except EndpointDown as error:
                fault = fault or error
            else:
                return
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    raise fault or EndpointDown("no endpoint of the chain is available", not_sent=True)


def _no_relay(chain_id: int) -> str:
    return (
        f"config.toml names no private relay for chain {chain_id}, but a rule sends through one: "
        f"the payment waits"
    )


async def _estimate(witness: Witness, call: dict[str, Any]) -> int:
    try:
        return count(await witness.execute("eth_estimateGas", [call]), "gas")
    except RpcError as error:
        why = broadcast.why_it_would_fail(error.code, error.text)
        if why is not None:
            raise WouldFail(why) from None
        raise EndpointDown(f"{witness.name} could not estimate the gas ({error.code})") from None


class Chains:
    """The chains of the configuration by id.

    What their nodes contradict each other about is put into `conditions`.
    """

    def __init__(
        self, settings: Iterable[EndpointSettings], conditions: Conditions | None = None
    ) -> None:
        pools: dict[int, list[EndpointSettings]] = {}
        for each in settings:
            pools.setdefault(each.chain, []).append(each)
        self._chains = {
            chain_id: Chain(*pool, conditions=conditions) for chain_id, pool in pools.items()
        }

    def get(self, chain_id: int) -> Chain | None:
        """None for a chain without an endpoint."""
        return self._chains.get(chain_id)

    def each(self) -> list[Chain]:
        """All of them."""
        return list(self._chains.values())

    async def start(self) -> None:
        """Asks every endpoint for its chain once; a bad one is an alarm, not an error."""
        await asyncio.gather(
            *(each.verify() for each in self._chains.values()), return_exceptions=True
        )

    async def stop(self) -> None:
        """Closes all connections."""
        for chain in self._chains.values():
            await chain.close()

    def health(self) -> list[dict[str, Any]]:
        """`chains` of `health`: `Chain.health` of each."""
        return [each.health() for each in self._chains.values()]


def _no_time() -> int:
    return 0
