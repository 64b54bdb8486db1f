"""Descriptors of a public registry on real transactions and documents, through `holdfast decode`.

The corpus lies beside the repository; without it the test on it is skipped.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import rlp
from tests.cli.conftest import Run

REPO = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("HOLDFAST_CORPUS", REPO.parent / "shared" / "corpus"))
FOLDER = CORPUS / "clear-signing"
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}(?![0-9a-fA-F])")
DATE = re.compile(r"\d{4}-\d\d-\d\d\d\d:\d\d:\d\d[AP]MUTC")
# The texts were read from a small screen: what is long is in parts, and so are these.
WRAPPED_HEX = re.compile(r"0x(?:[0-9a-fA-F] ?){40,}")
WRAPPED_DATE = re.compile(r"\d{4}-\d\d-\d\d\s+\d\d:\d\d:\d\d [AP]M UTC")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
# The account of the device that the texts were read from: it signed the transactions that say so.
DEVICE = "0xDad77910DbDFdE764fC21FCD4E74D71bBACA6D8D"
# A token that no list names: the bare number and `???` are shown.
UNKNOWN_TOKEN = {"1c4c671a836f"}
# Real documents for which the domain in the descriptor is not the one that was signed.
OTHER_DOMAIN = 6

with_corpus = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the corpus is not beside the repository"
)


def chain_of(case: dict[str, Any]) -> int:
    if "typedData" in case:
        return int(str(case["typedData"]["domain"].get("chainId", 1)), 0)
    raw = bytes.fromhex(case["rawTx"][2:])
    if raw[0] < 0x80:
        return int.from_bytes(rlp.decode(raw[1:])[0], "big")
    fields = rlp.decode(raw)
    v = int.from_bytes(fields[6], "big")
    unsigned = fields[7] == b"" and fields[8] == b""
    return v if unsigned else (v - 35) // 2


def numbers(text: str) -> list[str]:
    """Whole words that are numbers; one in several parts is put together."""
    found: list[str] = []
    before = False
    for word in WRAPPED_DATE.sub(" ", WRAPPED_HEX.sub(" ", text)).split():
        if not NUMBER.fullmatch(word):
            before = False
        elif before and "." not in word:
            found[-1] += word
        else:
            found.append(word)
            before = True
    return found


def missing(expected: list[str], shown: str) -> list[str]:
    """Addresses, dates and numbers of the expected texts that are not among what is shown."""
    out = []
    for text in expected:
        whole = plain(text).split("...")[0]
        if whole.lower() not in shown.lower():
            parts = [*ADDRESS.findall(whole), *DATE.findall(whole), *numbers(text)]
            out += [part for part in parts if part.lower() not in shown.lower()]
    return out


def plain(text: str) -> str:
    return re.sub(r"\s+", "", text)


@with_corpus
def test_what_the_authors_of_a_contract_say_is_shown(run: Run, tmp_path: Path) -> None:
    cases = json.loads((FOLDER / "cases.json").read_text())
    lines = []
    for case in cases:
        body = {"raw_tx": case["rawTx"]} if "rawTx" in case else {"typed_data": case["typedData"]}
        if DEVICE in plain("".join(case["expectedTexts"])):
            body["from"] = DEVICE
        lines.append(json.dumps({"id": case["id"], "chain_id": chain_of(case), **body}))
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(lines))
    tokens = FOLDER / "tokens.json"
    done = run("decode", "--cases", path, "--registry", FOLDER, "--tokens", tokens, "--json")
    assert done.err == "", done.err
    rows = {row["id"]: row for row in done.lines}
    differing, warned = set(), Counter[str]()
    for case in cases:
        row = rows[case["id"]]
        assert "error" not in row, (case["source"], row)
        warned.update(warning["code"] for warning in row["warnings"])
        shown = plain(" ".join(line["label"] + line["value"] for line in row["display"]))
        left = missing(case["expectedTexts"], shown)
        if left:
            differing.add(case["id"])
            assert case["id"] in UNKNOWN_TOKEN, (case["source"], left)
            assert "???" in shown
    assert differing == UNKNOWN_TOKEN
    # Nothing that is understood is told differently by the authors, and every format fits.
    assert warned["descriptor_differs"] == 0
    assert warned["descriptor"] == OTHER_DOMAIN


@with_corpus
def test_every_descriptor_of_the_registry_is_read(run: Run) -> None:
    from holdfast.service.operator_api.descriptor_folder import read_folder

    found, faults = read_folder(FOLDER)
    assert faults == []
    wanted = 0
    for path in FOLDER.glob("registry/*/*.json"):
        name = path.name
        wanted += name.startswith(("calldata", "eip712"))
    assert len(found) >= wanted


def test_a_folder_with_faults_is_said_and_the_rest_is_used(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    done = run("decode", "--chain", "1", "--message", "0x6869", "--registry", tmp_path, "--json")
    assert done.code == 0
    assert "broken.json: not JSON" in done.err
    assert "contains no ERC-7730 descriptor" in done.err
    absent = run("decode", "--chain", "1", "--message", "0x6869", "--registry", tmp_path / "x")
    assert absent.code != 0
    assert "is not a folder" in absent.err


def test_who_signs_can_be_named(run: Run, tmp_path: Path) -> None:
    vault, signer = "0x1111111111111111111111111111111111111111", DEVICE
    (tmp_path / "own.json").write_text(
        json.dumps(
            {
                "context": {"contract": {"deployments": [{"chainId": 1, "address": vault}]}},
                "display": {"formats": {"f()": {"fields": [{"path": "@.from", "label": "By"}]}}},
            }
        )
    )
    tx = json.dumps({"to": vault, "data": "0x26121ff0"})
    told = ("decode", "--chain", "1", "--tx", tx, "--registry", tmp_path)
    assert "| By: the account that signs" in run(*told).out
    assert f"| By: {signer}" in run(*told, "--from", signer).out
    wrong = run(*told, "--from", "0x12")
    assert wrong.code != 0
    assert "40 hex digits" in wrong.err
    cases = tmp_path / "cases.jsonl"
    cases.write_text(json.dumps({"id": 1, "tx": json.loads(tx), "from": signer}))
    rows = run("decode", "--chain", "1", "--cases", cases, "--registry", tmp_path, "--json").lines
    assert {"label": "By", "value": signer} in rows[0]["display"]
    both = run(*told[:3], "--cases", cases, "--from", signer)
    assert both.code == 2
