"""Random policies: valid files with every table and matcher of the language."""

from __future__ import annotations

from random import Random

from tests.naive.clock import moment
from tests.naive.scope import AMOUNTS, COSTS
from tests.naive.times import DAY_MS, HOUR_MS, written
from tests.naive.world import (
    AGENTS,
    AWAY,
    COINS,
    CONTRACT,
    GROUP,
    HOME,
    LISTS,
    PARTIES,
    PAYEES,
    PLACES,
    SCHEDULES,
    SHORT,
    TOKENS,
    USD,
    WALLETS,
    ZONES,
    Raw,
    Table,
    maybe,
    some,
)

Tables = dict[str, list[Table]]
KINDS = ("transfer", "allowance", "revoke", "call", "typed-data", "message", "deploy")
METHODS = ("eth_sendTransaction", "eth_signTransaction", "personal_sign", "eth_signTypedData_v4")


def policy(dice: Random, at_ms: int) -> Tables:
    """The tables of a policy for a history that begins at about `at_ms`."""
    tables: Tables = {
        "chain": [_chain(dice, HOME), _chain(dice, AWAY)],
        "wallet": [{"id": name, "address": address} for name, address in WALLETS.items()],
        "agent": [
            {"id": name, "wallets": wallets, "chain": chain}
            for name, (chain, wallets) in AGENTS.items()
        ],
        "asset": _assets(dice),
        "list": [_list(dice, name, at_ms) for name in LISTS],
        "contract": [],
        "schedule": [_schedule(dice, name, at_ms) for name in SCHEDULES],
    }
    if maybe(dice, 0.4):
        tables["contract"] = [
            {
                "id": "venue",
                "chain": HOME,
                "address": CONTRACT,
                "protocol": "unknown",
                "tags": some(dice, LISTS, 2),
            }
        ]
    known = [one["id"] for one in tables["asset"]]
    tables["rule"] = [_rule(dice, number, known, at_ms) for number in range(dice.randint(1, 5))]
    if maybe(dice, 0.8):
        tables["rule"].append(_open_rule(dice))
    forbids, reviews = dice.choice((0, 0, 0, 1, 2)), dice.choice((0, 0, 1, 2))
    tables["forbid"] = [forbid(dice, number, known, at_ms) for number in range(forbids)]
    tables["review"] = [review(dice, number, known, at_ms) for number in range(reviews)]
    tables["limit"] = [limit(dice, number, known) for number in range(dice.randint(0, 4))]
    return tables


def with_rights(dice: Random, tables: Tables) -> Tables:
    """The same about rights that stand: they are granted, and limited."""
    standing: Table = {
        "id": "standing",
        "per": dice.choice(("agent", "wallet", "recipient", "global")),
        "measure": dice.choice(("usd", "amount", "count")),
        "assets": ["usdc"],
        "window": "standing",
        "on_exceed": dice.choice(("deny", "approval", "notify")),
    }
    standing["max"] = dice.choice((1, 2, 3)) if standing["measure"] == "count" else dice.choice(USD)
    rule = {"id": "rights", "effects": list(KINDS), "tier": "instant"}
    return {
        **tables,
        "rule": [*tables["rule"], rule],
        "forbid": [],
        "limit": [standing, *tables["limit"][:1]],
    }


def _chain(dice: Random, chain: int) -> Table:
    table: Table = {
        "id": chain,
        "name": f"chain {chain}",
        "gas_max": 500_000,
        "fee_per_gas_max": dice.choice(("2 gwei", "0.5 gwei")),
        "priority_fee_per_gas_max": dice.choice(("0.5 gwei", "100000000 wei")),
    }
    if maybe(dice, 0.2):
        table["fee_per_gas_min"] = "0.25 gwei"
    if maybe(dice, 0.2):
        table["l1_fee_max"] = "0.001 ether"
    return table


