"""Random requests: transactions, documents, messages and batches, and the facts around them."""

from __future__ import annotations

from random import Random

from tests.naive.times import DAY_MS, HOUR_MS
from tests.naive.world import (
    AGENTS,
    AWAY,
    CHAIN_OF,
    COINS,
    CONTRACT,
    HOME,
    LOOKS_LIKE_A_PAYEE,
    PARTIES,
    PAYEES,
    PLACES,
    TOKENS,
    UNREGISTERED,
    USD,
    WALLETS,
    Table,
    maybe,
)

DOMAIN = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
DOCUMENTS = {
    "TransferWithAuthorization": (
        ("from", "address"),
        ("to", "address"),
        ("value", "uint256"),
        ("validAfter", "uint256"),
        ("validBefore", "uint256"),
        ("nonce", "bytes32"),
    ),
    "CancelAuthorization": (("authorizer", "address"), ("nonce", "bytes32")),
    "Permit": (
        ("owner", "address"),
        ("spender", "address"),
        ("value", "uint256"),
        ("nonce", "uint256"),
        ("deadline", "uint256"),
    ),
    "Vote": (("voter", "address"), ("choice", "uint256")),
}
KINDS = (
    *("transfer",) * 6,
    *("coin",) * 3,
    *("x402",) * 3,
    "approve",
    "approve",
    "increase",
    "decrease",
    "from",
    "call",
    "paid call",
    "deploy",
    "message",
    "permit",
    "permit",
    "cancel",
    "vote",
    "batch",
    "batch",
)


def case(dice: Random, at_ms: int) -> Table:
    """One case as `policy decide` reads it."""
    agent = dice.choices([*AGENTS, "stranger"], (60, 25, 12, 3))[0]
    chain, wallets = AGENTS.get(agent, (HOME, ["treasury"]))
    wallet = WALLETS[dice.choice(wallets) if maybe(dice, 0.96) else dice.choice(list(WALLETS))]
    found: Table = {
        "agent": agent,
        "at": at_ms,
        "request": _request(dice, at_ms, chain, wallet),
    }
    facts = _facts(dice, at_ms)
    return {**found, "facts": facts} if facts else found


def about_rights(dice: Random, at_ms: int) -> Table:
    """A request that gives, replaces or takes back rights of one payee over one token."""
    wallet, token, payee = WALLETS["treasury"], TOKENS["usdc"][1], PAYEES[0]
    kind = dice.choice(("approve", "approve", "approve", "increase", "permit", "permit", "x402"))
    if kind in ("permit", "x402"):
        document = _document(dice, at_ms, kind, HOME, wallet)
        document["domain"]["verifyingContract"] = token
        document["message"]["to" if kind == "x402" else "spender"] = payee
        request = {"method": "eth_signTypedData_v4", "params": [wallet, document]}
    else:
        call = _call(dice, kind, HOME, wallet)
        selector, last = call["data"][:10], call["data"][-64:]
        call = {"to": token, "data": f"{selector}{int(payee, 16):064x}{last}"}
        request = {"method": "eth_sendTransaction", "params": [call]}
    return {"agent": "shopper", "at": at_ms, "request": request}


def _facts(dice: Random, at_ms: int) -> Table:
    facts: Table = {}
    if maybe(dice, 0.85):
        prices = {}
        for asset in PLACES:
            if maybe(dice, 0.15):
                continue
            told = [_quote(dice, asset, at_ms) for _ in range(dice.choice((1, 1, 2, 3)))]
            prices[asset] = told[0] if len(told) == 1 else told
        facts["prices"] = prices
    if maybe(dice, 0.12):
        ahead = dice.choice((61_000, HOUR_MS, DAY_MS, 2 * DAY_MS))
        facts["wall_ms"] = at_ms + dice.choice((-1, 1)) * ahead
    return facts


def _quote(dice: Random, asset: str, at_ms: int) -> Table:
    usd = (
        dice.choice(("2000", "2100.5", "1900"))
        if asset in COINS
        else dice.choice(("1", "1.01", "0.99"))
    )
    if maybe(dice, 0.02):
        usd = "0"
    ages = (0, 0, 0, 60_000, 600_000, 600_001, HOUR_MS, HOUR_MS + 1, 2 * HOUR_MS, -60_000, -60_001)
    return {"usd": usd, "at": at_ms - dice.choice(ages)}


def _request(dice: Random, at_ms: int, chain: int, wallet: str) -> Table:
    kind = dice.choice(KINDS)
    if kind == "message":
        text = "0x" + b"hello".hex()
        if maybe(dice, 0.3):
            return {"method": "eth_sign", "params": [wallet, text]}
        return {"method": "personal_sign", "params": [text, wallet]}
    if kind in ("x402", "cancel", "permit", "vote"):
        method = dice.choice(("eth_signTypedData_v4", "eth_signTypedData_v4", "eth_signTypedData"))
        named = _elsewhere(dice, chain)
        return {"method": method, "params": [wallet, _document(dice, at_ms, kind, named, wallet)]}
    if kind == "batch":
        calls = [
            _call(dice, dice.choice(KINDS[:9]), chain, wallet)
            for _ in range(dice.choice((1, 2, 2, 3)))
        ]
        if maybe(dice, 0.5):
            calls.append(dict(dice.choice(calls)))
        batch = {
            "version": "2.0.0",
            "chainId": hex(_elsewhere(dice, chain)),
            "from": wallet,
            "atomicRequired": False,
            "calls": calls,
        }
        return {"method": "wallet_sendCalls", "params": [batch]}
    call = {**_call(dice, kind, chain, wallet), **_fees(dice)}
    if maybe(dice, 0.85):
        call["from"] = wallet
    if maybe(dice, 0.2):
        call["chainId"] = hex(_elsewhere(dice, chain))
    method = "eth_signTransaction" if maybe(dice, 0.15) else "eth_sendTransaction"
    return {"method": method, "params": [call]}


