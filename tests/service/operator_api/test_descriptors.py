"""What the authors of a contract say is shown to the operator, and is part of nothing else."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from structlog.testing import capture_logs
from tests.service.in_process import (
    SHOP,
    VENDOR,
    Guardian,
    Line,
    make_home,
    put_policy,
    serving,
    until,
)

from holdfast.service.config import Config, parse_config
from holdfast.service.home.folder import Home
from holdfast.service.operator_api.descriptor_folder import read_folder
from holdfast.service.runtime.errors import ConfigError

TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
VAULT = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
PERMITTED = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
RULES = f"""
[[asset]]
id = "usdc"
chain = 31337
address = "{TOKEN}"
decimals = 6
symbol = "USDC"

[[rule]]
id = "ask"
effects = ["call", "typed-data", "allowance"]
tier = "approval"

[[rule]]
id = "ask-for-usdc"
effects = ["transfer"]
assets = ["usdc"]
tier = "approval"
"""
TO = {"path": "to", "label": "Beneficiary", "format": "addressName"}
AMOUNT = {
    "path": "amount",
    "label": "Sum",
    "format": "tokenAmount",
    "params": {"tokenPath": "@.to"},
}

Json = dict[str, Any]


def descriptor(*fields: Json, owner: str = "Acme", address: str = TOKEN) -> str:
    formats = {"transfer(address to, uint256 amount)": {"intent": "Send", "fields": list(fields)}}
    return json.dumps(
        {
            "context": {"contract": {"deployments": [{"chainId": 31337, "address": address}]}},
            "metadata": {"owner": owner},
            "display": {"formats": formats},
        }
    )


HONEST = descriptor(TO, AMOUNT)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path)
    put_policy(made, made.policy_path.read_text() + RULES)
    return made


@pytest.fixture
def folder(home: Home) -> Path:
    """The folder of descriptors, which there is not yet."""
    return home.path / "descriptors"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


async def ask(line: Line, method: str, params: list[Any]) -> str:
    answer = await line.call(method, params)
    return str(answer["error"]["data"]["requestId"])


async def pay(guardian: Guardian, amount: int = 7_000_000, to: str = TOKEN) -> str:
    """A transfer of the token to the shop that waits for approval; its id."""
    data = "0xa9059cbb" + encode(["address", "uint256"], [SHOP, amount]).hex()
    line = await guardian.agent()
    return await ask(line, "eth_sendTransaction", [{"to": to, "data": data}])


async def shown(guardian: Guardian, ident: str) -> Json:
    return dict(await (await guardian.operator()).operate("request", id=ident))


def values(view: Json) -> dict[str, str]:
    return {line["label"]: line["value"] for line in view["descriptor"]["display"]}


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)


async def test_what_the_authors_say_is_shown_beside_the_request(home: Home, folder: Path) -> None:
    write(folder / "token.json", HONEST)
    async with serving(home, hold_ms=50, registry="descriptors") as guardian:
        await until(lambda: len(guardian.inside.descriptors) == 1)
        view = await shown(guardian, await pay(guardian))
        said = {"Interaction with": "Acme", "Intent": "Send", "Beneficiary": SHOP, "Sum": "7 USDC"}
        assert values(view) == said
        assert view["descriptor"]["warnings"] == []
        assert not any(line["label"] == "Beneficiary" for line in view["display"])


async def test_nothing_of_it_is_journalled_or_part_of_the_digest(home: Home, folder: Path) -> None:
    write(folder / "token.json", descriptor(AMOUNT))
    async with serving(home, hold_ms=50, registry="descriptors") as guardian:
        await until(lambda: len(guardian.inside.descriptors) == 1)
        ident = await pay(guardian)
        with_it = await shown(guardian, ident)
        assert [each["code"] for each in with_it["descriptor"]["warnings"]] == [
            "descriptor_differs"
        ]
        (folder / "token.json").unlink()
        await until(lambda: len(guardian.inside.descriptors) == 0)
        without = await shown(guardian, ident)
        assert without["descriptor"] is None
        assert {**with_it, "descriptor": None} == without
        records = guardian.inside.reader.records(0, 100)
        assert b"descriptor" not in b"".join(records)
        command = guardian.command("approve", request=ident, digest=with_it["digest"])
        applied = await (await guardian.operator()).operate("command", **command)
        assert applied["state"] == "authorising"


async def test_a_call_nobody_understands_stays_opaque(home: Home, folder: Path) -> None:
    write(folder / "vault.json", descriptor(TO, AMOUNT, address=VAULT))
    async with serving(home, hold_ms=50, registry="descriptors") as guardian:
        await until(lambda: len(guardian.inside.descriptors) == 1)
        view = await shown(guardian, await pay(guardian, to=VAULT))
        assert view["effects"][0]["effect"] == "call"
        assert values(view)["Beneficiary"] == SHOP


async def test_a_document_is_described_too(home: Home, folder: Path) -> None:
    types = {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "Vote": [{"name": "proposal", "type": "uint256"}, {"name": "yes", "type": "bool"}],
    }
    document = {
        "types": types,
        "primaryType": "Vote",
        "domain": {"name": "Acme", "chainId": 31337, "verifyingContract": VAULT},
        "message": {"proposal": 12, "yes": True},
    }
    formats = {
        "Vote(uint256 proposal,bool yes)": {
            "intent": "Vote",
            "fields": [
                {"path": "proposal", "label": "Number", "format": "raw"},
                {"path": "@.from", "label": "Voter", "format": "addressName"},
            ],
        }
    }
    deployed = {"chainId": 31337, "address": VAULT}
    told = {
        "context": {"eip712": {"deployments": [deployed], "domain": {"name": "Acme"}}},
        "metadata": {"owner": "Acme"},
        "display": {"formats": formats},
    }
    write(folder / "vote.json", json.dumps(told))
    async with serving(home, hold_ms=50, registry="descriptors") as guardian:
        await until(lambda: len(guardian.inside.descriptors) == 1)
        wallet = json.loads(guardian.core.guard.agent("agent") or b"{}")["wallets"][0]
        line = await guardian.agent()
        ident = await ask(line, "eth_signTypedData_v4", [wallet, json.dumps(document)])
        said = values(await shown(guardian, ident))
        assert said["Number"] == "12"
        assert said["Voter"] == wallet


async def test_a_file_with_a_fault_is_named_in_the_log_and_the_rest_is_used(
    home: Home, folder: Path
) -> None:
    write(folder / "broken.json", "{")
    write(folder / "huge.json", " " * (1 << 20) + "{}")
    write(folder / "deep.json", "[" * 100_000)
    write(folder / "strange.json", '{"context": 3, "display": []}')
    (folder / "loop.json").symlink_to(folder / "loop.json")
    (folder / "pipe.json").mkdir()
    write(folder / "token.json", HONEST)
    with capture_logs() as logs:
        async with serving(home, hold_ms=50, registry="descriptors") as guardian:
            await until(lambda: len(guardian.inside.descriptors) == 1)
            assert values(await shown(guardian, await pay(guardian)))["Sum"] == "7 USDC"
    left_out = {each["path"] for each in logs if each["event"] == "a descriptor is left out"}
    assert {"broken.json", "huge.json", "deep.json", "loop.json"} <= left_out
    assert "token.json" not in left_out


def test_of_a_huge_folder_only_a_part_is_read(tmp_path: Path) -> None:
    for number in range(70):
        write(tmp_path / f"{number:02}.json", " " * ((1 << 20) - 2) + "{}")
    write(tmp_path / "00-token.json", HONEST)
    found, faults = read_folder(tmp_path)
    assert len(found) == 1
    ((_, text),) = faults
    assert text.startswith("more than 67,108,864 bytes")


async def test_a_changed_file_is_read_again(home: Home, folder: Path) -> None:
    write(folder / "token.json", HONEST)
    async with serving(home, hold_ms=50, registry="descriptors") as guardian:
        await until(lambda: len(guardian.inside.descriptors) == 1)
        ident = await pay(guardian)

        async def owner_is(name: str) -> bool:
            view = await shown(guardian, ident)
            return view["descriptor"] is not None and values(view)["Interaction with"] == name

        write(folder / "token.json", descriptor(TO, AMOUNT, owner="Bolt"))
        await eventually(lambda: owner_is("Bolt"))
        write(folder / "token.json", "{")
        await until(lambda: len(guardian.inside.descriptors) == 0)
        draft = folder / "draft"
        draft.write_text(descriptor(TO, AMOUNT, owner="Core"))
        draft.rename(folder / "token.json")
        await eventually(lambda: owner_is("Core"))


async def test_a_folder_may_come_later_and_be_replaced_by_another(home: Home, folder: Path) -> None:
    with capture_logs() as logs:
        async with serving(home, hold_ms=50, registry="descriptors") as guardian:
            ident = await pay(guardian)
            assert (await shown(guardian, ident))["descriptor"] is None
            draft = home.path / "draft"
            write(draft / "token.json", HONEST)
            draft.rename(folder)
            await until(lambda: len(guardian.inside.descriptors) == 1)
            shutil.rmtree(folder)
            await until(lambda: len(guardian.inside.descriptors) == 0)
            write(draft / "one.json", HONEST)
            write(draft / "two.json", descriptor(TO, address=VENDOR))
            draft.rename(folder)
            await until(lambda: len(guardian.inside.descriptors) == 2)
    said = [each for each in logs if each["event"] == "no folder of descriptors"]
    assert 1 <= len(said) <= 2


async def test_a_file_outside_of_the_folder_is_not_included(home: Home, folder: Path) -> None:
    outside = json.loads(HONEST)
    write(home.path / "outside.json", json.dumps({"metadata": outside["metadata"]}))
    told = json.loads(HONEST)
    del told["metadata"]
    told["includes"] = "../outside.json"
    write(folder / "token.json", json.dumps(told))
    write(folder / "vault.json", descriptor(TO, address=VAULT))
    async with serving(home, hold_ms=50, registry="descriptors") as guardian:
        await until(lambda: len(guardian.inside.descriptors) > 0)
        view = await shown(guardian, await pay(guardian))
        assert view["descriptor"] is None or "Interaction with" not in values(view)


async def test_without_a_folder_there_is_none(home: Home, folder: Path) -> None:
    write(folder / "token.json", HONEST)
    async with serving(home, hold_ms=50) as guardian:
        assert (await shown(guardian, await pay(guardian)))["descriptor"] is None


def test_the_folder_is_a_text_in_the_configuration() -> None:
    assert parse_config('registry = "descriptors"', "c.toml") == Config(registry="descriptors")
    with pytest.raises(ConfigError, match="registry"):
        parse_config("registry = true", "c.toml")
