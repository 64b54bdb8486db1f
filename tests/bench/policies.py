"""The policy and requests of the benchmarks: rules, a list of addresses, five windows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from eth_utils.address import to_checksum_address

CHAIN = 31337
TOKEN = to_checksum_address("0x5fbdb2315678afecb367f032d93f642f64180aa3")
WALLET = to_checksum_address("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266")
PRICED = (
    '[[asset]]\nid = "{id}"\nchain = 31337\n{where}\ndecimals = {decimals}\n'
    'symbol = "{symbol}"\nprice_usd = "{usd}"\n'
)


def vendor(number: int) -> str:
    """The `number`th address of the list, checksummed; the same in every run."""
    return to_checksum_address(hashlib.sha256(b"vendor %d" % number).digest()[:20])


def transfer_data(to: str, amount: int) -> str:
    """ERC-20 `transfer` calldata."""
    return f"0xa9059cbb{int(to, 16):064x}{amount:064x}"


def transfer_params(to: str, amount: int, token: str = TOKEN, wallet: str = WALLET) -> bytes:
    """`params` of an `eth_sendTransaction` as a client writes them."""
    call = {"from": wallet, "to": token, "data": transfer_data(to, amount), "gas": "0x186a0"}
    return json.dumps([call], separators=(",", ":")).encode()


def _rules(count: int, agents: Sequence[str]) -> list[str]:
    """`count` rules; the first matches the benchmark's payments.

    The others are of other agents, assets, effects and recipients, as in a policy that grew.
    """
    named = ", ".join(f'"{agent}"' for agent in agents)
    out = [
        (
            f'[[rule]]\nid = "pay"\nagents = [{named}]\neffects = ["transfer"]\nassets = ["usd"]\n'
            'to = ["@vendors"]\namount_max = "1000000"\ntier = "instant"\n'
        )
    ]
    for number in range(1, count):
        effect = ("allowance", "transfer", "message", "call")[number % 4]
        agent = f"other-{number % 40}"
        head = f'[[rule]]\nid = "rule-{number}"\nagents = ["{agent}"]\neffects = ["{effect}"]\n'
        aim = f'to = ["{vendor(number % 10_000)}"]\n' if effect != "message" else ""
        out.append(head + aim + 'tier = "approval"\n')
    return out


def _limits(spent_out: bool) -> list[str]:
    """Five windows over every payment; with `spent_out` the first one is full from the start."""
    spec = [
        ("agent-day", "agent", "usd", '"0.000001"' if spent_out else '"1000000000000"', "24h"),
        ("wallet-month", "wallet", "amount", '"1000000000000"', "30d"),
        ("agent-minute", "agent", "count", "1000000000", "1m"),
        ("recipient-day", "recipient", "usd", '"1000000000000"', "24h"),
        ("all-month", "global", "usd", '"1000000000000"', "30d"),
    ]
    return [
        f'[[limit]]\nid = "{id_}"\nper = "{per}"\neffects = ["transfer"]\nassets = ["usd"]\n'
        f'measure = "{measure}"\nmax = {most}\nwindow = "{window}"\non_exceed = "deny"\n'
        for id_, per, measure, most, window in spec
    ]


def bench_policy(
    *,
    rules: int = 20,
    addresses: int = 10_000,
    agents: Sequence[str] = ("load",),
    public_key: str | None = None,
    spent_out: bool = False,
    wallet: str = WALLET,
    token: str = TOKEN,
) -> str:
    """A whole policy file. Agents named beside `agents` in rules exist too (`other-N`)."""
    out = [
        'version = 1\nname = "bench"\n',
        (
            '[[chain]]\nid = 31337\nname = "local"\ngas_max = 500_000\n'
            'fee_per_gas_max = "100 gwei"\npriority_fee_per_gas_max = "5 gwei"\n'
        ),
        f'[[wallet]]\nid = "hot"\naddress = "{wallet}"\n',
    ]
    others = [f"other-{number}" for number in range(min(40, rules - 1) + 1)]
    for agent in (*agents, *others):
        key = f'public_key = "{public_key}"\n' if public_key and agent in agents else ""
        out.append(
            f'[[agent]]\nid = "{agent}"\nwallets = ["hot"]\nchain = 31337\n{key}'
            "requests_per_minute = 100000000\nconnections_max = 128\n"
        )
    out.append(
        PRICED.format(id="eth", where="native = true", decimals=18, symbol="ETH", usd="3000")
    )
    out.append(
        PRICED.format(id="usd", where=f'address = "{token}"', decimals=6, symbol="USD", usd="1")
    )
    out.append('[[list]]\nid = "vendors"\n')
    out += [f'[[list.entry]]\naddress = "{vendor(number)}"\n' for number in range(addresses)]
    return "\n".join(out + _rules(rules, agents) + _limits(spent_out))
