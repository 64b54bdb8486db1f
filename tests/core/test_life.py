"""One whole life of a request through the binding, with real keys and real signatures."""

import json
from typing import Any

import pytest
from eth_account import Account
from nacl.signing import SigningKey
from tests.support.facts import NO_FACTS
from tests.support.signed_policy import load_policy

from holdfast._core import (
    AuthoriseFacts,
    Guard,
    HoldfastError,
    LogTree,
    MalformedError,
    PolicyError,
)

WALLET = Account.from_key(b"\x11" * 32)
VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
OPERATOR = SigningKey(b"\x22" * 32)
LOG_KEY = SigningKey(b"\x33" * 32)
T0 = 1_700_000_000_000

POLICY = f"""
version = 1
name = "life"

[[chain]]
id = 31337
name = "local"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"

[[wallet]]
id = "treasury"
address = "{WALLET.address}"

[[agent]]
id = "shopper"
wallets = ["treasury"]
chain = 31337

[[asset]]
id = "eth"
chain = 31337
native = true
decimals = 18
symbol = "ETH"
price_usd = "3000"

[[rule]]
id = "small"
effects = ["transfer"]
assets = ["eth"]
amount_max = "1"
tier = "instant"

[[rule]]
id = "large"
effects = ["transfer"]
assets = ["eth"]
amount_above = "1"
tier = "approval"

[[rule]]
id = "words"
effects = ["message"]
tier = "approval"

[[limit]]
id = "day"
per = "agent"
measure = "amount"
assets = ["eth"]
max = "5"
window = "24h"
on_exceed = "deny"
"""


def hex_key(key: SigningKey) -> str:
    return "0x" + bytes(key.verify_key).hex()


@pytest.fixture
def house() -> tuple[Guard, list[bytes]]:
    genesis = {
        "origin": "holdfast/test",
        "log_key": hex_key(LOG_KEY),
        "operators": [{"id": "op", "public_key": hex_key(OPERATOR)}],
        "version": "0.1.0",
    }
    guard, first = Guard.create(json.dumps(genesis).encode(), T0)
    records = [first]
    records += guard.started("0.1.0", T0).records
    records += load_policy(
        guard, POLICY, T0, key=OPERATOR, key_id="op", log_key=hex_key(LOG_KEY)
    ).records
    return guard, records


def send(wei: int) -> bytes:
    return json.dumps([{"to": VENDOR, "value": hex(wei)}]).encode()


def view(guard: Guard, request: str) -> dict[str, Any]:
    raw = guard.request(request)
    assert raw is not None
    loaded: dict[str, Any] = json.loads(raw)
    return loaded


def sign_order(record: bytes) -> tuple[bytes, str]:
    order = json.loads(record)["data"]["order"]
    signed = WALLET.sign_transaction(
        {
            "type": 2,
            "chainId": order["chain_id"],
            "nonce": order["nonce"],
            "gas": order["gas"],
            "maxFeePerGas": int(order["max_fee_per_gas"]),
            "maxPriorityFeePerGas": int(order["max_priority_fee_per_gas"]),
            "to": order["to"],
            "value": int(order["value"]),
            "data": order["data"],
        }
    )
    return bytes(signed.raw_transaction), "0x" + bytes(signed.hash).hex()


FACTS = AuthoriseFacts(
    gas=21000, max_fee_per_gas=2 * 10**9, max_priority_fee_per_gas=10**9, chain_nonce=7
)


def command(action: str, key: SigningKey = OPERATOR, **members: Any) -> tuple[bytes, bytes]:
    body = {
        "action": action,
        "expires_at": T0 + 120_000,
        "guardian": hex_key(LOG_KEY),
        "key": "op",
        **members,
    }
    payload = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    return payload, key.sign(b"holdfast operator command v1\n" + payload).signature


