"""What a request does in the worst case, as far as this evaluator knows requests.

It knows plain transfers, five functions of tokens, calls and contracts of which nothing is known,
messages, two documents that move value, one that takes a signature back, and documents that it
does not know. Every address is in lowercase letters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.naive.policy import Policy, Table

PRECOMPILES = 0xFFFF
METHODS = {
    "eth_sign": "personal_sign",
    "eth_signTypedData": "eth_signTypedData_v4",
    "eth_signTypedData_v3": "eth_signTypedData_v4",
    "wallet_sendCalls": "eth_sendTransaction",
}
PAY, PAY_FROM, APPROVE = "a9059cbb", "23b872dd", "095ea7b3"
INCREASE, DECREASE = "39509351", "a457c2d7"


class Refused(Exception):
    """Nothing else is looked at: the code says why."""


@dataclass(frozen=True)
class Effect:
    """One thing a signature can do. `amount` is in base units of `asset`."""

    kind: str
    to: str | None = None
    asset: str | None = None
    amount: int | None = None
    times: int = 1  # how many equal ones it stands for
    until_ms: int | None = None  # the end of a right or a document; None: no end
    sets: bool = False  # what was allowed before is replaced by it


@dataclass(frozen=True)
class Ask:
    """A request: who asks for what, of which wallet, on which chain."""

    agent: str
    method: str
    wallet: str
    chain: int
    effects: tuple[Effect, ...]
    calls: int = 1
    document: bool = False


def read(policy: Policy, agent_id: str, request: Table) -> Ask:
    """The request of a case. Raises Refused with the code of a denial."""
    agent = policy.agents.get(agent_id)
    if agent is None:
        raise Refused("agent_unknown")
    method, params = request["method"], request["params"]
    plain = str(METHODS.get(method, method))
    if plain == "personal_sign":
        wallet = _wallet(policy, agent, params[0 if method == "eth_sign" else 1])
        return Ask(agent_id, plain, wallet, agent["chain"], (Effect("message"),))
    if plain == "eth_signTypedData_v4":
        wallet = _wallet(policy, agent, params[0])
        chain = _chain(agent, int(params[1]["domain"]["chainId"]))
        signed = _document(policy, chain, wallet, params[1])
        return Ask(agent_id, plain, wallet, chain, signed, document=True)
    call = params[0]
    wallet = _wallet(policy, agent, call.get("from"))
    chain = _chain(agent, int(call["chainId"], 16) if "chainId" in call else agent["chain"])
    if method == "wallet_sendCalls":
        each = [(one, _transaction(policy, chain, wallet, one)) for one in call["calls"]]
        fees = [_fee(policy, chain, one) for one, _ in each]
        parts = [effect for _, effects in each for effect in effects]
        return Ask(agent_id, plain, wallet, chain, _merged([*parts, *fees]), calls=len(each))
    fee = _fee(policy, chain, call)
    effects = _transaction(policy, chain, wallet, call)
    return Ask(agent_id, plain, wallet, chain, _merged([*effects, fee]))


def _wallet(policy: Policy, agent: Table, named: str | None) -> str:
    own: list[str] = [policy.wallets[one] for one in agent["wallets"]]
    wallet = own[0] if named is None else named.lower()
    if wallet not in own:
        raise Refused("wallet_not_allowed")
    return wallet


def _chain(agent: Table, named: int) -> int:
    if named != agent["chain"]:
        raise Refused("chain_mismatch")
    return named


def _fee(policy: Policy, chain: int, call: Table) -> Effect:
    """The most the network fee can be, in wei."""
    caps = policy.chains[chain]
    gas = int(call["gas"], 16) if "gas" in call else caps["gas_max"]
    most, least = _wei(caps["fee_per_gas_max"]), _wei(caps.get("fee_per_gas_min", "0 wei"))
    each = int(call["maxFeePerGas"], 16) if "maxFeePerGas" in call else most
    tip = int(call.get("maxPriorityFeePerGas", "0x0"), 16)
    if gas > caps["gas_max"]:
        raise Refused("gas_over_cap")
    if each > most:
        raise Refused("fee_over_cap")
    if tip > _wei(caps["priority_fee_per_gas_max"]):
        raise Refused("tip_over_cap")
    wei = gas * max(each, least) + _wei(caps.get("l1_fee_max", "0 wei"))
    coin = policy.asset_at(chain, None)
    return Effect("fee", asset=coin["id"] if coin else None, amount=wei)


def _wei(text: str) -> int:
    number, unit = text.split(" ")
    places = {"wei": 0, "gwei": 9, "ether": 18}[unit]
    whole, _, part = number.partition(".")
    return int(whole + part.ljust(places, "0"))


def _transaction(policy: Policy, chain: int, wallet: str, call: Table) -> list[Effect]:
    value = int(call.get("value", "0x0"), 16)
    data = call.get("data", "0x")[2:]
    coin = policy.asset_at(chain, None)
    coin_id = coin["id"] if coin else None
    if call.get("to") is None:
        sent = [Effect("transfer", None, coin_id, value)] if value else []
        return [Effect("deploy"), *sent]
    to = call["to"].lower()
    token = policy.asset_at(chain, to)
    if not data:
        return [_paid(policy, chain, Effect("transfer", to, coin_id, value))]
    sent = [_paid(policy, chain, Effect("transfer", to, coin_id, value))] if value else []
    if token is None:
        return [Effect("call", to), *sent]
    return [*_of_token(policy, chain, wallet, token, data), *sent]


def _of_token(policy: Policy, chain: int, wallet: str, token: Table, data: str) -> list[Effect]:
    selector, words = data[:8], [int(data[at : at + 64], 16) for at in range(8, len(data), 64)]
    asset = token["id"]
    if selector == PAY:
        return [_paid(policy, chain, Effect("transfer", _address(words[0]), asset, words[1]))]
    if selector == PAY_FROM:
        if _address(words[0]) != wallet:
            raise Refused("not_own_funds")
        return [_paid(policy, chain, Effect("transfer", _address(words[1]), asset, words[2]))]
    if selector == APPROVE:
        kind = "allowance" if words[1] else "revoke"
        return [_taken(token, Effect(kind, _address(words[0]), asset, words[1], sets=True))]
    if selector == INCREASE:
        return [_taken(token, Effect("allowance", _address(words[0]), asset, words[1]))]
    if selector == DECREASE:
        return [Effect("revoke", _address(words[0]), asset, words[1])]
    return [Effect("call", token["address"].lower())]


def _address(word: int) -> str:
    return f"0x{word:040x}"


def _taken(token: Table, effect: Effect) -> Effect:
    """An allowance that can be used; a revoke may name any address."""
    spender = effect.to or ""
    if effect.kind == "allowance" and (
        int(spender, 16) <= PRECOMPILES or spender == token["address"].lower()
    ):
        raise Refused("recipient_forbidden")
    return effect


def _paid(policy: Policy, chain: int, effect: Effect) -> Effect:
    if effect.to is not None and (
        int(effect.to, 16) <= PRECOMPILES or policy.asset_at(chain, effect.to) is not None
    ):
        raise Refused("recipient_forbidden")
    return effect


def _document(
    policy: Policy, chain: int, wallet: str, document: dict[str, Any]
) -> tuple[Effect, ...]:
    contract = document["domain"]["verifyingContract"].lower()
    token = policy.asset_at(chain, contract)
    kind, message = document["primaryType"], document["message"]
    if token is None:
        return (Effect("typed-data", contract),)
    if kind == "TransferWithAuthorization":
        _own(wallet, message["from"])
        effect = Effect(
            "transfer",
            message["to"].lower(),
            token["id"],
            int(message["value"]),
            until_ms=int(message["validBefore"]) * 1000,
        )
        return (_paid(policy, chain, effect),)
    if kind == "CancelAuthorization":
        _own(wallet, message["authorizer"])
        return (Effect("revoke", contract, token["id"], 0),)
    if kind == "Permit":
        _own(wallet, message["owner"])
        amount = int(message["value"])
        effect = Effect(
            "allowance" if amount else "revoke",
            message["spender"].lower(),
            token["id"],
            amount,
            until_ms=int(message["deadline"]) * 1000,
        )
        return (_taken(token, effect),)
    return (Effect("typed-data", contract),)


def _own(wallet: str, owner: str) -> None:
    if owner.lower() != wallet:
        raise Refused("not_own_funds")


def _merged(effects: list[Effect]) -> tuple[Effect, ...]:
    """Equal parts are added up."""
    found: dict[tuple[str, str | None, str | None], Effect] = {}
    for one in effects:
        key = (one.kind, one.to, one.asset)
        if key not in found:
            found[key] = one
            continue
        old = found[key]
        amount = None if one.amount is None else (old.amount or 0) + one.amount
        found[key] = replace(old, amount=amount, times=old.times + one.times)
    return tuple(found.values())
