"""What the guardian asks a chain. The node may only make it stricter: it never says what is signed,
beyond fees and gas within the caps, and what it says of a transaction counts only by its hash.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.service import broadcast
from holdfast.service.broadcast import WouldFail
from holdfast.service.endpoint import Endpoint, EndpointDown, EndpointSettings, RpcError
from holdfast.service.l1_fee import l1_fee
from holdfast.service.simulation import Simulation

if TYPE_CHECKING:
    from holdfast.service.broadcast import Broadcast

FACTS_SECONDS = 1.0
VERIFIED_SECONDS = 60.0
GAS_OF_A_TRANSFER = 21_000
COUNT_MAX = (1 << 64) - 2


class OtherChain(EndpointDown):
    """The endpoint serves another chain than it should."""


class FeeTooHigh(EndpointDown):
    """The chain's base fee is above what may be paid: wait for it to fall."""


@dataclass(frozen=True)
class Fees:
    """wei per gas."""

    base: int
    tip: int


@dataclass(frozen=True)
class Receipt:
    """A mined transaction: where, and what it cost in wei."""

    succeeded: bool
    block_number: int
    block_hash: str
    gas_used: int
    fee_wei: int


@dataclass(frozen=True)
class Block:
    """A block's hash and the hashes of its transactions, lower case."""

    hash: str
    transactions: frozenset[str]


