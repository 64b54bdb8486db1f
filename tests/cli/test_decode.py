"""`holdfast decode`: what a request can do, one or many, strictly read."""

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.console import nested

TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
TX = json.dumps({"to": TO, "value": "0xde0b6b3a7640000"})
TRANSFER = "0xa9059cbb" + TO[2:].lower().rjust(64, "0") + f"{250 * 10**6:064x}"
MEMBERS = {"kind", "chain_id", "digest", "effects", "display", "warnings", "opaque"}


def test_a_native_transfer_is_one_effect(run: Run) -> None:
    result = run("decode", "--chain", 31337, "--tx", TX, "--json")
    assert result.code == 0
    assert set(result.json) >= MEMBERS
    assert result.json["kind"] == "transaction"
    transfer = next(e for e in result.json["effects"] if e["effect"] == "transfer")
    assert transfer["to"] == TO
    assert transfer["amount"] == str(10**18)
    assert run("decode", "--chain", 31337, "--tx", TX).out.startswith("transaction on chain 31337")


def test_a_batch_is_shown_as_the_sum_of_its_calls(run: Run) -> None:
    call = {"to": TO, "value": "0x1"}
    batch = {"version": "2.0.0", "chainId": "0x7a69", "atomicRequired": False, "calls": [call] * 3}
    text = json.dumps(batch)
    shown = run("decode", "--chain", 31337, "--calls", text, "--json").json
    assert (shown["kind"], shown["digest"], shown["opaque"]) == ("calls", None, False)
    assert [(each["to"], each["amount"]) for each in shown["effects"]] == [(TO, "3")]
    assert "3 of 3" in run("decode", "--chain", 31337, "--calls", text).out
    other = run("decode", "--chain", 1, "--calls", text, "--json")
    assert (other.code, other.json["error"]["code"]) == (1, "chain_mismatch")


def test_an_unknown_token_stays_opaque_even_with_a_display_list(run: Run, tmp_path: Path) -> None:
    tx = json.dumps({"to": TOKEN, "data": TRANSFER})
    tokens = tmp_path / "tokens.json"
    token = {"chain_id": 31337, "address": TOKEN, "symbol": "USDC", "decimals": 6, "name": "Coin"}
    tokens.write_text(json.dumps([token]))
    shown = run("decode", "--chain", 31337, "--tx", tx, "--tokens", tokens, "--json").json
    assert "250" in json.dumps(shown["display"])


def test_a_message_and_typed_data_are_decoded(run: Run, tmp_path: Path) -> None:
    message = run("decode", "--chain", 1, "--message", "0x" + b"hello".hex(), "--json")
    assert message.json["kind"] == "message"
    assert message.json["opaque"] is True
    typed = tmp_path / "typed.json"
    typed.write_text(
        json.dumps(
            {
                "types": {
                    "EIP712Domain": [{"name": "name", "type": "string"}],
                    "Note": [{"name": "text", "type": "string"}],
                },
                "primaryType": "Note",
                "domain": {"name": "Notes"},
                "message": {"text": "hello"},
            }
        )
    )
    result = run("decode", "--chain", 1, "--typed-data", typed, "--json")
    assert result.code in (0, 1)
    if result.code == 0:
        assert result.json["kind"] == "typed-data"
    else:
        assert result.json["error"]["code"]


def test_exactly_one_request_is_asked_for(run: Run) -> None:
    assert run("decode", "--chain", 1).code == 2
    assert run("decode", "--chain", 1, "--tx", TX, "--message", "0x00").code == 2
    assert run("decode", "--tx", TX).code == 2


def test_a_member_given_twice_is_refused(run: Run) -> None:
    tx = f'{{"to":"{TO}","value":"0x1","value":"0x2"}}'
    result = run("decode", "--chain", 1, "--tx", tx, "--json")
    assert result.code == 1
    assert result.json["error"]["code"]


def test_cases_give_a_result_or_an_error_a_line(run: Run, tmp_path: Path) -> None:
    rows = [
        {"id": "good", "chain_id": 31337, "tx": json.loads(TX)},
        {"id": "bad", "chain_id": 31337, "tx": {"to": TO, "value": "ten"}},
        {"id": "none", "chain_id": 31337},
        {"id": "extra", "chain_id": 31337, "message": "0x00", "colour": "red"},
        {"id": "chainless", "message": "0x00"},
    ]
    cases = tmp_path / "cases.jsonl"
    lines = [json.dumps(row) for row in rows]
    lines += ['{"id":"twice","chain_id":1,"chain_id":31337,"message":"0x00"}', "nonsense"]
    cases.write_text("\n".join(lines) + "\n")
    result = run("decode", "--cases", cases, "--json")
    assert result.code == 0
    assert len(result.lines) == len(lines)
    good, *others = result.lines
    assert good["id"] == "good"
    assert set(good) >= MEMBERS
    for row in others:
        assert row["error"]["code"]
        assert row["error"]["text"]


def test_inner_calls_stand_below_headings_and_a_claim_apart(run: Run, tmp_path: Path) -> None:
    _, (tx,) = nested.multicall_batch()
    shown = run("decode", "--chain", 1, "--tx", json.dumps(tx), "--policy", nested.POLICY).out
    assert "Call 2 of 4:\n  Action: several calls at once" in shown
    assert "  Call 1 of 2:\n    Action: send\n    Amount: 40 USDC" in shown
    assert shown.index("warning: ") < shown.index("Call 1 of 4")
    formats = {"transfer(address to, uint256 amount)": {"intent": "Send", "fields": []}}
    deployments = [{"chainId": 1, "address": nested.USDC}]
    told = {
        "context": {"contract": {"deployments": deployments}},
        "metadata": {"owner": "Circle"},
        "display": {"formats": formats},
    }
    (tmp_path / "usdc.json").write_text(json.dumps(told))
    data = nested.call("transfer(address,uint256)", nested.SHOP, 5)
    _, (tx,) = nested.send(nested.USDC, data)
    shown = run("decode", "--chain", 1, "--tx", json.dumps(tx), "--registry", tmp_path).out
    assert "(not checked):\n| Interaction with: Circle\n| Intent: Send\n" in shown
