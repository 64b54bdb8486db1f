"""`holdfast policy schema`: the schema has the core's keys, and every policy of ours fits it."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.docs.blocks import ROOT, Block, blocks
from tests.support.json_schema import faults

from holdfast._core import PolicyError, check_policy
from holdfast.policies.schema.make import policy_schema

SCHEMA = policy_schema()
PAGE = ROOT / "docs" / "policy.md"
TOPICS = sorted((ROOT / "docs" / "policy").glob("*.md"))


@cache
def _policies() -> tuple[Path, ...]:
    """Files of the repository that the core takes as a policy."""
    tops = ("docs", "examples", "tests", "python", "rust/core/tests")
    found = []
    for path in sorted(path for top in tops for path in (ROOT / top).rglob("*.toml")):
        try:
            check_policy(path.read_text())
        except PolicyError:
            continue
        found.append(path)
    return tuple(found)


def _faults(text: str) -> list[str]:
    return list(faults(SCHEMA, tomllib.loads(text.removeprefix("\ufeff")), SCHEMA))


def test_every_policy_of_the_repository_fits_the_schema() -> None:
    assert len(_policies()) >= 8
    wrong = {str(path): _faults(path.read_text()) for path in _policies()}
    assert not {path: found for path, found in wrong.items() if found}


@pytest.mark.parametrize("block", blocks(language="toml", use="policy"), ids=str)
def test_every_policy_of_the_pages_fits_the_schema(block: Block) -> None:
    assert _faults(block.text) == []


def test_every_addition_of_the_page_fits_the_schema() -> None:
    first = blocks(PAGE, language="toml", use="policy")[0].text
    for block in blocks(*TOPICS, language="toml", use="add"):
        assert _faults(f"{first}\n{block.text}") == [], str(block)


def _known(table: str) -> set[str]:
    """The keys that the core names where it meets an unknown one."""
    owner, _, nested = table.partition(".")
    head = "" if table == "head" else f"[[{owner}]]\n" + (f"[[{table}]]\n" if nested else "")
    with pytest.raises(PolicyError) as refused:
        check_policy(f"{head}no_such_key_at_all = 1\n")
    hints = [fault[4] for fault in refused.value.args[2] if "no_such_key_at_all" in fault[3]]
    return set(hints[0].removeprefix("known keys: ").split(", "))


TABLES = ["head", *(name for name in SCHEMA["definitions"] if not name.startswith("type."))]


@pytest.mark.parametrize("table", TABLES)
def test_the_keys_are_those_that_the_core_knows(table: str) -> None:
    described: dict[str, Any] = SCHEMA if table == "head" else SCHEMA["definitions"][table]
    known = set(described["properties"])
    assert known == _known(table), "write them into python/holdfast/policies/schema/keys.toml"


def test_every_table_of_the_core_is_described() -> None:
    tables = _known("head") - {"version", "name", "include", "loosen_delay", "loosen_quorum"}
    assert {name for name in TABLES if "." not in name} - {"head"} == tables


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('tier = "instant"', 'teir = "instant"', "/rule/0"),
        ('tier = "instant"', 'tier = "now"', "/rule/0/tier"),
        ('amount_max = "50"', "amount_max = 50", "/rule/0/amount_max"),
        ('window = "24h"', 'window = "24"', "/limit/0/window"),
        ('effects = ["transfer"]', 'effects = ["transfers"]', "/rule/0/effects/0"),
        ('max = "200"', "max = true", "/limit/0/max"),
        ("gas_max = 500_000", "", "/chain/0"),
    ],
)
def test_mistakes_do_not_fit(old: str, new: str, place: str) -> None:
    text = blocks(PAGE, language="toml", use="policy")[0].text
    assert old in text
    found = _faults(text.replace(old, new, 1))
    assert found
    assert all(each.startswith(f"{place}: ") for each in found), found


def test_the_command_prints_it(run: Run) -> None:
    assert run("policy", "schema").json == SCHEMA