class Chain:
    """One chain through one endpoint. Everything but `broadcast` raises EndpointDown when there is
    no usable answer.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self.id = settings.chain
        self.settings = settings
        self.endpoint = Endpoint(settings)
        self.simulation = Simulation(self)
        self.alarm: str | None = None
        self.head_seen: int | None = None
        self._verified_at: float | None = None
        self._verifying = asyncio.Lock()
        self._cache: dict[tuple[str, str], tuple[float, int | Fees]] = {}
        self.endpoint.on_connect(self._forget)

    def _forget(self) -> None:
        self._verified_at = None

    async def verify(self) -> None:
        """Raises EndpointDown unless the endpoint serves this chain.

        Asked again after every new connection and once a minute, because another node may answer
        then.
        """
        if self._is_verified():
            return
        async with self._verifying:
            if self._is_verified():
                return
            asked_at = time.monotonic()
            try:
                found = _integer(await self.endpoint.call("eth_chainId", []), "chain id")
            except (EndpointDown, RpcError) as error:
                self.alarm = str(error)
                raise EndpointDown(str(error), not_sent=True) from None
            if found != self.id:
                self.alarm = (
                    f"{self.endpoint.name} serves chain {found}, not chain {self.id}: "
                    "nothing is sent to it"
                )
                raise OtherChain(self.alarm, not_sent=True)
            self.alarm = None
            self._verified_at = asked_at

    def described(self) -> str:
        """The endpoint in a word or two, without what may be a key of its provider's."""
        unable = ", cannot simulate" if self.simulation.unable else ""
        return f"{self.endpoint.name}{unable}"

    def _is_verified(self) -> bool:
        at = self._verified_at
        return at is not None and time.monotonic() - at < VERIFIED_SECONDS

    async def call(self, method: str, params: list[Any]) -> Any:
        """As `Endpoint.call`, only while the endpoint serves this chain."""
        await self.verify()
        try:
            return await self.endpoint.call(method, params)
        except EndpointDown as error:
            self._forget()
            self.alarm = error.text
            raise

    async def transaction_facts(self, view: dict[str, Any], *, in_ledger: bool) -> dict[str, int]:
        """What `Guard.authorise` needs of the chain, for a request view. Raises WouldFail,
        FeeTooHigh, EndpointDown.
        """
        wallet, request = view["wallet"], view["request"]
        gas_max = int(view["gas_max"])
        fees, nonce, balance, gas, data_fee = await asyncio.gather(
            self.fees(),
            self.nonce(wallet, with_pool=not in_ledger),
            self.balance(wallet),
            self.gas(view, gas_max),
            l1_fee(self, view),
        )
        fee_cap = int(view["fee_per_gas_max"])
        tip = min(fees.tip, int(view["priority_fee_per_gas_max"]), fee_cap)
        max_fee = min(2 * fees.base + tip, fee_cap)
        if max_fee < fees.base:
            raise FeeTooHigh(
                "the chain's base fee is above the cap of the policy: waiting", not_sent=True
            )
        if balance < int(request["value"]) + gas * max_fee + (data_fee or 0):
            raise WouldFail("the wallet cannot pay amount and fee")
        facts = {
            "gas": gas,
            "max_fee_per_gas": max_fee,
            "max_priority_fee_per_gas": tip,
            "chain_nonce": nonce,
        }
        return facts if data_fee is None else facts | {"l1_fee": data_fee}

    async def fees(self) -> Fees:
        """The base fee of the newest block and the tip the node suggests; at most a second old."""
        known = self._cached("fees", "")
        if isinstance(known, Fees):
            return known
        block, tip = await asyncio.gather(
            self._ask("eth_getBlockByNumber", ["latest", False]), self._tip()
        )
        if not isinstance(block, dict):
            raise EndpointDown(f"{self.endpoint.name} has no newest block")
        fees = Fees(_integer(block.get("baseFeePerGas"), "base fee"), tip)
        self._cache["fees", ""] = (time.monotonic(), fees)
        return fees

    async def _tip(self) -> int:
        return _integer(await self._ask("eth_maxPriorityFeePerGas", []), "tip")

    async def nonce(self, wallet: str, *, with_pool: bool) -> int:
        """The next nonce by what is mined, at most a second old; with the node's pool only on
        request.

        Our own ledger knows what of ours is in the pool. The pool counts for a wallet it never saw.
        """
        at = "pending" if with_pool else "latest"
        found = await self._cached_integer(
            f"{at} nonce", wallet, "eth_getTransactionCount", [wallet, at]
        )
        return _count(hex(found), "nonce")

    async def balance(self, wallet: str) -> int:
        """wei, at most a second old."""
        return await self._cached_integer("balance", wallet, "eth_getBalance", [wallet, "latest"])

    async def _cached_integer(self, what: str, wallet: str, method: str, params: list[Any]) -> int:
        known = self._cached(what, wallet)
        if isinstance(known, int):
            return known
        found = _integer(await self._ask(method, params), what)
        self._cache[what, wallet] = (time.monotonic(), found)
        return found

    def _cached(self, what: str, key: str) -> int | Fees | None:
        at, value = self._cache.get((what, key), (0.0, None))
        return value if value is not None and time.monotonic() - at < FACTS_SECONDS else None

    async def gas(self, view: dict[str, Any], gas_max: int) -> int:
        """Gas for a request: what it asked for, or the node's estimate and a quarter. Never above
        `gas_max`.
        """
        request = view["request"]
        call: dict[str, Any] = {
            "from": view["wallet"],
            "value": hex(int(request["value"])),
            "data": request["data"],
            "gas": hex(gas_max),
        }
        if request["to"] is not None:
            call["to"] = request["to"]
        try:
            estimate = _integer(await self.call("eth_estimateGas", [call]), "gas")
        except RpcError as error:
            why = broadcast.why_it_would_fail(error.code, error.text)
            if why is not None:
                raise WouldFail(why) from None
            raise EndpointDown(
                f"{self.endpoint.name} could not estimate the gas ({error.code})"
            ) from None
        asked = request.get("gas")
        if asked is not None:
            if estimate > int(asked):
                raise WouldFail("it needs more gas than it asks for")
            return int(asked)
        if estimate > gas_max:
            raise WouldFail("it needs more gas than the policy allows", "gas_over_cap")
        wanted = estimate if estimate == GAS_OF_A_TRANSFER else estimate * 5 // 4
        return max(GAS_OF_A_TRANSFER, min(wanted, gas_max))

    async def broadcast(self, raw: bytes, tx_hash: str) -> Broadcast:
        """Sends signed bytes once. Raises EndpointDown only if they surely never reached a node of
        this chain.
        """
        await self.verify()
        try:
            answered = await self.endpoint.call("eth_sendRawTransaction", ["0x" + raw.hex()])
        except RpcError as error:
            found = broadcast.classify(error.text)
            if found is broadcast.NONCE_USED and await self.has_transaction(tx_hash):
                return broadcast.KNOWN
            return found
        except EndpointDown as error:
            self._forget()
            self.alarm = error.text
            if error.not_sent:
                raise
            return broadcast.NO_ANSWER
        if not isinstance(answered, str) or answered.lower() != tx_hash.lower():
            return broadcast.OTHER_HASH
        return broadcast.ACCEPTED

    async def has_transaction(self, tx_hash: str) -> bool:
        """Whether the node knows the transaction, waiting or mined; False when it cannot be
        asked.
        """
        try:
            found = await self.call("eth_getTransactionByHash", [tx_hash])
        except (EndpointDown, RpcError):
            return False
        return isinstance(found, dict) and str(found.get("hash", "")).lower() == tx_hash.lower()

    async def receipt(self, tx_hash: str) -> Receipt | None:
        """The receipt of that very transaction; None while it is not mined."""
        found = await self._ask("eth_getTransactionReceipt", [tx_hash])
        if found is None:
            return None
        if (
            not isinstance(found, dict)
            or str(found.get("transactionHash")).lower() != tx_hash.lower()
        ):
            raise EndpointDown(f"{self.endpoint.name} answered with another receipt")
        gas_used = _count(found.get("gasUsed"), "gas used")
        # Rollups of the OP Stack say apart what the data cost on Ethereum.
        data_fee = _integer(found.get("l1Fee") or "0x0", "fee for data")
        return Receipt(
            succeeded=_integer(found.get("status"), "status") == 1,
            block_number=_count(found.get("blockNumber"), "block number"),
            block_hash=_hash(found.get("blockHash")),
            gas_used=gas_used,
            fee_wei=gas_used * _integer(found.get("effectiveGasPrice"), "gas price") + data_fee,
        )

    async def head(self) -> int:
        """The newest block's number."""
        self.head_seen = _count(await self._ask("eth_blockNumber", []), "block number")
        return self.head_seen

    async def newest_ms(self) -> int:
        """The time of the newest block, ms since the epoch."""
        found = await self._ask("eth_getBlockByNumber", ["latest", False])
        if not isinstance(found, dict):
            raise EndpointDown(f"{self.endpoint.name} has no newest block")
        return _count(found.get("timestamp"), "time of a block") * 1000

    async def block(self, number: int) -> Block | None:
        """A block of the canonical chain; None when there is none of that number."""
        found = await self._ask("eth_getBlockByNumber", [hex(number), False])
        if not isinstance(found, dict):
            return None
        return Block(_hash(found.get("hash")), frozenset(_hashes(found.get("transactions"))))

    async def mined_nonce(self, wallet: str, block: int | None = None) -> int:
        """How many transactions of the wallet were mined up to a block, or up to the newest."""
        at = "latest" if block is None else hex(block)
        return _count(await self._ask("eth_getTransactionCount", [wallet, at]), "nonce")

    async def pending_nonce(self, wallet: str) -> int:
        """The same with what waits in the node's pool."""
        return _count(await self._ask("eth_getTransactionCount", [wallet, "pending"]), "nonce")

    async def _ask(self, method: str, params: list[Any]) -> Any:
        """As `call`, with a node's error as EndpointDown: where no error is expected both mean "no
        answer".
        """
        try:
            return await self.call(method, params)
        except RpcError as error:
            raise EndpointDown(
                f"{self.endpoint.name} answered {method} with error {error.code}"
            ) from None


