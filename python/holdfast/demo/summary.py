"""Compares what the sample agents were told with what the chain says, and writes the summary.

Every expectation is known beforehand: from the agents' own scripts and from `drains.toml`.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from holdfast.codes import Code
from holdfast.demo.buyer import PURCHASES
from holdfast.demo.chain import ChainError
from holdfast.demo.hijacked import load_drains
from holdfast.demo.payer import ETHER_TIP_WEI, INVOICES
from holdfast.demo.runner import SCRIPT
from holdfast.demo.scenario import Scenario
from holdfast.demo.script import UNIT

Line = dict[str, Any]
SALAMI_SLICE = 4 * UNIT


class Checks:
    """Collects what is not as expected, for one agent."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def equal(self, what: str, found: object, expected: object) -> None:
        """Notes a problem unless both are equal."""
        if found != expected:
            self.problems.append(f"{what}: expected {expected}, found {found}")


def check_payer(lines: list[Line], gained: dict[str, dict[str, int]], checks: Checks) -> None:
    """All invoices paid except the last one, which meets the limit; vendors have exactly that."""
    verdicts = {line["step"]: line["verdict"] for line in lines}
    last = f"invoice-{len(INVOICES)}"
    for step in ("ether-tip", *(f"invoice-{n + 1}" for n in range(len(INVOICES)))):
        checks.equal(step, verdicts.get(step), "denied" if step == last else "paid")
    refusals = [line["codes"] for line in lines if line["step"] == last]
    checks.equal("reason of the last", refusals and refusals[0][:1], [Code.LIMIT_EXCEEDED])
    vendors = ("vendor_a", "vendor_b", "vendor_c")
    for place, vendor in enumerate(vendors):
        due = sum(INVOICES[n] for n in range(len(INVOICES) - 1) if n % 3 == place) * UNIT
        checks.equal(f"token of {vendor}", gained[vendor]["token"], due)
    checks.equal("ether of vendor_a", gained["vendor_a"]["wei"], ETHER_TIP_WEI)


def check_buyer(lines: list[Line], gained: dict[str, dict[str, int]], checks: Checks) -> None:
    """Each purchase ended as the operator decided; the shop has exactly the approved amounts."""
    due = 0
    for step, amount, _ in PURCHASES:
        told = [line for line in lines if line["step"] == step]
        last = told[-1] if told else {"verdict": None, "codes": []}
        action = SCRIPT[amount]
        want = {"approve": "paid", "deny": "denied", "freeze": "denied"}[action]
        checks.equal(step, last["verdict"], want)
        code = {"deny": Code.DENIED_BY_OPERATOR, "freeze": Code.FROZEN}.get(action)
        if code and code not in last["codes"]:
            checks.problems.append(f"{step}: expected {code}, found {last['codes']}")
        due += amount * UNIT if action == "approve" else 0
    checks.equal("token of the shop", gained["shop"]["token"], due)


def check_hijacked(lines: list[Line], gained: dict[str, dict[str, int]], checks: Checks) -> None:
    """Every drain met its verdict and reason; the attacker has what the tip limit allows."""
    allowed = 0
    for drain in load_drains():
        told = [line for line in lines if line["step"] == drain["id"]]
        checks.equal(f"{drain['id']}: tries", len(told), drain.get("repeat", 1))
        paid = [line for line in told if line["verdict"] == "paid"]
        checks.equal(f"{drain['id']}: went through", len(paid), drain.get("paid", 0))
        allowed += drain.get("paid", 0) * SALAMI_SLICE
        for line in told:
            if line["verdict"] == "paid":
                continue
            checks.equal(drain["id"], line["verdict"], drain["verdict"])
            if drain["code"] not in line["codes"]:
                problem = f"{drain['id']}: expected {drain['code']}, found {line['codes']}"
                checks.problems.append(f"{problem} ({line['text']})")
    checks.equal("token of the attacker", gained["attacker"]["token"], allowed)
    checks.equal("ether of the attacker", gained["attacker"]["wei"], 0)
    checks.equal("token of the mixer", gained["mixer"]["token"], 0)


CHECKS = {"payer": check_payer, "buyer": check_buyer, "hijacked": check_hijacked}


def check_chain(scenario: Scenario, lines: list[Line], checks: Checks) -> list[Line]:
    """Every hash an agent was given is mined once and came from its wallet."""
    mined = []
    for line in lines:
        if line["verdict"] != "paid":
            continue
        try:
            receipt = scenario.chain.receipt(line["hash"])
        except ChainError as missing:
            checks.problems.append(f"{line['step']}: {missing}")
            continue
        checks.equal(f"{line['step']}: receipt", receipt["status"], "0x1")
        mined.append(
            {"step": line["step"], "hash": line["hash"], "block": int(receipt["blockNumber"], 16)}
        )
    checks.equal("different hashes", len({one["hash"] for one in mined}), len(mined))
    return mined


def journal_part(scenario: Scenario) -> dict[str, Any]:
    """Counts by kind, and what `journal verify` says."""
    with scenario.guardian.connect(key=False) as operator:
        kinds = Counter(event["kind"] for event in operator.events())
    code, said = scenario.guardian.verify()
    try:
        verified: Any = json.loads(said)
    except ValueError:
        verified = said
    return {
        "events": sum(kinds.values()),
        "kinds": dict(sorted(kinds.items())),
        "verify_exit": code,
        "verify": verified,
    }


def summarise(
    scenario: Scenario,
    reports: dict[str, list[Line]],
    before: dict[str, dict[str, str]],
    operator: list[dict[str, Any]],
) -> dict[str, Any]:
    """The one JSON object of the headless demo; `ok` decides the exit code."""
    after = scenario.balances()
    gained = {
        name: {unit: int(after[name][unit]) - int(before[name][unit]) for unit in ("wei", "token")}
        for name in after
    }
    agents: dict[str, Any] = {}
    mined_by_wallet: Counter[str] = Counter()
    for agent, lines in reports.items():
        checks = Checks()
        checks.equal("reached its end", bool(lines) and lines[-1]["verdict"] == "done", True)
        steps = [line for line in lines if line["verdict"] != "done"]
        CHECKS[agent](steps, gained, checks)
        mined = check_chain(scenario, steps, checks)
        wallet = scenario.script(agent).wallet
        mined_by_wallet[wallet] += len(mined)
        agents[agent] = {
            "ok": not checks.problems,
            "problems": checks.problems,
            "wallet": wallet,
            "tried": len([line for line in steps if line["verdict"] != "pending"]),
            "verdicts": dict(Counter(line["verdict"] for line in steps)),
            "steps": steps,
            "mined": mined,
        }
    overall = Checks()
    for wallet, count in mined_by_wallet.items():
        overall.equal(f"transactions of {wallet}", scenario.chain.nonce(wallet), count)
    overall.equal(
        "allowance of the attacker",
        scenario.token.allowance(scenario.cast.community, scenario.cast.attacker),
        0,
    )
    overall.equal("the attacker can pull by itself", scenario.attacker_pulls(), False)
    journal = journal_part(scenario)
    overall.equal("journal verify", journal["verify_exit"], 0)
    return {
        "ok": not overall.problems and all(one["ok"] for one in agents.values()),
        "problems": overall.problems,
        "agents": agents,
        "operator": operator,
        "chain": {
            "chain_id": 31337,
            "token": scenario.token.address,
            "symbol": scenario.token.symbol,
            "cast": scenario.cast.named(),
            "before": before,
            "after": after,
        },
        "journal": journal,
    }
