"""Three ways to ask the guardian about the cases: its core, its command line, an agent's socket.

Each gives what became of every request in the same words, so that they can be compared.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey
from tests.support.facts import facts
from tests.support.seen import everything, see_everything
from tests.support.signed_policy import load_policy
from tests.support.threats import NOW_MS, Book, Case
from tests.support.threats_requests import Json, Request

from holdfast._core import Applied, Guard


@dataclass(frozen=True)
class Outcome:
    """What became of a request. What a way does not tell is None."""

    verdict: str
    codes: tuple[str, ...]
    detail: str | None = None
    effects: tuple[str, ...] | None = None
    warnings: tuple[str, ...] | None = None
    reserves: dict[str, str] | None = None
    request_id: str | None = field(default=None, compare=False)
    # The record of a denial kept only the first reason, effect and warning.
    is_cut: bool = field(default=False, compare=False)

    @property
    def decisive(self) -> frozenset[str]:
        """The codes that are why: the most severe of a denial, all but `granted` of another."""
        codes = self.codes[:1] if self.verdict == "deny" else self.codes
        return frozenset(codes) - {"granted"}


class Words:
    """Effects as the tables write them: `kind asset amount to [unlimited] [until seconds]`."""

    def __init__(self, book: Book) -> None:
        self._names = {address.lower(): name for name, address in book.names.items()}

    def effects(self, effects: Iterable[Json]) -> tuple[str, ...]:
        """All of them but the fee."""
        return tuple(self._effect(each) for each in effects if each["effect"] != "fee")

    def _effect(self, effect: Json) -> str:
        asset = effect.get("asset") or {}
        to = effect.get("to")
        named = self._names.get(to.lower(), to) if to else "-"
        words = [effect["effect"], asset.get("id", "-"), str(effect["amount"]), named]
        if effect["unlimited"]:
            words.append("unlimited")
        if effect["expires"] is not None:
            words += ["until", str(effect["expires"] // 1000)]
        return " ".join(words)

    def decided(self, data: Json) -> Outcome:
        """From the data of `request.decided`.

        Of a denial the record may keep the first effect and the first warning only.
        """
        left_out = data.get("left_out") or {}
        whole = not any(left_out.get(each) for each in ("effects", "reasons", "warnings"))
        return Outcome(
            verdict=data["verdict"]["tier"],
            codes=_codes(data["reasons"]),
            effects=self.effects(data["effects"]) if whole else None,
            warnings=tuple(each["code"] for each in data["warnings"]) if whole else None,
            reserves={each["limit"]: each["amount"] for each in data["reservations"]},
            request_id=data["id"],
            is_cut=not whole,
        )


def _codes(reasons: Sequence[Json]) -> tuple[str, ...]:
    """Without repetitions, in their order."""
    return tuple(dict.fromkeys(each["code"] for each in reasons))


def turned_away(answer: Json) -> Outcome:
    """From what an agent is told of a call that never became a request."""
    codes = _codes(answer.get("reasons") or [{"code": answer["code"]}])
    return Outcome("deny", codes, answer.get("detail"))


# -- The core ---------------------------------------------------------------------------------


def by_core(book: Book, policy: str) -> dict[str, Outcome]:
    """Every case by one state machine."""
    core = Core(book, policy)
    return {case.id: core.decide(case) for case in book.cases}


class Core:
    """A state machine with the policy of the tables."""

    def __init__(self, book: Book, policy: str) -> None:
        self._words = Words(book)
        genesis = {
            "origin": "holdfast/threats",
            "log_key": _hex_key(b"\x33"),
            "operators": [{"id": "op", "public_key": _hex_key(b"\x22")}],
            "version": "0",
        }
        self.guard, _ = Guard.create(json.dumps(genesis).encode(), NOW_MS)
        self._decided: dict[str, Json] = {}
        key, log_key = SigningKey(b"\x22" * 32), _hex_key(b"\x33")
        self._keep(load_policy(self.guard, policy, NOW_MS, key=key, key_id="op", log_key=log_key))
        see_everything(self.guard, 1, NOW_MS)

    def decide(self, case: Case) -> Outcome:
        """The last request of a case, after those before it."""
        for step in case.before:
            applied = self._submit(case, step)
            assert applied.status == "go", (case.id, applied.answer)
        applied = self._submit(case, case.request)
        if applied.request_id is None:
            return turned_away(json.loads(applied.answer))
        return self._words.decided(self._decided[applied.request_id])

    def views(self) -> list[Json]:
        """The view of every request that was decided."""
        raw = [self.guard.request(ident) for ident in self._decided]
        return [json.loads(each) for each in raw if each is not None]

    def _submit(self, case: Case, request: Request) -> Applied:
        params, told = request.params.encode(), facts(case.facts)
        return self._keep(self.guard.submit(case.agent, request.method, params, told, NOW_MS))

    def _keep(self, applied: Applied) -> Applied:
        for record in applied.records:
            event = json.loads(record)
            if event["kind"] == "request.decided":
                self._decided[event["data"]["id"]] = event["data"]
        return applied


def _hex_key(seed: bytes) -> str:
    return "0x" + bytes(SigningKey(seed * 32).verify_key).hex()


# -- The command line -------------------------------------------------------------------------


def by_cli(book: Book, policy: str) -> dict[str, Outcome]:
    """Every case in one run of `holdfast policy decide`.

    Limits carry over from case to case: each case with limits has an agent of its own.
    """
    with tempfile.TemporaryDirectory(prefix="hf-") as folder:
        rules, cases = Path(folder) / "policy.toml", Path(folder) / "cases.jsonl"
        rules.write_text(policy)
        code = everything(Core(book, policy).guard, NOW_MS)
        cases.write_text("".join(_line(*row, code) for row in _rows(book)))
        command = [sys.executable, "-m", "holdfast", "policy", "decide", "--stateful", "--json"]
        command += ["--policy", str(rules), "--cases", str(cases)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    outcomes = {}
    for (case, request), text in zip(_rows(book), lines, strict=True):
        outcome = _of_line(Words(book), json.loads(text))
        if request is not case.request:
            assert outcome.verdict == "instant", (case.id, text)
        outcomes[case.id] = outcome
    return outcomes


def _rows(book: Book) -> list[tuple[Case, Request]]:
    return [(case, each) for case in book.cases for each in (*case.before, case.request)]


def _line(case: Case, request: Request, code: Json) -> str:
    """The parameters as they stand: some are no JSON at all."""
    call = f'{{"method":{json.dumps(request.method)},"params":{request.params}}}'
    facts = case.facts
    if all(isinstance(each, dict) for each in facts.values()):
        facts = {**facts, "code": {**code, **facts.get("code", {})}}
    about = f'"id":{json.dumps(case.id)},"agent":"{case.agent}","at":{NOW_MS}'
    return f'{{{about},"request":{call},"facts":{json.dumps(facts)}}}\n'


def _of_line(words: Words, result: Json) -> Outcome:
    codes = _codes(result["reasons"])
    detail = None
    if codes == ("malformed",):
        detail = result["reasons"][0]["observed"].split(":")[0].split(" ")[0]
    effects = None if detail else words.effects(result["effects"])
    return Outcome(result["verdict"], codes, detail, effects)


def told(value: Any) -> str:
    """An answer as a failed test shows it."""
    return json.dumps(value)[:400]