def _assets(dice: Random) -> list[Table]:
    grouped = maybe(dice, 0.5)
    found = []
    for name in PLACES:
        if name in COINS and maybe(dice, 0.1):
            continue
        table: Table = {"id": name, "symbol": name.upper(), "decimals": PLACES[name]}
        if name in COINS:
            table |= {"chain": COINS[name], "native": True}
        else:
            chain, address, _ = TOKENS[name]
            table |= {"chain": chain, "address": address}
        if maybe(dice, 0.7):
            table["price_usd"] = dice.choice(("2000", "1999.99")) if name in COINS else "1"
        else:
            if maybe(dice, 0.5):
                table["price_max_age"] = dice.choice(("10m", "1h", "2h"))
            if maybe(dice, 0.3):
                table["price_sources_min"] = 2
        if grouped and name in GROUP:
            table["group"] = "stable"
        found.append(table)
    return found


def _list(dice: Random, name: str, at_ms: int) -> Table:
    table: Table = {"id": name, **_caps(dice, 0.1)}
    entries = []
    for address in some(dice, PARTIES, 4) if maybe(dice, 0.9) else []:
        entry: Table = {"address": address, **_caps(dice, 0.08)}
        if maybe(dice, 0.2):
            entry["chain"] = dice.choice((HOME, AWAY))
        if maybe(dice, 0.25):
            entry["expires"] = Raw(written(at_ms + dice.choice((0, HOUR_MS, DAY_MS, 3 * DAY_MS))))
        if maybe(dice, 0.2):
            entry["tags"] = some(dice, [one for one in LISTS if one != name], 2)
        entries.append(entry)
    return {**table, "entry": entries}


def _caps(dice: Random, chance: float) -> Table:
    keys = ("payment_usd_max", "day_usd_max", "month_usd_max", "total_usd_max")
    return {key: dice.choice(USD) for key in keys if maybe(dice, chance)}


def _schedule(dice: Random, name: str, at_ms: int) -> Table:
    table: Table = {"id": name, "zone": dice.choice(ZONES)}
    if maybe(dice, 0.6):
        table["days"] = some(dice, ("mon-fri", "sat", "sun", "fri-mon", "wed", "sat-sun"), 2)
    if maybe(dice, 0.8):
        hours = ("09:00-17:00", "22:00-06:00", "00:00-12:00", "02:30-03:30", "18:00-24:00")
        table["hours"] = some(dice, (*hours, "01:00-02:00", "23:30-00:30"), 2)
    if maybe(dice, 0.3):
        days = {moment(at_ms + days * DAY_MS).date().isoformat() for days in range(-1, 3)}
        table["except"] = [Raw(day) for day in some(dice, sorted(days), 2)]
    return table


def matchers(dice: Random, known: list[str], at_ms: int, chance: float) -> Table:
    """Random matchers of a rule, a forbid or a review, `effects` among them."""
    kinds = some(dice, KINDS, 3) if maybe(dice, chance) else []
    table: Table = {"effects": kinds} if kinds else {}
    table |= common(dice, known)
    if maybe(dice, 0.15):
        table[dice.choice(("during", "not_during"))] = some(dice, SCHEDULES, 2)
    if maybe(dice, 0.08):
        table["expires"] = Raw(written(at_ms + dice.choice((0, HOUR_MS, DAY_MS))))
    if maybe(dice, 0.12):
        table[dice.choice(("new_payee", "known_payee"))] = dice.choice(("1h", "24h", "30d"))
    if maybe(dice, 0.06):
        key = dice.choice(("deadline_within", "deadline_beyond"))
        table[key] = dice.choice(("1m", "10m", "1h", "1d"))
    if set(kinds) <= set(AMOUNTS) and maybe(dice, 0.5):
        table |= _amounts(dice, known, table)
    return table


def common(dice: Random, known: list[str]) -> Table:
    """Matchers that limits have too."""
    table: Table = {}
    if maybe(dice, 0.2):
        table["agents"] = some(dice, AGENTS, 2)
    if maybe(dice, 0.12):
        table["wallets"] = some(dice, WALLETS, 2)
    if maybe(dice, 0.12):
        table["chains"] = some(dice, (HOME, AWAY), 2)
    if maybe(dice, 0.12):
        table["methods"] = some(dice, METHODS, 3)
    if maybe(dice, 0.25):
        table["assets"] = some(dice, known, 3)
    for key in ("to", "not_to"):
        if maybe(dice, 0.2):
            table[key] = [
                f"@{dice.choice(LISTS)}" if maybe(dice, 0.7) else address
                for address in some(dice, PAYEES, 2)
            ]
            table[key] = list(dict.fromkeys(table[key]))
    return table


