"""What alerts say: nothing of an agent's words is a link, a mention, a format or an escape."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.console import nested
from tests.service.alerts.conftest import whole_record

from holdfast._core import SEVERITIES, display_safe, event_severity
from holdfast.service.alerts.routes import Severity
from holdfast.service.alerts.text import KINDS, Alert, describe, plain

Decided = Callable[..., dict[str, Any]]

HOSTILE = [
    "@everyone look",
    "<!channel> <@U123>",
    "https://evil.example/claim?x=1",
    "evil.example",
    "[free money](http://evil.example)",
    "**bold** _it_ `code` ~~x~~ ||spoiler||",
    "<b>html</b> &lt;",
    "line one\nApproved by: operator",
    "\x1b[2Jgone\x07\x9b31m",
    "\u202egnp.exe\u200b\u2066",
    "# heading",
    "xn--80ak6aa92e.com",
    "a" * 5_000,
]


def _describe(kind: str, data: dict[str, Any], known: dict[str, Any] | None = None) -> Alert:
    record = {"kind": kind, "data": data, "seq": 9, "at": 0, "v": 4}
    return describe(record, Severity.INFO, lambda _: known)


@pytest.mark.parametrize("text", HOSTILE)
def test_words_of_an_agent_lose_every_mark_a_chat_acts_on(text: str, decided: Decided) -> None:
    data = decided(1, note=text, agent=text, display=[{"label": text, "value": text}])
    alert = _describe("request.decided", data)
    for part in (alert.title, *alert.body.split("\n")):
        assert part.isprintable()
        assert not re.search(r"[@<>\[\]{}*_`~|#\\]|://", part)
        assert not re.search(r"[a-z]\.[a-z]", part)
        assert len(part) < 500
    assert "\n" not in alert.title
    assert "\nApproved by" not in alert.body


def test_numbers_and_addresses_stay_readable() -> None:
    said = "12.5 USDC to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8, $1,250.50"
    assert plain(said) == said


SIGNED = {"command": "{}", "signature": "0x"}
BY = {"by": "operator", **SIGNED}
ONE = {"id": "r1"}
HASH = "0x" + "11" * 32
VERDICTS = [
    ({"tier": "approval", "quorum": 1, "timeout_ms": 1}, "waiting-approval", "action"),
    ({"tier": "delay", "delay_ms": 1}, "waiting-delay", "action"),
    ({"tier": "deny"}, "denied", "warning"),
    ({"tier": "notify"}, "authorising", "warning"),
    ({"tier": "instant"}, "authorising", None),
]
SEVERITY = [
    ("guardian.started", {"version": "1"}, "info"),
    ("guardian.stopped", {}, "warning"),
    ("request.refused", {"agent": "a", "code": "malformed", "method": "m", "path": "",
                         "sha256": HASH, "text": ""}, "warning"),
    ("request.denied", {**ONE, "by": "policy", "reasons": []}, "warning"),
    ("request.denied", {**ONE, **BY, "reasons": []}, "info"),
    ("request.approved", {**ONE, **BY, "approvals": 1, "quorum": 1}, "info"),
    ("request.expired", ONE, "warning"),
    ("request.matured", ONE, None),
    ("request.cancelled", {**ONE, "by": "agent", "why": ""}, "info"),
    ("request.reopened", {**ONE, "why": ""}, None),
    ("request.failed", {**ONE, "code": "would_fail", "text": ""}, "warning"),
    ("request.failed", {**ONE, "code": "would_differ", "text": ""}, "critical"),
    ("request.signed", {**ONE, "hash": HASH, "raw": "0x"}, None),
    ("request.sent", {**ONE, "outcome": "accepted", "text": ""}, None),
    ("request.sent", {**ONE, "outcome": "known", "text": ""}, None),
    ("request.sent", {**ONE, "outcome": "rejected", "text": ""}, "warning"),
    ("request.sent", {**ONE, "outcome": "unknown", "text": ""}, "warning"),
    ("request.settled", {**ONE, "outcome": "confirmed", "proved": True}, "info"),
    ("request.settled", {**ONE, "outcome": "cancelled", "proved": True}, "info"),
    ("request.settled", {**ONE, "outcome": "reverted", "proved": True}, "warning"),
    ("request.settled", {**ONE, "outcome": "dropped", "proved": True}, "warning"),
    ("request.held", {**ONE, "why": "no node accepted it"}, "action"),
    ("request.pending", ONE, None),
    ("request.delivered", ONE, None),
    ("answers.delivered", {"ids": ["r1"]}, None),
    ("nonce.set", {**BY, "wallet": nested.WALLET, "chain_id": 1, "nonce": 3}, "warning"),
    ("freeze.set", {"actor": "a", "ended": [], "freeze": 9, "held": [], "reason": "",
                    "scope": {"kind": "agent", "id": "a"}}, "critical"),
    ("freeze.lifted", {**BY, "freeze": 3}, "critical"),
    ("policy.rejected", {"by": "file", "digest": HASH, "error": ""}, "critical"),
    ("clock.jumped", {"wall_ms": 1, "expected_ms": 2}, "info"),
    ("clock.set", {**BY, "to_ms": 1}, "critical"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data", "severity"), SEVERITY)
def test_every_event_has_its_severity(
    kind: str, data: dict[str, Any], severity: str | None
) -> None:
    assert event_severity(whole_record(9, kind, data)) == severity
    if severity is not None:
        assert kind in KINDS, "what matters has words"


@pytest.mark.parametrize(("verdict", "state", "severity"), VERDICTS)
def test_a_decision_matters_by_what_it_leads_to(
    decided: Decided, verdict: dict[str, Any], state: str, severity: str | None
) -> None:
    record = whole_record(1, "request.decided", decided(1, verdict=verdict, state=state))
    assert event_severity(record) == severity


def test_what_an_operator_replaces_matters_and_what_the_guardian_does_not() -> None:
    order = {
        "chain_id": 1, "data": "0x", "gas": 1, "kind": "transaction", "max_fee_per_gas": "1",
        "max_priority_fee_per_gas": "1", "nonce": 7, "to": nested.WALLET, "value": "0",
        "wallet": nested.WALLET,
    }  # fmt: skip
    data = {**ONE, "by": "guardian", "digest": HASH, "order": order, "why": "fee"}
    assert event_severity(whole_record(9, "request.replaced", data)) is None
    assert event_severity(whole_record(9, "request.replaced", data | BY)) == "info"


def test_alerts_and_the_core_have_the_same_severities() -> None:
    assert tuple(each.word for each in Severity) == SEVERITIES


def test_every_kind_can_be_described_with_little_more_than_an_id(decided: Decided) -> None:
    order = {"max_fee_per_gas": "30500000000", "nonce": 7}
    for kind in KINDS:
        _describe(kind, {"id": "r1", "order": order})
        _describe(kind, {"id": "r1", "order": order}, decided(1))


def test_an_outcome_says_what_the_request_was(decided: Decided) -> None:
    alert = _describe("request.settled", {"id": "r1", "outcome": "reverted"}, decided(1))
    assert "shopper r1" in alert.title
    assert "12.5 USDC" in alert.body


def test_what_an_operator_puts_in_the_place_of_a_payment_is_told_with_its_fee() -> None:
    order = {"max_fee_per_gas": "30500000000", "nonce": 7}
    data = {"id": "r1", "by": "ana", "why": "cancel", "command": "{}", "order": order}
    alert = _describe("request.replaced", data)
    assert alert.title == "Holdfast: being cancelled by ana: ? r1"
    assert "Nonce 7, fee 30.50 gwei per gas" in alert.body


def test_of_several_calls_an_alert_says_the_sums_and_the_gravest_first() -> None:
    (view,) = nested.views("multicall")
    alert = _describe("request.decided", view)
    lines = alert.body.split("\n")
    assert lines[0].startswith("Warning: the allowance has no practical limit")
    assert lines[1:7] == [
        "In all: UNLIMITED BAYC (ERC-721) + 800 USDC + 1 more to 3 parties, 2 of them on no list",
        f"Most: UNLIMITED BAYC (ERC-721) + 300 DAI to {nested.STRANGER} (on no list)",
        f"Allowance UNLIMITED BAYC (ERC-721): {nested.STRANGER}",
        f"Pay 760 USDC: {nested.VENDOR} (Acme data)",
        f"Pay 40 USDC: {nested.SHOP}",
        f"Allowance 300 DAI: {nested.STRANGER}",
    ]


def test_an_alert_of_many_calls_stays_short() -> None:
    (view,) = nested.views("multicall")
    effect = view["effects"][0]
    many = [effect | {"to": f"0x{number:040x}"} for number in range(500)]
    control = effect | {"effect": "control", "asset": None, "amount": "0"}
    alert = _describe("request.decided", view | {"effects": [*many, control], "summary": None})
    lines = alert.body.split("\n")
    assert lines[1].startswith("In all: 380,000 USDC +control to 501 parties")
    assert lines[2] == f"Control: {nested.VENDOR}"
    told = [line for line in lines if line.startswith(("Control: ", "Pay "))]
    assert f"and {501 - len(told)} more lines" in lines, "the count is of all that is not there"
    assert len(lines) <= 12


def test_warnings_an_alert_has_no_room_for_are_counted() -> None:
    (view,) = nested.views("multicall")
    warnings = [{"code": f"code_{number}", "text": f"text {number}"} for number in range(5)]
    alert = _describe("request.decided", view | {"warnings": warnings})
    lines = alert.body.split("\n")
    assert lines[:3] == ["Warning: text 0", "Warning: text 1", "and 3 more warnings"]


def test_an_alert_of_what_was_kept_in_part_counts_what_was_not_kept() -> None:
    """Of a denied request the journal keeps the beginning; an alert cuts that once more."""
    (view,) = nested.views("multicall")
    rows = [{"label": "To", "value": f"party {number}"} for number in range(20)]
    left_out = {"display": 400, "effects": 97, "reasons": 3, "warnings": 5}
    kept = {"display": rows, "effects": view["effects"][:1], "left_out": left_out}
    reasons = [{"code": "forbidden", "rule": f"rule-{number}"} for number in range(8)]
    alert = _describe("request.decided", view | kept | {"reasons": reasons, "state": "denied"})
    lines = alert.body.split("\n")
    warnings = len(view["warnings"])
    assert lines[0].endswith("(rule-5) and 5 more")
    assert f"and {warnings - 2 + 5} more warnings" in lines or warnings < 2
    assert any(line.startswith("In all: ") and "97 more effects" in line for line in lines)
    shown = sum(line.startswith("To: party") for line in lines)
    assert f"and {420 - shown} more lines" in lines
    assert len(lines) <= 12


def test_a_text_that_an_alert_cuts_again_says_all_that_is_hidden(decided: Decided) -> None:
    core_cut = display_safe("x" * 12_000, 8_192)
    display = [{"label": "Message", "value": core_cut}]
    alert = _describe("request.decided", decided(1, display=display))
    line = next(line for line in alert.body.split("\n") if line.startswith("Message: "))
    shown, _, mark = line.removeprefix("Message: ").partition("…")
    assert int(re.sub(r"[^0-9]", "", mark)) == 12_000 - len(shown)


@pytest.mark.parametrize("kind", ["swap", "deposit", "order", "debt", "convert", "something-new"])
def test_every_kind_of_effect_has_words(kind: str) -> None:
    (view,) = nested.views("multicall")
    alert = _describe(
        "request.decided", view | {"effects": [view["effects"][0] | {"effect": kind}]}
    )
    assert "760 USDC" in alert.body
