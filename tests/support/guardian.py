"""A guardian without its sockets: real journal, core, signer process and chain.

A test can stop it between any two steps and start it again from what is on disk.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.anvil import Anvil
from tests.support.facts import NO_FACTS

from holdfast.operator.keys import Action, load
from holdfast.secrets import sealed
from holdfast.secrets.authority import digest_of, sign_authority
from holdfast.service.chain.chain import Chains
from holdfast.service.chain.endpoint import EndpointSettings
from holdfast.service.chain.witness import Witness
from holdfast.service.facts.code import CodeFacts
from holdfast.service.facts.gather import FactSources
from holdfast.service.facts.prices.facts import PriceFacts
from holdfast.service.facts.readings import ReadingFacts
from holdfast.service.guardian.core import Core
from holdfast.service.guardian.session import begin, open_log_key
from holdfast.service.guardian.waiting import Waiting
from holdfast.service.home.folder import Home
from holdfast.service.journal.open import open_writer
from holdfast.service.journal.replay import Restored, restore
from holdfast.service.new_home import Init, init_home
from holdfast.service.pipeline.driver import Driver
from holdfast.service.pipeline.settings import SendingConfig
from holdfast.service.runtime.clock import Clock
from holdfast.service.runtime.conditions import Conditions
from holdfast.service.runtime.event import kind_of
from holdfast.service.runtime.turns import Turns
from holdfast.service.signer.client import Signer

PASSPHRASE = b"passphrase of this home"
OPERATOR_PASSPHRASE = b"operator's own"
VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

POLICY = """
version = 1
name = "test"
[[chain]]
id = 31337
name = "local"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
{wallets}
[[agent]]
id = "shopper"
wallets = [{names}]
chain = 31337
[[asset]]
id = "eth"
chain = 31337
native = true
decimals = 18
symbol = "ETH"
price_usd = "3000"
[[rule]]
id = "payments"
effects = ["transfer"]
assets = ["eth"]
amount_max = "1000"
tier = "instant"
[[rule]]
id = "calls"
effects = ["call", "message", "typed-data"]
tier = "approval"
"""
# Of the same wallet, and asks as often as it likes.
NOISY = """
[[agent]]
id = "noisy"
wallets = ["w0"]
chain = 31337
requests_per_minute = 1_000_000
"""


@dataclass
class Guardian:
    """`open` and `halt` may be called again and again, each time with a signer of its own."""

    home: Home
    anvil: Anvil
    wallets: list[str]
    settings: EndpointSettings
    signer: Signer | None = None
    records: list[bytes] = field(default_factory=list)
    sender: Driver | None = None
    clock: Clock = field(default_factory=Clock)
    more: str = ""
    # Endpoints of the same chain behind `settings`.
    others: list[EndpointSettings] = field(default_factory=list)
    sending: SendingConfig = field(default_factory=SendingConfig)

    @classmethod
    def make(cls, path: Path, anvil: Anvil, wallets: int = 1, url: str | None = None) -> "Guardian":
        created = init_home(
            Home(path), Init(PASSPHRASE, OPERATOR_PASSPHRASE, wallets=wallets, kdf="light")
        )
        for wallet in created.wallets:
            anvil.fund(wallet)
        settings = EndpointSettings(31337, url or anvil.url, poll_ms=20, timeout_ms=2000)
        return cls(created.home, anvil, created.wallets, settings)

    async def open(self, *, sending: bool = True) -> None:
        """From what is on disk to a running core; with `sending` also the sender."""
        self.journal = open_writer(self.home.journal_path)
        restored = restore(self.journal.reader)
        begin(self.journal, restored, open_log_key(self.home.log_key_path, PASSPHRASE))
        followed_from = restored.guard.size, restored.guard.log_range()
        self.clock.start(restored.guard.last_at)
        self.core = Core(restored.guard, self.journal, self.clock)
        self.records = self.journal.reader.records(0, 1_000_000)
        self.core.listen(lambda events: self.records.extend(each.record for each in events))
        self._sign_policy(restored)
        self.core.started("test")
        if self.signer is None:
            self.signer = await Signer.start(self.home, bytearray(PASSPHRASE))
            await self.signer.follow(*followed_from)
        self.conditions = Conditions(self.core.clock.now_ms)
        self.chains = Chains([self.settings, *self.others], self.conditions)
        self.code = CodeFacts(self.core, self.chains.get)
        prices = PriceFacts(self.core, self.chains.get, ())
        readings = ReadingFacts(self.core, self._nodes)
        self.facts = FactSources(self.core, self.code, prices, readings)
        if sending:
            await self.send()

    def _nodes(self, chain_id: int) -> list[Witness]:
        chain = self.chains.get(chain_id)
        return [] if chain is None else chain.awake()

    def _sign_policy(self, restored: Restored) -> None:
        """Puts the test's policy in force, signed, when another one is."""
        self.identity = restored.identity
        text = self.policy()
        policy = json.loads(restored.guard.status(restored.guard.last_at))["policy"]
        if policy["digest"] == digest_of(text):
            return
        key = sealed.unseal(self.home.operator_key_path.read_bytes(), OPERATOR_PASSPHRASE)
        signed = sign_authority(
            key,
            "policy",
            text,
            guardian=restored.identity.key.hex(),
            key_id="operator",
            revision=policy["revision"] + 1,
        )
        signature = bytes.fromhex(signed.signature[2:])
        self.core.load_policy(text, "test", signed.payload.encode(), signature)

    def command(self, action: Action, **members: str | int) -> str:
        """Has an operator command something, and gives the state that its request is in then."""
        key = load(self.home.operator_key_path, OPERATOR_PASSPHRASE)
        now_ms, guardian = self.clock.now_ms(), self.identity.key.hex()
        signed = key.sign_command(action, guardian=guardian, now_ms=now_ms, **members)
        applied = self.core.command(signed.payload.encode(), bytes.fromhex(signed.signature[2:]))
        return str(applied.status)

    def order_seq(self, request_id: str) -> int:
        """The number of the order that waits for a signature."""
        return dict(self.core.guard.to_sign())[request_id]

    def freezes(self) -> list[int]:
        """The numbers of the freezes that stand."""
        status = json.loads(self.core.guard.status(self.clock.now_ms()))
        return [each["freeze"] for each in status["freezes"]]

    async def send(self) -> None:
        assert self.signer is not None
        turns = Turns(asyncio.get_running_loop().time)
        self.waiting = Waiting(self.sending.wait_ms)
        self.sender = Driver(
            self.core, self.signer, self.chains, turns, self.facts, self.sending, self.waiting
        )
        await self.sender.start()

    async def halt(self) -> None:
        """As a crash: what was queued for the journal is there, nothing else is tidied up."""
        if self.sender is not None:
            await self.sender.stop()
            self.sender = None
        await self.core.durable()
        await self.chains.stop()
        self.journal.close()
        # A signer follows one run of the guardian.
        if self.signer is not None:
            await self.signer.close()
            self.signer = None

    async def close(self) -> None:
        await self.halt()

    def policy(self) -> str:
        wallets = "".join(
            f'[[wallet]]\nid = "w{number}"\naddress = "{wallet}"\n'
            for number, wallet in enumerate(self.wallets)
        )
        names = ", ".join(f'"w{number}"' for number in range(len(self.wallets)))
        return POLICY.format(wallets=wallets, names=names) + self.more

    def pay(self, value: int = 1000, wallet: int = 0, **more: Any) -> str:
        """Submits one payment to the vendor and gives its id."""
        request = {"from": self.wallets[wallet], "to": VENDOR, "value": hex(value)} | more
        return self.submit("eth_sendTransaction", [request])

    def submit(self, method: str, params: list[Any]) -> str:
        facts = self.facts.of_agent("shopper")
        applied = self.core.submit("shopper", method, json.dumps(params).encode(), facts)
        assert applied.status in ("go", "waiting"), (applied.status, applied.answer)
        assert applied.request_id is not None
        return applied.request_id

    async def forget(self, request_id: str) -> None:
        """Ends so many requests that the details of this one are forgotten.

        They are of the agent of `NOISY`; this one ended before.
        """
        call = json.dumps([{"from": self.wallets[0], "to": VENDOR, "value": hex(10**22)}]).encode()
        for _ in range(520):
            applied = self.core.submit("noisy", "eth_sendTransaction", call, NO_FACTS)
            assert applied.status == "denied", applied.answer
        await self.core.durable()
        assert "effects" not in self.view(request_id)

    def view(self, request_id: str) -> dict[str, Any]:
        found = self.core.guard.request(request_id)
        assert found is not None
        view: dict[str, Any] = json.loads(found)
        return view

    def state(self, request_id: str) -> str:
        return str(self.view(request_id)["state"])

    async def until(self, request_id: str, *states: str, seconds: float = 20) -> dict[str, Any]:
        """Waits for durable events until the request is in one of the states."""
        try:
            async with asyncio.timeout(seconds):
                while self.state(request_id) not in states:
                    await self.next_batch()
        except TimeoutError:
            text = f"{request_id} is {self.state(request_id)} after {seconds} s: {self.trail()}"
            raise AssertionError(text) from None
        return self.view(request_id)

    def trail(self) -> str:
        """What is known of everything that has not ended, for a test that waits in vain."""
        status = json.loads(self.core.guard.status(self.core.clock.now_ms()))["counts"]
        open_ = [(row[0], row[4], row[6]) for row in self.core.guard.unsettled()]
        pool = self.anvil.call("txpool_content")
        held = {name: [list(each) for each in part.values()] for name, part in pool.items()}
        return f"{status}, unsettled {open_}, nonces in the pool {held}"

    async def next_batch(self) -> None:
        arrived = asyncio.get_running_loop().create_future()

        def take(_: list[bytes]) -> None:
            if not arrived.done():
                arrived.set_result(None)

        self.core.listen(take)
        try:
            await arrived
        finally:
            self.core.unlisten(take)

    def events(self, kind: str, request_id: str | None = None) -> list[dict[str, Any]]:
        """The data of durable events of a kind."""
        found = [
            json.loads(each)["data"] for each in self.records if kind_of(each) == kind.encode()
        ]
        return [data for data in found if request_id is None or data.get("id") == request_id]

    def received(self) -> int:
        """wei that the vendor has more than at the start of a chain."""
        return self.anvil.balance(VENDOR) - 10_000 * 10**18


async def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Waits for something that no event tells of."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
