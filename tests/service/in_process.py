"""A guardian within the test's process: real home, journal, core and sockets.

The test does what signer and chain do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from string import Template
from typing import Any

from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from holdfast._core import AuthoriseFacts, OrderInputs
from holdfast.operator import keys
from holdfast.secrets import keystore
from holdfast.secrets.passing_key import PassingKey
from holdfast.service.agents.settings import GateConfig
from holdfast.service.chain.node import Node
from holdfast.service.config import Config
from holdfast.service.facts.prices.settings import PriceSettings
from holdfast.service.guardian.session import open_log_key
from holdfast.service.home.folder import Home
from holdfast.service.local import LocalServices
from holdfast.service.new_home import Init, init_home
from holdfast.service.offline import sign_policy
from holdfast.service.runtime.clock import Clock
from holdfast.service.runtime.lock import HomeLock
from holdfast.service.runtime.tasks import Supervisor
from holdfast.service.signer.backends.local import LocalKey
from holdfast.service.signer.order import sign_order

VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SHOP = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
STRANGER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
WALLETS_PASSPHRASE = b"wallets of the tests"
OPERATOR_PASSPHRASE = b"operator of the tests"
FACTS = {"gas": 21_000, "max_fee_per_gas": 2_000_000_000, "max_priority_fee_per_gas": 10**9}
POLICY = Path(__file__).with_name("policy.toml")

Json = dict[str, Any]


def make_home(folder: Path, *, count: int = 1_000_000, uids: str = "", more: str = "") -> Home:
    """A new home in `folder` with the tests' policy, `more` tables in it, and cheap keys."""
    home = Home(folder / "home")
    text = Template(POLICY.read_text())
    init_home(
        home,
        Init(
            bytearray(WALLETS_PASSPHRASE),
            bytearray(OPERATOR_PASSPHRASE),
            kdf="light",
            policy=lambda wallets: (
                text.substitute(wallet=wallets[0], count=count, uids=uids) + more
            ),
            config="version = 1\n",
        ),
    )
    return home.open_checked()


def put_policy(home: Home, text: str) -> None:
    """A policy with the operator's signature, for the next start or for the guardian that runs."""
    sign_policy(home, text, OPERATOR_PASSPHRASE)


def log_key(home: Home) -> PassingKey:
    """The log's key, as the daemon opens it at start."""
    return open_log_key(home.log_key_path, bytearray(WALLETS_PASSPHRASE))


def frame(method: str, params: Any = (), ident: object = 1) -> bytes:
    """A call as clients write it, without a line end."""
    call = {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}
    return json.dumps(call).encode()