class Chains:
    """The chains of the configuration by id."""

    def __init__(self, settings: Iterable[EndpointSettings]) -> None:
        self._chains = {each.chain: Chain(each) for each in settings}

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
            await chain.endpoint.close()

    def health(self) -> list[dict[str, Any]]:
        """`[{"chain_id", "ok", "head": n|null, "text"}]`: head is the newest block seen."""
        return [
            {
                "chain_id": each.id,
                "ok": each.alarm is None,
                "head": each.head_seen,
                "text": each.alarm or each.described(),
            }
            for each in self._chains.values()
        ]


def _integer(value: Any, what: str) -> int:
    """A JSON-RPC quantity: 0x hex without sign, at most 256 bits."""
    number = -1
    if isinstance(value, str) and value.startswith("0x") and 2 < len(value) <= 66:
        try:
            number = int(value, 16)
        except ValueError:
            number = -1
    if number < 0 or "_" in value:
        raise EndpointDown(f"the node answered with no number for the {what}")
    return number


def _count(value: Any, what: str) -> int:
    """A nonce (EIP-2681), a block's number or gas: 64 bits, which every part after this can say."""
    number = _integer(value, what)
    if number > COUNT_MAX:
        raise EndpointDown(f"the node answered with a {what} that cannot be")
    return number


def _hash(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 66 or not value.startswith("0x"):
        raise EndpointDown("the node answered with no hash")
    return value.lower()


def _hashes(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise EndpointDown("the node answered with a block without transactions")
    return [_hash(each) for each in value]
