"""Requests with calls inside of calls, decided by the real core: one builder a screen.

A new protocol needs one function here and its name in `BUILDERS`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth_abi import encode
from eth_utils.crypto import keccak
from nacl.signing import SigningKey
from tests.support.facts import NO_FACTS
from tests.support.seen import see_everything
from tests.support.signed_policy import load_policy

from holdfast._core import Applied, Guard

NOW_MS = 1_772_625_600_000
POLICY = Path(__file__).with_name("data") / "nested.toml"
CLAIM = Path(__file__).with_name("data") / "claim.json"
ADDRESSES = {
    table["id"]: table["address"]
    for table in tomllib.loads(POLICY.read_text("utf-8"))["asset"]
    if "address" in table
}
USDC, DAI, WETH, PUNK = (ADDRESSES[name] for name in ("usdc", "dai", "weth", "punk"))
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
VENDOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SHOP = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
STRANGER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
VAULT = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
MULTICALL = "0xcA11bde05977b3631167028862bE2a173976CA11"
PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
ROUTER = "0x68b3465833fb72A70ecDF485E0e4C7bD8665Fc45"
SAFE = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
SEAPORT = "0x0000000000000068F116a894984e2DB1123eB395"
NOBODY = "0x0000000000000000000000000000000000000000"
MAX = (1 << 256) - 1

Json = dict[str, Any]
Asked = tuple[str, list[Any]]


def call(signature: str, *arguments: Any) -> bytes:
    """Call data of `transfer(address,uint256)` and its like."""
    types = _types(signature[signature.index("(") + 1 : -1])
    return keccak(text=signature)[:4] + encode(types, arguments)


def _types(text: str) -> list[str]:
    """The types of a list, tuples kept whole."""
    types, depth, start = [], 0, 0
    for place, char in enumerate(text + ","):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            types.append(text[start:place])
            start = place + 1
    return [each for each in types if each]


def send(to: str, data: bytes = b"", value: int = 0) -> Asked:
    """A transaction of the wallet."""
    call = {"from": WALLET, "to": to, "data": "0x" + data.hex(), "value": hex(value)}
    return "eth_sendTransaction", [call | {"gas": hex(400_000)}]


def sign(document: Json) -> Asked:
    """A document the wallet signs."""
    return "eth_signTypedData_v4", [WALLET, json.dumps(document)]


def batch(*calls: tuple[str, bytes]) -> bytes:
    """`aggregate3` of Multicall."""
    each = [(to, False, data) for to, data in calls]
    return call("aggregate3((address,bool,bytes)[])", each)


def multicall_batch() -> Asked:
    """Payments, an allowance and a batch inside of the batch."""
    inner = batch(
        (USDC, call("transfer(address,uint256)", SHOP, 40_000_000)),
        (DAI, call("approve(address,uint256)", STRANGER, 300 * 10**18)),
    )
    return send(
        MULTICALL,
        batch(
            (USDC, call("transfer(address,uint256)", VENDOR, 750_000_000)),
            (MULTICALL, inner),
            (USDC, call("transfer(address,uint256)", VENDOR, 10_000_000)),
            (PUNK, call("setApprovalForAll(address,bool)", STRANGER, True)),
        ),
    )


def permit2_batch() -> Asked:
    """Three tokens for one spender, one of them without a limit."""
    details = [
        {"token": USDC, "amount": "500000000", "expiration": "1775217600", "nonce": "0"},
        {"token": DAI, "amount": str((1 << 160) - 1), "expiration": "1775217600", "nonce": "3"},
        {"token": WETH, "amount": "0", "expiration": "0", "nonce": "1"},
    ]
    member = ["address token", "uint160 amount", "uint48 expiration", "uint48 nonce"]
    batch_of = ["PermitDetails[] details", "address spender", "uint256 sigDeadline"]
    domain = ["string name", "uint256 chainId", "address verifyingContract"]
    types = {"EIP712Domain": domain, "PermitBatch": batch_of, "PermitDetails": member}
    return sign(
        {
            "types": {name: [_member(each) for each in rows] for name, rows in types.items()},
            "primaryType": "PermitBatch",
            "domain": {"name": "Permit2", "chainId": 1, "verifyingContract": PERMIT2},
            "message": {"details": details, "spender": STRANGER, "sigDeadline": "1772629200"},
        }
    )


def _member(text: str) -> Json:
    kind, name = text.split()
    return {"name": name, "type": kind}


def control() -> Asked:
    """Hands a contract over, with value sent along."""
    return send(VAULT, call("transferOwnership(address)", STRANGER), 10**17)


def router_swap() -> Asked:
    """SwapRouter02, `exactInputSingle`: 1,000 USDC for at least 0.3 WETH, to the wallet."""
    signature = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"
    swap = (USDC, WETH, 500, WALLET, 1_000_000_000, 3 * 10**17, 0)
    return send(ROUTER, call(signature, swap))


def safe_transaction() -> Asked:
    """A Safe pays the shop: the call is inside of the document."""
    fields = (
        "address to",
        "uint256 value",
        "bytes data",
        "uint8 operation",
        "uint256 safeTxGas",
        "uint256 baseGas",
        "uint256 gasPrice",
        "address gasToken",
        "address refundReceiver",
        "uint256 nonce",
    )
    data = call("transfer(address,uint256)", SHOP, 120_000_000)
    message = dict.fromkeys((_member(each)["name"] for each in fields), "0")
    message |= {"to": USDC, "data": "0x" + data.hex()}
    message |= {"gasToken": NOBODY, "refundReceiver": NOBODY}
    domain = ["uint256 chainId", "address verifyingContract"]
    return sign(
        {
            "types": {
                "EIP712Domain": [_member(each) for each in domain],
                "SafeTx": [_member(each) for each in fields],
            },
            "primaryType": "SafeTx",
            "domain": {"chainId": 1, "verifyingContract": SAFE},
            "message": message,
        }
    )


def seaport_order() -> Asked:
    """A token of the collection is offered for 10 to 12 WETH, 0.3 of them for the market."""
    types = {
        "EIP712Domain": [
            "string name",
            "string version",
            "uint256 chainId",
            "address verifyingContract",
        ],
        "OrderComponents": [
            "address offerer",
            "address zone",
            "OfferItem[] offer",
            "ConsiderationItem[] consideration",
            "uint8 orderType",
            "uint256 startTime",
            "uint256 endTime",
            "bytes32 zoneHash",
            "uint256 salt",
            "bytes32 conduitKey",
            "uint256 counter",
        ],
        "OfferItem": [
            "uint8 itemType",
            "address token",
            "uint256 identifierOrCriteria",
            "uint256 startAmount",
            "uint256 endAmount",
        ],
        "ConsiderationItem": [
            "uint8 itemType",
            "address token",
            "uint256 identifierOrCriteria",
            "uint256 startAmount",
            "uint256 endAmount",
            "address recipient",
        ],
    }
    offered = _item(2, PUNK, 7804, 1, 1)
    paid = _item(1, WETH, 0, 10**19, 12 * 10**18) | {"recipient": WALLET}
    fee = _item(1, WETH, 0, 3 * 10**17, 3 * 10**17) | {"recipient": VENDOR}
    return sign(
        {
            "types": {name: [_member(each) for each in rows] for name, rows in types.items()},
            "primaryType": "OrderComponents",
            "domain": {
                "name": "Seaport",
                "version": "1.6",
                "chainId": 1,
                "verifyingContract": SEAPORT,
            },
            "message": {
                "offerer": WALLET,
                "zone": NOBODY,
                "offer": [offered],
                "consideration": [paid, fee],
                "orderType": "0",
                "startTime": "1772625600",
                "endTime": "1773230400",
                "zoneHash": "0x" + "00" * 32,
                "salt": "42",
                "conduitKey": "0x" + "00" * 32,
                "counter": "0",
            },
        }
    )


def _item(kind: int, token: str, ident: int, start: int, end: int) -> Json:
    amounts = {"identifierOrCriteria": ident, "startAmount": start, "endAmount": end}
    numbers = {name: str(number) for name, number in amounts.items()}
    return {"itemType": str(kind), "token": token} | numbers


# Each has its screens among the snapshots.
BUILDERS: dict[str, Callable[[], Asked]] = {
    "multicall": multicall_batch,
    "permit2": permit2_batch,
    "control": control,
    "router": router_swap,
    "safe": safe_transaction,
    "seaport": seaport_order,
}


def views(*names: str) -> list[Json]:
    """Views of the requests as the operator socket gives them, all waiting for approval."""
    guard = _guard()
    return [_view(guard, *BUILDERS[name]()) for name in names]


def decided(name: str) -> Json:
    """The data of a request's `request.decided`, as the journal has it."""
    data: Json = json.loads(_submit(_guard(), *BUILDERS[name]()).records[-1])["data"]
    return data


def _guard() -> Guard:
    key = SigningKey(b"\x11" * 32)
    operator = {"id": "ana", "public_key": "0x" + bytes(key.verify_key).hex()}
    genesis = {"origin": "nested", "log_key": "00" * 32, "operators": [operator], "version": "0"}
    guard, _ = Guard.create(json.dumps(genesis).encode(), NOW_MS)
    source = POLICY.read_text("utf-8")
    load_policy(guard, source, NOW_MS, key=key, key_id="ana", log_key="00" * 32)
    see_everything(guard, 1, NOW_MS)
    return guard


def _submit(guard: Guard, method: str, params: list[Any]) -> Applied:
    applied = guard.submit("trader", method, json.dumps(params).encode(), NO_FACTS, NOW_MS)
    assert applied.status == "waiting", (applied.status, applied.answer)
    return applied


def _view(guard: Guard, method: str, params: list[Any]) -> Json:
    request_id = _submit(guard, method, params).request_id or ""
    view: Json = json.loads(guard.request(request_id) or b"{}")
    return view | {"history": [], "descriptor": None}


def claim() -> Json:
    """What a descriptor says, as the operator socket gives it."""
    told: Json = json.loads(CLAIM.read_text("utf-8"))
    return told
