"""The test token on a test chain, and the calldata to move it."""

import json
from pathlib import Path

from eth_abi import encode
from eth_utils.address import to_checksum_address
from tests.support.anvil import ROOT, Anvil

COMPILED: Path = ROOT / "python" / "holdfast" / "demo" / "token.json"


def deploy_token(anvil: Anvil, owner: str, decimals: int = 6, supply: int = 10**15) -> str:
    """Deploys it as anvil's own; the whole supply goes to `owner`.

    Gives its checksummed address.
    """
    constructor = encode(
        ["string", "string", "uint8", "uint256"], ["Test USD", "tUSD", decimals, supply]
    )
    code = json.loads(COMPILED.read_text())["bytecode"] + constructor.hex()
    anvil.call("anvil_impersonateAccount", owner)
    sent = anvil.call("eth_sendTransaction", {"from": owner, "data": code, "gas": hex(3_000_000)})
    anvil.call("anvil_stopImpersonatingAccount", owner)
    receipt = anvil.wait_mined(sent)
    return to_checksum_address(receipt["contractAddress"])


def transfer_data(to: str, amount: int) -> str:
    return "0xa9059cbb" + encode(["address", "uint256"], [to, amount]).hex()


def token_balance(anvil: Anvil, token: str, owner: str) -> int:
    data = "0x70a08231" + encode(["address"], [owner]).hex()
    return int(anvil.call("eth_call", {"to": token, "data": data}, "latest"), 16)
