"""Rules that grant by what a contract says: before a transaction, or after it in its simulation."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from tests.e2e.conftest import wait_for
from tests.support.pool import FAILS, GARBAGE, POOL, add, place
from tests.support.proxy import NodeProxy, error, result

from holdfast.agent import Denied, connect
from holdfast.demo.chain import Chain
from holdfast.demo.guardian import DemoGuardian

pytestmark = pytest.mark.timeout(240)

REGISTRY = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
POLICY = """
version = 1
name = "checks"
[[chain]]
id = 31337
name = "local"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
[[wallet]]
id = "purse"
address = "{wallet}"
[[agent]]
id = "shopper"
wallets = ["purse"]
chain = 31337
requests_per_minute = 60
[[asset]]
id = "eth"
chain = 31337
native = true
symbol = "ETH"
decimals = 18
[[function]]
id = "borrow"
chain = 31337
contract = "{pool}"
signature = "add(uint256 amount)"
[[check]]
id = "account"
chain = 31337
contract = "{pool}"
function = "read(address account) returns (uint256 debt, uint256 collateral)"
arguments = ["wallet"]
output = "{output}"
over = "{over}"
{bound}
when = "after"
[[check]]
id = "reputed"
chain = 31337
contract = "{registry}"
function = "read(address account) returns (uint256 count, uint256 score)"
arguments = ["recipient"]
output = "score"
min = "850"
when = "before"
[[rule]]
id = "borrow"
effects = ["call"]
functions = ["borrow"]
checks = ["account"]
tier = "{tier}"
[[rule]]
id = "pay"
effects = ["transfer"]
checks = ["reputed"]
tier = "instant"
"""
LTV = {"output": "debt", "over": "collateral", "bound": 'max = "0.75"'}
LEVERAGE = {"output": "debt", "over": "collateral", "bound": 'max = "5"'}
HEALTH = {"output": "collateral", "over": "debt", "bound": 'min = "1.5"'}


@pytest.fixture
def second(chain: Chain) -> Iterator[NodeProxy]:
    """Another node of the same chain."""
    node = NodeProxy(chain.url)
    yield node
    node.stop()


@pytest.fixture
def demo(chain: Chain, second: NodeProxy) -> Iterator[DemoGuardian]:
    """Sockets need a short path, so the home is not in pytest's own folder."""
    with (
        tempfile.TemporaryDirectory(prefix="hf-") as folder,
        DemoGuardian(Path(folder) / "home", chain) as made,
    ):
        other = f'[[endpoint]]\nchain = 31337\nrpc_url = "{second.url}"\n'
        made.config(f"[gate]\nhold_ms = 700\nretry_after_s = 1\n{other}")
        yield made


def put(chain: Chain, first: int, last: int, address: str = POOL, code: str = "") -> None:
    place(lambda method, *params: chain.call(method, list(params)), first, last, address, code)


class World:
    """An agent of a guardian with the policy."""

    def __init__(self, demo: DemoGuardian, bound: dict[str, str], tier: str = "instant") -> None:
        self.demo, self.wallet = demo, demo.wallets[0]
        names = {"wallet": self.wallet, "pool": POOL, "registry": REGISTRY}
        demo.policy(POLICY.format(**names, **bound, tier=tier))
        demo.start()
        demo.agent_socket("shopper")
        self.agent = connect(demo.home.path, "shopper")

    def __enter__(self) -> Self:
        self.agent.__enter__()
        # Reads wait for the nodes, and what cannot be asked yet is not granted.
        self.agent.call("eth_blockNumber", [])
        return self

    def __exit__(self, *_: object) -> None:
        self.agent.__exit__(None, None, None)

    def borrow(self, amount: int) -> dict[str, Any]:
        return {"from": self.wallet, "to": POOL, "data": add(amount)}

    def pay(self, payee: str) -> dict[str, Any]:
        return {"from": self.wallet, "to": payee, "value": "0x1"}

    def asked(self, transaction: dict[str, Any]) -> dict[str, Any]:
        call = {"method": "eth_sendTransaction", "params": [transaction]}
        return dict(self.agent.call("holdfast_check", [call]))

    def verdict(self, transaction: dict[str, Any]) -> str:
        return str(self.asked(transaction)["verdict"])

    def observed(self, transaction: dict[str, Any]) -> str:
        reasons = self.asked(transaction)["reasons"]
        return str(next(each["observed"] for each in reasons if each["code"] == "check_unmet"))


def test_a_borrow_that_would_leave_the_account_unhealthy_is_not_granted(
    demo: DemoGuardian, chain: Chain
) -> None:
    put(chain, 0, 15_000)
    with World(demo, HEALTH) as world:
        assert world.verdict(world.borrow(10_001)) == "deny"
        assert world.observed(world.borrow(20_000)) == (
            "`account`: collateral over debt after the transaction is 0.75"
        )
        with pytest.raises(Denied) as denied:
            world.agent.send_transaction(world.borrow(10_001))
        assert "check_unmet" in str(denied.value.data)
        mined = chain.receipt(world.agent.send_transaction(world.borrow(10_000), wait_s=30))
        assert (mined["status"], mined["to"]) == ("0x1", POOL.lower())
        # The account is at its bound: one more is over.
        assert world.verdict(world.borrow(1)) == "deny"
        with demo.connect() as operator:
            events = operator.call("events", from_seq=0, count=200)["events"]
        decided = [each["data"] for each in events if each["kind"] == "request.decided"]
        (granted,) = (each for each in decided if each["verdict"]["tier"] == "instant")
        readings = granted["facts"]["readings"]
        assert {each["when"] for each in readings} == {"after"}
        assert len({each["source"] for each in readings}) == 2
    assert demo.stop() == 0, demo.last_words()
    code, words = demo.verify()
    assert code == 0, words