def test_a_small_payment_goes_from_request_to_settlement(house: tuple[Guard, list[bytes]]) -> None:
    guard, records = house
    applied = guard.submit("shopper", "eth_sendTransaction", send(10**17), NO_FACTS, T0 + 1)
    assert applied.status == "go"
    request = applied.request_id
    assert request == "r3"
    records += applied.records
    assert guard.authorising() == [request]

    applied = guard.authorise(request, FACTS, T0 + 2)
    assert applied.status == "authorised"
    records += applied.records
    assert guard.to_sign() == [(request, 4)]
    raw, tx_hash = sign_order(applied.records[0])

    assert not guard.may_send(request)
    applied = guard.signed(request, raw, T0 + 3)
    records += applied.records
    assert guard.may_send(request)
    out = (request, WALLET.address, 31337, tx_hash, 7, raw, "signed")
    assert guard.unsettled() == [(*out, [], 2 * 10**9, 10**9, T0 + 3, False)]
    records += guard.sent(request, "accepted", "", T0 + 4).records
    fee = 21000 * 10**9
    outcome = {"outcome": "confirmed", "block_number": 5, "gas_used": 21000, "proved": True}
    outcome["fee_wei"] = str(fee)
    applied = guard.settle(request, json.dumps(outcome).encode(), T0 + 5)
    assert applied.status == "confirmed"
    records += applied.records

    seen = view(guard, request)
    assert (seen["state"], seen["hash"], seen["quorum"]) == ("confirmed", tx_hash, 0)
    [limit] = json.loads(guard.limits("shopper", T0 + 6))
    assert (limit["used"], limit["reserved"]) == (str(10**17 + fee), "0")
    assert guard.next_nonce(WALLET.address, 31337) == 8

    again = Guard.replay(records)
    assert (again.size, again.root) == (guard.size, guard.root)
    assert again.state_digest() == guard.state_digest()
    assert Guard.restore(guard.snapshot()).state_digest() == guard.state_digest()
    tree = LogTree()
    tree.extend(records)
    assert tree.root == guard.root


def test_an_approval_is_signed_bound_and_single(house: tuple[Guard, list[bytes]]) -> None:
    guard, _ = house
    applied = guard.submit("shopper", "eth_sendTransaction", send(2 * 10**18), NO_FACTS, T0 + 1)
    assert applied.status == "waiting"
    request = applied.request_id
    assert request is not None
    assert json.loads(applied.answer)["status"] == "pending"
    digest = view(guard, request)["digest"]

    twin = guard.submit("shopper", "eth_sendTransaction", send(2 * 10**18), NO_FACTS, T0 + 2)
    assert (twin.status, twin.request_id, twin.records) == ("attached", request, [])

    def refused(payload: bytes, signature: bytes) -> str:
        with pytest.raises(HoldfastError) as caught:
            guard.command(payload, signature, T0 + 3)
        return str(caught.value.args[0])

    stranger = SigningKey(b"\x44" * 32)
    assert refused(*command("approve", stranger, request=request, digest=digest)) == (
        "signature_invalid"
    )
    other = "0x" + "00" * 32
    assert refused(*command("approve", request=request, digest=other)) == "digest_mismatch"
    approval = command("approve", request=request, digest=digest)
    assert guard.command(*approval, T0 + 3).status == "authorising"
    assert refused(*approval) == "wrong_state"


def test_a_frozen_guardian_signs_nothing_until_an_operator_thaws(
    house: tuple[Guard, list[bytes]],
) -> None:
    guard, _ = house
    request = guard.submit("shopper", "eth_sendTransaction", send(1), NO_FACTS, T0).request_id
    assert request is not None
    order = guard.authorise(request, FACTS, T0).records[0]
    raw, _ = sign_order(order)
    [record] = guard.freeze(b'{"kind":"everything"}', "suspicious", "test", T0).records
    freeze = json.loads(record)["data"]
    assert freeze["ended"] == [request]
    with pytest.raises(HoldfastError) as caught:
        guard.signed(request, raw, T0)
    assert caught.value.args[0] == "frozen"
    denied = guard.submit("shopper", "eth_sendTransaction", send(2), NO_FACTS, T0)
    assert denied.status == "denied"
    assert json.loads(denied.answer)["code"] == "frozen"
    guard.command(*command("thaw", freeze=freeze["freeze"]), T0)
    assert guard.submit("shopper", "eth_sendTransaction", send(3), NO_FACTS, T0).status == "go"
    assert guard.next_nonce(WALLET.address, 31337) == 7


def test_errors_have_their_types_and_codes(house: tuple[Guard, list[bytes]]) -> None:
    guard, records = house
    malformed = guard.submit("shopper", "eth_sendTransaction", b'[{"to":"0x"}]', NO_FACTS, T0)
    assert malformed.status == "refused"
    assert json.loads(malformed.answer)["code"] == "malformed"
    assert json.loads(malformed.records[0])["kind"] == "request.refused"
    with pytest.raises(PolicyError) as faults:
        guard.load_policy("version = 2\n", "test", None, None, T0)
    code, _, rows = faults.value.args
    assert code == "policy_invalid"
    assert all(len(row) == 5 for row in rows)
    with pytest.raises(MalformedError):
        guard.freeze(b'{"kind":"planet"}', "", "", T0)
    with pytest.raises(HoldfastError) as replayed:
        Guard.replay([records[0], records[0]])
    assert replayed.value.args[0] == "replay_seq"
    assert "event 1" in replayed.value.args[1]
    with pytest.raises(HoldfastError) as unknown:
        guard.authorise("r99", FACTS, T0)
    assert unknown.value.args[0] == "request_unknown"
    assert guard.request("r99") is None