def _amounts(dice: Random, known: list[str], table: Table) -> Table:
    low, high = sorted(dice.sample(range(len(USD)), 2))
    both = dice.random()
    prefix = "usd"
    if maybe(dice, 0.5):
        table["assets"] = [dice.choice([one for one in known if one not in COINS])]
        prefix = "amount"
    found = {}
    if both < 0.7:
        found[f"{prefix}_max"] = USD[high]
    if both > 0.5:
        found[f"{prefix}_above"] = USD[low]
    return found


def _tier(dice: Random, tiers: tuple[str, ...]) -> Table:
    table: Table = {"tier": dice.choice(tiers)}
    if table["tier"] == "delay":
        table["delay"] = dice.choice(("180s", "1h"))
    if table["tier"] == "approval" and maybe(dice, 0.5):
        table |= {"quorum": dice.choice((1, 2, 3)), "timeout": dice.choice(("10m", "30m", "2h"))}
    return table


def _rule(dice: Random, number: int, known: list[str], at_ms: int) -> Table:
    tiers = ("instant", "instant", "notify", "delay", "approval")
    return {"id": f"rule-{number}", **matchers(dice, known, at_ms, 1), **_tier(dice, tiers)}


def _open_rule(dice: Random) -> Table:
    table: Table = {"id": "open", "effects": list(KINDS), "tier": "instant"}
    if maybe(dice, 0.3):
        table["effects"] = ["transfer", "allowance"]
        table["usd_max"] = dice.choice(USD)
    return table


def forbid(dice: Random, number: int, known: list[str], at_ms: int) -> Table:
    """A forbid, which rarely is about everything."""
    return {"id": f"forbid-{number}", **matchers(dice, known, at_ms, 0.75)}


def review(dice: Random, number: int, known: list[str], at_ms: int) -> Table:
    """A review of anything."""
    found = matchers(dice, known, at_ms, 0.8)
    return {"id": f"review-{number}", **found, **_tier(dice, ("notify", "delay", "approval"))}


def limit(dice: Random, number: int, known: list[str]) -> Table:
    """A limit of any measure over any window."""
    measure = dice.choice(("usd", "usd", "usd", "amount", "count", "recipients"))
    window = dice.choice(("day", "week", "month", "lifetime", "standing", *SHORT, *SHORT))
    per = dice.choice(("agent", "wallet", "recipient", "global"))
    if measure == "recipients":
        window = "24h" if window == "standing" else window
        per = "global" if per == "recipient" else per
    table: Table = {"id": f"limit-{number}", "per": per, "measure": measure, "window": window}
    table |= common(dice, known)
    if measure == "amount":
        table["assets"] = [dice.choice(known)]
    if window in ("day", "week", "month"):
        table["zone"] = dice.choice(ZONES)
    kinds: tuple[str, ...] = (*COSTS, "fee")
    if window == "standing":
        kinds = ("transfer", "allowance", "order")
    elif measure in ("count", "recipients"):
        kinds = (*KINDS, "fee")
    if maybe(dice, 0.5):
        table["effects"] = some(dice, kinds, 3)
        if maybe(dice, 0.5) and "transfer" not in table["effects"]:
            table["effects"].append("transfer")
    table["max"] = (
        dice.choice((1, 2, 3, 5)) if measure in ("count", "recipients") else dice.choice(USD)
    )
    if measure == "amount" and table["assets"][0] in COINS:
        table["max"] = dice.choice(("0.01", "0.05", "1"))
    table["on_exceed"] = dice.choice(("deny", "approval", "delay", "notify", "freeze"))
    if table["on_exceed"] == "delay":
        table["delay"] = dice.choice(("180s", "2h"))
    if maybe(dice, 0.3):
        table["warn_percent"] = dice.choice((1, 33, 50, 80, 99))
    return table