@pytest.mark.parametrize(
    ("bound", "most"), [(LTV, 750), (LEVERAGE, 5_000)], ids=["loan-to-value", "leverage"]
)
def test_a_ratio_holds_at_its_bound_and_not_above(
    demo: DemoGuardian, chain: Chain, bound: dict[str, str], most: int
) -> None:
    put(chain, 0, 1_000)
    with World(demo, bound) as world:
        found = [world.verdict(world.borrow(most + more)) for more in (-1, 0, 1)]
    assert found == ["instant", "instant", "deny"]
    assert demo.stop() == 0, demo.last_words()


def test_a_payee_without_the_reputation_is_not_paid(demo: DemoGuardian, chain: Chain) -> None:
    payee = chain.accounts[5]
    with World(demo, LTV) as world:
        assert world.verdict(world.pay(payee)) == "deny"
        for score, expected in ((849, "deny"), (850, "instant"), (851, "instant")):
            put(chain, 3, score, REGISTRY)
            assert world.verdict(world.pay(payee)) == expected
        put(chain, 3, 900, REGISTRY, FAILS)
        assert "the contract's function fails" in world.observed(world.pay(payee))
        put(chain, 3, 900, REGISTRY, GARBAGE)
        assert "not what the function returns" in world.observed(world.pay(payee))
        chain.call("anvil_setCode", [REGISTRY, "0x"])
        assert world.verdict(world.pay(payee)) == "deny"
    assert demo.stop() == 0, demo.last_words()


def test_a_node_that_disagrees_or_cannot_simulate_takes_the_grant_away(
    demo: DemoGuardian, chain: Chain, second: NodeProxy
) -> None:
    put(chain, 0, 1_000)
    put(chain, 3, 900, REGISTRY)
    payee = chain.accounts[5]

    def unable(call: dict[str, Any], forward: Any) -> bytes:
        if call["method"] == "eth_simulateV1":
            return error(call, -32601, "the method eth_simulateV1 does not exist")
        return bytes(forward())

    def lying(call: dict[str, Any], forward: Any) -> bytes:
        if call["method"] == "eth_call":
            return result(call, "0x" + (3).to_bytes(32).hex() + (10).to_bytes(32).hex())
        return bytes(forward())

    with World(demo, LTV) as world:
        assert world.verdict(world.borrow(100)) == "instant"
        second.hook = unable
        assert "eth_simulateV1" in world.observed(world.borrow(100))
        assert world.verdict(world.pay(payee)) == "instant"
        second.hook = lying
        assert world.observed(world.pay(payee)) == "`reputed`: score is 10"
    assert demo.stop() == 0, demo.last_words()


def test_a_node_that_says_nothing_takes_the_grant_away_however_often_it_is_asked(
    demo: DemoGuardian, chain: Chain, second: NodeProxy
) -> None:
    put(chain, 3, 900, REGISTRY)
    payee = chain.accounts[5]

    def silent(call: dict[str, Any], forward: Any) -> bytes | None:
        return None if call["method"] == "eth_call" else bytes(forward())

    with World(demo, LTV) as world:
        assert world.verdict(world.pay(payee)) == "instant"
        second.hook = silent
        # A node that failed rests for a while: the other one alone is no more to be believed then.
        for _ in range(4):
            assert world.verdict(world.pay(payee)) == "deny"
    assert demo.stop() == 0, demo.last_words()


def test_nodes_do_no_work_for_checks_above_the_rate_of_an_agent(
    demo: DemoGuardian, chain: Chain, second: NodeProxy
) -> None:
    put(chain, 3, 900, REGISTRY)
    payee = chain.accounts[5]
    readings: list[str] = []

    def counting(call: dict[str, Any], forward: Any) -> bytes:
        if call["method"] == "eth_call" and call["params"][0]["to"] == REGISTRY:
            readings.append(call["method"])
        return bytes(forward())

    with World(demo, LTV) as world:
        second.hook = counting
        verdicts = [world.asked(world.pay(payee)).get("verdict") for _ in range(100)]
        decided = verdicts.count("instant")
        assert 0 < decided < len(verdicts), "the flood is above the rate"
        assert len(readings) == decided
    assert demo.stop() == 0, demo.last_words()


def test_an_account_that_worsens_before_the_order_is_not_signed_for(
    demo: DemoGuardian, chain: Chain
) -> None:
    """An approval does not outlive what the check asks for."""
    put(chain, 0, 1_000)
    with World(demo, LTV, "approval") as world, demo.connect() as operator:
        call = {"method": "eth_sendTransaction", "params": [world.borrow(500)]}
        request = world.agent.call("holdfast_submit", [call])["requestId"]
        put(chain, 500, 1_000)
        operator.answer("approve", request)

        wait_for("its end", lambda: operator.call("request", id=request)["state"] == "denied")
        assert "check_unmet" in json.dumps(operator.call("request", id=request))
    assert demo.stop() == 0, demo.last_words()