def _elsewhere(dice: Random, chain: int) -> int:
    return dice.choice((HOME, AWAY, 1)) if maybe(dice, 0.04) else chain


def _fees(dice: Random) -> Table:
    fees: Table = {}
    if maybe(dice, 0.4):
        fees["gas"] = hex(dice.choice((21_000, 100_000, 500_000)))
        if maybe(dice, 0.05):
            fees["gas"] = hex(500_001)
    if maybe(dice, 0.4):
        each = dice.choice((10**8, 3 * 10**8, 5 * 10**8))
        fees["maxFeePerGas"] = hex(2 * 10**9 + 1 if maybe(dice, 0.05) else each)
        if maybe(dice, 0.5):
            fees["maxPriorityFeePerGas"] = hex(10**8 if maybe(dice, 0.95) else each)
    return fees


def amount(dice: Random, asset: str) -> int:
    """Base units at, just below or just above a threshold, or a part of one."""
    whole: int = 10 ** PLACES[asset]
    if asset in COINS:
        whole //= 2000
    usd = int(dice.choice(USD)) * whole
    kind = dice.random()
    if kind < 0.05:
        return dice.choice((0, 1))
    if kind < 0.4:
        return usd + dice.choice((-1, 0, 0, 1))
    return dice.choice((usd, usd // 2, usd // 3, usd // 10))


def _party(dice: Random) -> str:
    odd = dice.random()
    if odd < 0.03:
        return LOOKS_LIKE_A_PAYEE
    if odd < 0.04:
        return "0x" + "0" * 40
    if odd < 0.05:
        return TOKENS["usdc"][1]
    if odd < 0.07:
        return WALLETS["ops"]
    return PAYEES[0] if maybe(dice, 0.4) else dice.choice(PARTIES)


def _token(dice: Random, chain: int) -> str:
    return dice.choice([one for one, (at, _, _) in TOKENS.items() if at == chain] or ["usdc"])


def _call(dice: Random, kind: str, chain: int, wallet: str) -> Table:
    coin = next(one for one in COINS if CHAIN_OF[one] == chain)
    token = _token(dice, chain)
    if kind == "coin":
        return {"to": _party(dice), "value": hex(amount(dice, coin))}
    if kind == "call":
        return {"to": dice.choice((CONTRACT, UNREGISTERED, TOKENS[token][1])), "data": "0x12345678"}
    if kind == "paid call":
        return {"to": CONTRACT, "data": "0x12345678", "value": hex(amount(dice, coin))}
    if kind == "deploy":
        value = {"value": hex(amount(dice, coin))} if maybe(dice, 0.5) else {}
        return {"data": "0x6001600155", **value}
    if kind == "x402":
        kind = "transfer"
    selector = {
        "transfer": "a9059cbb",
        "from": "23b872dd",
        "approve": "095ea7b3",
        "increase": "39509351",
        "decrease": "a457c2d7",
    }[kind]
    words = [int(_party(dice), 16), amount(dice, token)]
    if kind == "from":
        other = WALLETS["ops"] if maybe(dice, 0.1) else wallet
        words.insert(0, int(other, 16))
    if kind == "approve" and maybe(dice, 0.2):
        words[-1] = 0
    to = UNREGISTERED if maybe(dice, 0.04) else TOKENS[token][1]
    return {"to": to, "data": f"0x{selector}" + "".join(f"{word:064x}" for word in words)}


def _document(dice: Random, at_ms: int, kind: str, chain: int, wallet: str) -> Table:
    token = _token(dice, chain)
    owner = WALLETS["ops"] if maybe(dice, 0.04) else wallet
    ends = (300_000, 300_000, HOUR_MS, HOUR_MS + 1000, 2 * HOUR_MS, -1000, 0, 1000, 3 * DAY_MS)
    until = str(max(at_ms + dice.choice(ends), 0) // 1000)
    names = {
        "x402": "TransferWithAuthorization",
        "cancel": "CancelAuthorization",
        "permit": "Permit",
        "vote": "Vote",
    }
    primary = names[kind]
    value = str(0 if maybe(dice, 0.1) else amount(dice, token))
    messages = {
        "x402": {
            "from": owner,
            "to": _party(dice),
            "value": value,
            "validAfter": "0",
            "validBefore": until,
            "nonce": "0x" + "11" * 32,
        },
        "cancel": {"authorizer": owner, "nonce": "0x" + "11" * 32},
        "permit": {
            "owner": owner,
            "spender": _party(dice),
            "value": value,
            "nonce": "0",
            "deadline": until,
        },
        "vote": {"voter": owner, "choice": "1"},
    }
    contract = CONTRACT if kind == "vote" or maybe(dice, 0.05) else TOKENS[token][1]
    return {
        "domain": {
            "name": "Token",
            "version": "1",
            "chainId": chain,
            "verifyingContract": contract,
        },
        "message": messages[kind],
        "primaryType": primary,
        "types": {
            "EIP712Domain": DOMAIN,
            primary: [{"name": name, "type": type_} for name, type_ in DOCUMENTS[primary]],
        },
    }