async def until(condition: Callable[[], bool]) -> None:
    """Returns when something outside this loop has come true."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


class Line:
    """One connection to a socket: raw bytes out, lines in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._ids = 0

    @classmethod
    async def open(cls, path: Path) -> Line:
        return cls(*await asyncio.open_unix_connection(str(path), limit=1 << 26))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def line(self) -> bytes:
        """The next line, or `b""` at the end."""
        async with asyncio.timeout(20):
            try:
                return await self.reader.readline()
            except ConnectionResetError:
                return b""

    async def json(self) -> Any:
        return json.loads(await self.line())

    async def call(self, method: str, params: Any = ()) -> Json:
        """One JSON-RPC call; the whole answer."""
        self._ids += 1
        await self.send(frame(method, params, self._ids))
        answer = await self.json()
        assert answer["id"] == self._ids
        return dict(answer)

    async def pay(self, to: str, value: int = 1) -> Json:
        """A payment of `value` wei."""
        return await self.call("eth_sendTransaction", [{"to": to, "value": hex(value)}])

    async def operate(self, method: str, **params: Any) -> Any:
        """One call on the operator's socket; pushes that come before are kept in `pushes`."""
        answer = await self.operate_raw(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    async def operate_raw(self, method: str, params: Json) -> Json:
        self._ids += 1
        call = {"id": self._ids, "method": method, "params": params}
        await self.send(json.dumps(call).encode() + b"\n")
        while True:
            found = await self.json()
            if found.get("id") == self._ids:
                return dict(found)
            self.pushes.append(found)

    @property
    def pushes(self) -> list[Json]:
        """What came unasked."""
        if not hasattr(self, "_pushes"):
            self._pushes: list[Json] = []
        return self._pushes

    async def event(self, kind: str) -> Json:
        """The next pushed event of a kind."""
        while True:
            found = self.pushes.pop(0) if self.pushes else await self.json()
            if found.get("event", {}).get("kind") == kind:
                return dict(found["event"])

    def close(self) -> None:
        self.writer.close()


class Guardian:
    """The served home, and hands to do what signer, chain and operator do."""

    def __init__(self, inside: LocalServices) -> None:
        self.inside = inside
        self.core = inside.core
        self.home = inside.home
        self._lines: list[Line] = []
        self._wallets: dict[str, LocalKey] | None = None
        self._nonces = 0

    async def agent(self, name: str = "agent") -> Line:
        return await self._line(self.home.agent_socket(name))

    async def operator(self) -> Line:
        return await self._line(self.home.operator_socket)

    async def _line(self, path: Path) -> Line:
        line = await Line.open(path)
        self._lines.append(line)
        return line

    async def close_lines(self) -> None:
        for line in self._lines:
            line.close()
            try:
                await line.writer.wait_closed()
            except OSError:
                pass

    async def until_open(self, state: str, count: int = 1) -> list[Json]:
        """Views of the open requests in `state`, once `count` of them are on disk."""
        guard = self.core.guard

        def found() -> list[Json]:
            raw = [guard.request(each) for each in guard.open_requests()]
            views = [json.loads(each) for each in raw if each is not None]
            return [each for each in views if each["state"] == state]

        await until(lambda: len(found()) >= count)
        await self.core.durable()
        return found()

    def asked(self, view: Json) -> OrderInputs:
        """What has to be found out for the order of a request."""
        found = self.core.guard.order_inputs(view["id"])
        assert found is not None
        return found

    def sign(self, request_id: str, *, dear: bool = False) -> None:
        """Orders and signs a request that may go on, with the home's real key.

        A `dear` one costs all that was decided.
        """
        guard = self.core.guard
        numbers = {**FACTS, "chain_nonce": self._nonces}
        view = json.loads(guard.request(request_id) or b"null")
        if dear and view["kind"] == "transaction":
            numbers |= {"gas": view["gas_max"], "max_fee_per_gas": int(view["fee_per_gas_max"])}
        if guard.stage(request_id) == "authorised":
            # Its order came with its decision.
            self._sign_order(request_id, _order_of(view))
            return
        facts = AuthoriseFacts()
        if view["kind"] == "transaction":
            facts = AuthoriseFacts(**numbers)
        applied = self.core.authorise(request_id, facts)
        order = next(
            json.loads(each)["data"]["order"]
            for each in applied.records
            if b'"kind":"request.authorised"' in each
        )
        self._sign_order(request_id, order)

    def _sign_order(self, request_id: str, order: Json) -> None:
        if self._wallets is None:
            opened = keystore.open_wallets(self.home.wallets_dir, bytearray(WALLETS_PASSPHRASE))
            self._wallets = {name: LocalKey(bytes(each.key)) for name, each in opened.items()}
        signed = sign_order(order, self._wallets)
        payload = signed.get("raw") or signed["signature"]
        self.core.signed(request_id, bytes.fromhex(payload[2:]))

    async def replace(self, action: keys.Action, request_id: str, gwei: int) -> None:
        """An operator commands another transaction in the place of one, and it is signed."""
        await self.order_again(action, request_id, gwei)
        await self.sign_again(request_id)

    async def order_again(self, action: keys.Action, request_id: str, gwei: int) -> None:
        """The same before it is signed."""
        view = json.loads(self.core.guard.request(request_id) or b"null")
        fees = {"max_fee_per_gas": str(gwei * 10**9), "max_priority_fee_per_gas": str(gwei * 10**8)}
        asked = self.command(action, request=request_id, digest=view["digest"], **fees)
        signature = bytes.fromhex(asked["signature"].removeprefix("0x"))
        self.core.command(asked["payload"].encode(), signature)
        await self.core.durable()

    async def sign_again(self, request_id: str) -> None:
        """Signs the order that is to take the place of a request's bytes."""
        seq = dict(self.core.guard.to_sign_again())[request_id]
        await self.core.durable()
        (record,) = self.inside.reader.records(seq, 1)
        self._sign_order(request_id, json.loads(record)["data"]["order"])
        await self.core.durable()

    async def carry_out(self, request_id: str, *, dear: bool = False) -> None:
        """Signs, and says that the chain took it."""
        self.sign(request_id, dear=dear)
        await self.core.durable()
        self.core.sent(request_id, "accepted", "")
        await self.core.durable()

    def command(self, action: keys.Action, **members: Any) -> Json:
        """A command signed with the operator's key."""
        key = keys.load(self.home.operator_key_path, bytearray(OPERATOR_PASSPHRASE))
        signed = key.sign_command(
            action,
            guardian=self.inside.identity.key.hex(),
            now_ms=self.core.clock.now_ms(),
            clock=json.loads(self.core.guard.status(0))["clock_set"],
            **members,
        )
        return {"payload": signed.payload, "signature": signed.signature}


def _order_of(view: Json) -> Json:
    """The order of typed data or a message."""
    order = {name: view[name] for name in ("chain_id", "kind", "wallet")}
    request = view["request"]
    if view["kind"] == "typed-data":
        return order | {"json": request["json"], "digest": request["typed_data_digest"]}
    text = encode_defunct(hexstr=request["message"])
    digest = keccak(b"\x19" + text.version + text.header + text.body)
    return order | {"message": request["message"], "digest": "0x" + digest.hex()}


@asynccontextmanager
async def serving(
    home: Home,
    *,
    hold_ms: int = 8_000,
    node: Node | None = None,
    nodes: Mapping[int, Node] | None = None,
    clock: Clock | None = None,
    registry: str = "",
    prices: tuple[PriceSettings, ...] = (),
    **gate: int,
) -> AsyncIterator[Guardian]:
    """Serves `home` until the block ends, then stops it in good order.

    `node` serves every chain, `nodes` one each.
    """
    crashes: list[str] = []
    with HomeLock(home.lock_path):
        config = Config(gate=GateConfig(hold_ms=hold_ms, **gate), registry=registry, price=prices)
        inside = LocalServices(home, config, lambda: log_key(home), clock)
        supervisor = Supervisor(lambda name, error: crashes.append(f"{name}: {error!r}"))
        await inside.open(lambda chain_id: node if nodes is None else nodes.get(chain_id))
        inside.run(supervisor)
        guardian = Guardian(inside)
        try:
            yield guardian
        finally:
            await guardian.close_lines()
            await inside.close_gate()
            await supervisor.stop()
            if inside.core.sealed is None:
                await inside.say_stopped()
            await inside.close()
    assert not crashes, crashes
