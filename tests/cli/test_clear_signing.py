"""Descriptors of a public registry on real transactions and documents, through `holdfast decode`.

The corpus lies beside the repository; without it the test on it is skipped.
"""

from __future__ import annotations

import json
import os
import re
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
NUMBER = re.compile(r"(?<![0-9a-fA-Fx.])\d+(?:\.\d+)?(?![0-9a-fA-F.])")
# Documents whose addresses have a wrong checksum: refused, because nobody can say what was meant.
WRONG_CHECKSUM = 6
# Not derivable from the request: names of ENS, the account that signs an unsigned transaction,
# names of tokens where the list has only the symbol.
OTHERWISE = {"96cd3fb15368", "33e57e77fc7a", "f09e700a3b8a", "38964b3d32cd"}

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


def missing(expected: list[str], shown: str) -> list[str]:
    """Addresses, dates and numbers of the expected texts that are not among what is shown."""
    out = []
    for text in expected:
        plain = re.sub(r"\s+", "", text).split("...")[0]
        if plain.lower() in shown.lower():
            continue
        rest = ADDRESS.sub(" ", DATE.sub(" ", plain))
        parts = [*ADDRESS.findall(plain), *DATE.findall(plain), *NUMBER.findall(rest)]
        out += [part for part in parts if part.lower() not in shown.lower()]
    return out


@with_corpus
def test_what_the_authors_of_a_contract_say_is_shown(run: Run, tmp_path: Path) -> None:
    cases = json.loads((FOLDER / "cases.json").read_text())
    lines = []
    for case in cases:
        body = {"raw_tx": case["rawTx"]} if "rawTx" in case else {"typed_data": case["typedData"]}
        lines.append(json.dumps({"id": case["id"], "chain_id": chain_of(case), **body}))
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(lines))
    tokens = FOLDER / "tokens.json"
    done = run("decode", "--cases", path, "--registry", FOLDER, "--tokens", tokens, "--json")
    assert done.err == "", done.err
    rows = {row["id"]: row for row in done.lines}
    errors = [row["error"]["code"] for row in rows.values() if "error" in row]
    assert errors == ["checksum"] * WRONG_CHECKSUM
    complete = 0
    for case in cases:
        row = rows[case["id"]]
        if "error" in row:
            continue
        shown = re.sub(r"\s+", "", " ".join(line["value"] for line in row["display"]))
        left = missing(case["expectedTexts"], shown)
        complete += not left
        # A token that is in no list has no decimals: the bare number is shown, and `???`.
        assert not left or "???" in shown or case["id"] in OTHERWISE, (case["source"], left)
    assert complete >= 174


def test_a_folder_with_faults_is_said_and_the_rest_is_used(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    done = run("decode", "--chain", "1", "--message", "0x6869", "--registry", tmp_path, "--json")
    assert done.code == 0
    assert "broken.json: not JSON" in done.err
    assert "holds no ERC-7730 descriptor" in done.err
    absent = run("decode", "--chain", "1", "--message", "0x6869", "--registry", tmp_path / "x")
    assert absent.code != 0
    assert "is not a folder" in absent.err
