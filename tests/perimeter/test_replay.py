"""Records are believed only where live code would have made them, and policies only with authority.

The cases are in `rust/core/tests/it`: `replay/strict.rs`, `replay/fuzz.rs`, `guard/authority.rs`
and `policy/strictness.rs`; here it is that they hold through the binding.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey
from tests.support.facts import NO_FACTS
from tests.support.signed_policy import authority, load_policy

from holdfast._core import Guard, HoldfastError, MalformedError, policy_changes

JOURNALS = Path(__file__).parents[1] / "data" / "journals"
OPERATOR, LOG_KEY = SigningKey(b"\x22" * 32), SigningKey(b"\x33" * 32)
LOG = "0x" + bytes(LOG_KEY.verify_key).hex()
VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
T0 = 1_700_000_000_000

POLICY = """
version = 1
name = "perimeter"
[[chain]]
id = 31337
name = "local"
gas_max = 500_000
fee_per_gas_max = "100 gwei"
priority_fee_per_gas_max = "5 gwei"
[[wallet]]
id = "treasury"
address = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
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
[[rule]]
id = "all"
effects = ["transfer"]
assets = ["eth"]
amount_max = "5"
tier = "approval"
"""


def guarded() -> tuple[Guard, list[bytes]]:
    """A guardian under the policy, and its records."""
    operator = {"id": "op", "public_key": "0x" + bytes(OPERATOR.verify_key).hex()}
    genesis = {"origin": "t", "log_key": LOG, "operators": [operator], "version": "0"}
    guard, first = Guard.create(json.dumps(genesis).encode(), T0)
    loaded = load_policy(guard, POLICY, T0, key=OPERATOR, key_id="op", log_key=LOG)
    return guard, [first, *loaded.records]


def record(seq: int, kind: str, data: dict[str, Any], version: int = 5) -> bytes:
    """A record in its one form."""
    event = {"at": T0, "data": data, "kind": kind, "seq": seq, "v": version}
    return json.dumps(event, sort_keys=True, separators=(",", ":")).encode()


def test_an_approval_nobody_signed_is_named_and_refused() -> None:
    guard, records = guarded()
    pay = [{"to": VENDOR, "value": hex(10**18)}]
    asked = guard.submit("shopper", "eth_sendTransaction", json.dumps(pay).encode(), NO_FACTS, T0)
    records += asked.records
    request = json.loads(guard.request(asked.request_id or "") or NO_FACTS)
    command = {
        "action": "approve",
        "digest": request["digest"],
        "expires_at": T0 + 60_000,
        "guardian": LOG,
        "key": "op",
        "request": asked.request_id,
    }
    forged = {
        "approvals": 1,
        "by": "op",
        "command": json.dumps(command, sort_keys=True, separators=(",", ":")),
        "id": asked.request_id,
        "quorum": 1,
        "signature": "0x" + "00" * 64,
    }
    with pytest.raises(HoldfastError) as refused:
        Guard.replay([*records, record(len(records), "request.approved", forged)])
    code, text = refused.value.args
    assert code == "replay_transition"
    assert text.startswith(f"event {len(records)}: signature_invalid")


def test_a_looser_policy_is_in_force_only_with_an_operators_signature() -> None:
    guard, records = guarded()
    looser = POLICY.replace('amount_max = "5"', 'amount_max = "6"')
    with pytest.raises(HoldfastError) as refused:
        guard.load_policy(looser, "file", None, None, T0)
    code, text = refused.value.args
    assert code == "policy_unsigned"
    assert '`rule.all.amount_max` changes from "5" to "6"' in text
    stricter = POLICY.replace('amount_max = "5"', 'amount_max = "4"')
    records += guard.load_policy(stricter, "file", None, None, T0).records
    records += load_policy(guard, looser, T0, key=OPERATOR, key_id="op", log_key=LOG).records
    assert json.loads(guard.status(T0))["policy"]["revision"] == 3
    assert Guard.replay(records).state_digest() == guard.state_digest()


def test_a_journal_of_the_first_version_does_not_bring_an_unsigned_policy() -> None:
    guard, records = guarded()
    data = {"by": "file", "digest": "0x" + "00" * 32, "name": "perimeter", "source": POLICY}
    forged = record(len(records), "policy.loaded", data, version=1)
    with pytest.raises(HoldfastError, match="older version"):
        Guard.replay([*records, forged])
    assert guard.size == len(records)


def test_changes_say_what_is_looser() -> None:
    changed = POLICY.replace('amount_max = "5"', 'amount_max = "4"').replace("500_000", "600_000")
    found = json.loads(policy_changes(POLICY, changed))
    assert [(one["path"], one["looser"]) for one in found] == [
        ("chain.31337.gas_max", True),
        ("rule.all.amount_max", False),
    ]
    assert json.loads(policy_changes(POLICY, "# words\n" + POLICY)) == []


def test_settings_are_noted_with_a_signature_for_the_next_revision() -> None:
    guard, _ = guarded()
    digest = "0x" + "ab" * 32
    signed = authority("config", digest, key=OPERATOR, key_id="op", log_key=LOG, revision=1)
    guard.load_config(digest, "op", *signed, T0)
    assert json.loads(guard.status(T0))["config"] == {"digest": digest, "revision": 1}
    with pytest.raises(HoldfastError) as refused:
        guard.load_config(digest, "op", *signed, T0)
    assert refused.value.args[0] == "revision_mismatch"
    with pytest.raises(MalformedError):
        guard.load_config("0x12", "op", *signed, T0)


@pytest.mark.parametrize("path", sorted(JOURNALS.glob("v1-*.jsonl")), ids=lambda path: path.stem)
def test_a_journal_of_version_1_still_replays(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    guard = Guard.replay(path.read_bytes().splitlines())
    assert guard.root.hex() == expected["root"]
    assert json.loads(guard.status(expected["now_ms"]))["counts"] == expected["counts"]
