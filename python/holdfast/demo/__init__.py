"""The demonstration: a local chain, a guardian, three sample agents, and an operator.

Interactive, it opens the console and the operator is the user; headless, the operator is
a script and the end is compared with the chain.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from holdfast.demo.ending import Tally, hijacked_words
from holdfast.process import child

if TYPE_CHECKING:
    from holdfast.demo.scenario import Scenario

AGENTS = ("payer", "buyer", "hijacked")
SECONDS = 60.0
# However short a time was asked for, the script is played to its end on a slow machine.
SECONDS_MIN = 120.0
PACE_S = {"payer": 1.5, "buyer": 6.0, "hijacked": 4.0}


def run(
    *,
    home: str | Path | None = None,
    headless: bool = False,
    seconds: float = SECONDS,
    as_json: bool = False,
    theme: str | None = None,
) -> int:
    """The exit code: 0 when every agent ended as expected (headless) or the console was left.

    `home` is where the guardian's home is made and kept; by default it is temporary and removed.
    `seconds` bounds the headless run, but never below two minutes.
    """
    from holdfast.demo.scenario import Scenario

    _end_on_signals()
    with Scenario(home) as scenario:
        if not headless:
            return _interactive(scenario, theme)
        summary = play(scenario, max(seconds, SECONDS_MIN))
    if as_json:
        print(json.dumps(summary, indent=2))
    else:
        print(words(summary))
    return 0 if summary["ok"] else 1


def play(scenario: Scenario, seconds: float) -> dict[str, Any]:
    """One headless run on a scenario that stands: its summary."""
    from holdfast.demo.runner import Runner
    from holdfast.demo.summary import summarise

    started = time.monotonic()
    before = scenario.balances()
    runner = Runner(scenario.guardian.connect())
    runner.start()
    agents = {agent: scenario.start_agent(scenario.script(agent)) for agent in AGENTS}
    try:
        reports, errors = _listen(agents, started + seconds)
    finally:
        for process in agents.values():
            process.kill()
            process.wait()
        runner.finish()
    summary = summarise(scenario, reports, before, runner.done)
    if runner.failure is not None:
        summary["problems"].append(f"the operator's script failed: {runner.failure}")
        summary["ok"] = False
    for agent, said in errors.items():
        if said:
            summary["agents"][agent]["stderr"] = said[-2000:]
    summary["seconds"] = round(time.monotonic() - started, 1)
    return summary


def _listen(
    agents: dict[str, child.Popen[str]], deadline: float
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """What each agent reported until it ended or the time was up, and what it said on stderr."""
    said: dict[str, tuple[str, str]] = {}

    def collect(agent: str, process: child.Popen[str]) -> None:
        try:
            said[agent] = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
        except child.TimeoutExpired:
            process.kill()
            said[agent] = process.communicate()

    threads = [threading.Thread(target=collect, args=pair) for pair in agents.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reports = {
        agent: [json.loads(line) for line in out.splitlines()] for agent, (out, _) in said.items()
    }
    return reports, {agent: error for agent, (_, error) in said.items()}


def words(summary: dict[str, Any]) -> str:
    """The summary for people."""
    lines = []
    for agent, one in summary["agents"].items():
        told = ", ".join(f"{count} {verdict}" for verdict, count in one["verdicts"].items())
        state = "as expected" if one["ok"] else "NOT AS EXPECTED"
        lines.append(f"{agent:<10}{state}: {told}; {len(one['mined'])} mined")
        lines += [f"  {problem}" for problem in one["problems"]]
    chain = summary["chain"]
    before, after = (int(chain[when]["attacker"]["token"]) for when in ("before", "after"))
    verdicts = summary["agents"]["hijacked"]["verdicts"]
    lines.append(hijacked_words(verdicts, after - before, chain["symbol"]))
    journal = summary["journal"]
    verified = "clean" if journal["verify_exit"] == 0 else "NOT CLEAN"
    lines.append(f"{'journal':<10}{verified}: {journal['events']} events")
    lines += summary["problems"]
    return "\n".join(lines)


def _interactive(scenario: Scenario, theme: str | None) -> int:
    """Sample agents at work for ever, and the console over them."""
    from holdfast.demo.guardian import OPERATOR_PASSPHRASE

    print(
        "\n  A local chain, a guardian and three sample agents are running.\n"
        "  `payer` pays vendors, `buyer` asks you, `hijacked` has been taken over.\n\n"
        f"  The operator's passphrase, to approve, deny and thaw:  {OPERATOR_PASSPHRASE}\n"
    )
    before = scenario.balances()
    if sys.stdin.isatty():
        input("  Press Enter for the console; `?` there shows the keys, `q` leaves.\n  ")
    agents = [
        scenario.start_agent(scenario.script(agent, pace_s=PACE_S[agent], forever=True))
        for agent in AGENTS
    ]
    readers = [(Tally(process.stdout or ()), Tally(process.stderr or ())) for process in agents]
    for reader in (each for pair in readers for each in pair):
        reader.start()
    options = ["--stops-guardian", *(["--theme", theme] if theme else [])]
    # It guards nothing, and a user who tries the demo should not have to look for it.
    options += ["--unlock-hint", f"The demo's passphrase is: {OPERATOR_PASSPHRASE}"]
    command = child.own("holdfast", "console", "--home", str(scenario.guardian.home.path), *options)
    console = child.start(command, keep=child.TERMINAL, session=False, stdin=None)
    try:
        code = console.wait()
    finally:
        for process in (console, *agents):
            process.kill()
            process.wait()
    hijacked = readers[AGENTS.index("hijacked")][0]
    hijacked.join()
    print(_farewell(scenario, before, hijacked.verdicts))
    return code


def _farewell(
    scenario: Scenario, before: dict[str, dict[str, str]], verdicts: dict[str, int]
) -> str:
    """What the chain says of the time the console was open.

    Also what the hijacked agent reached, and whether the journal verifies.
    """
    after = scenario.balances()
    lines = ["", "  What the chain says, asked directly:"]
    for name, balance in after.items():
        gained = int(balance["token"]) - int(before[name]["token"])
        lines.append(f"    {name:<12}{gained / 10**6:+12,.2f} {scenario.token.symbol}")
    lost = int(after["attacker"]["token"]) - int(before["attacker"]["token"])
    lines.append(f"  {hijacked_words(verdicts, lost, scenario.token.symbol)}")
    code, _ = scenario.guardian.verify()
    lines.append(f"  The journal verifies: {'yes' if code == 0 else 'NO'}")
    return "\n".join(lines) + "\n"


def _end_on_signals() -> None:
    """A hang-up or a polite kill ends the demo as Ctrl-C does: with everything cleaned up."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, leave)
