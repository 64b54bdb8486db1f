"""What alerts say: nothing of an agent's words is a link, a mention, a format or an escape."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.console import nested

from holdfast._core import display_safe
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


def _describe(kind: str, data: dict[str, Any], known: dict[str, Any] | None = None) -> Alert | None:
    return describe({"kind": kind, "data": data, "seq": 9, "at": 0, "v": 1}, lambda _: known)


@pytest.mark.parametrize("text", HOSTILE)
def test_words_of_an_agent_lose_every_mark_a_chat_acts_on(text: str, decided: Decided) -> None:
    data = decided(1, note=text, agent=text, display=[{"label": text, "value": text}])
    alert = _describe("request.decided", data)
    assert alert is not None
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


@pytest.mark.parametrize(
    ("kind", "data", "severity"),
    [
        (
            "request.decided",
            {"verdict": {"tier": "approval"}, "state": "waiting-approval"},
            Severity.ACTION,
        ),
        (
            "request.decided",
            {"verdict": {"tier": "delay"}, "state": "waiting-delay"},
            Severity.ACTION,
        ),
        ("request.decided", {"verdict": {"tier": "deny"}, "state": "denied"}, Severity.WARNING),
        (
            "request.decided",
            {"verdict": {"tier": "notify"}, "state": "authorising"},
            Severity.WARNING,
        ),
        ("request.decided", {"verdict": {"tier": "instant"}, "state": "authorising"}, None),
        ("request.denied", {"by": "policy"}, Severity.WARNING),
        ("request.denied", {"by": "operator"}, Severity.INFO),
        ("request.expired", {}, Severity.WARNING),
        ("request.settled", {"outcome": "confirmed"}, Severity.INFO),
        ("request.settled", {"outcome": "reverted"}, Severity.WARNING),
        ("request.settled", {"outcome": "cancelled"}, Severity.INFO),
        ("request.replaced", {"by": "guardian", "why": "fee"}, None),
        (
            "request.replaced",
            {
                "by": "ana",
                "why": "cancel",
                "command": "{}",
                "order": {"max_fee_per_gas": "30000000000", "nonce": 7},
            },
            Severity.INFO,
        ),
        ("request.held", {"why": "no node accepted it"}, Severity.ACTION),
        ("nonce.set", {"wallet": "0x00", "chain_id": 1, "nonce": 3}, Severity.WARNING),
        ("answers.delivered", {"ids": ["r1"]}, None),
        ("request.sent", {"outcome": "accepted"}, None),
        ("request.sent", {"outcome": "unknown"}, Severity.WARNING),
        ("request.signed", {}, None),
        ("freeze.set", {"scope": {"kind": "agent", "id": "a"}}, Severity.CRITICAL),
        ("freeze.lifted", {"freeze": 3}, Severity.CRITICAL),
        ("policy.rejected", {}, Severity.CRITICAL),
        ("clock.jumped", {"wall_ms": 1, "expected_ms": 2}, Severity.INFO),
        ("clock.set", {"to_ms": 1, "by": "operator"}, Severity.CRITICAL),
    ],
)
def test_every_event_has_its_severity(
    kind: str, data: dict[str, Any], severity: Severity | None
) -> None:
    alert = _describe(kind, data)
    assert (alert.severity if alert else None) == severity


def test_every_kind_can_be_described_with_nothing_but_an_id(decided: Decided) -> None:
    for kind in KINDS:
        _describe(kind, {"id": "r1"})
        _describe(kind, {"id": "r1"}, decided(1))


def test_an_outcome_says_what_the_request_was(decided: Decided) -> None:
    alert = _describe("request.settled", {"id": "r1", "outcome": "reverted"}, decided(1))
    assert alert is not None
    assert "shopper r1" in alert.title
    assert "12.5 USDC" in alert.body


def test_what_an_operator_puts_in_the_place_of_a_payment_is_told_with_its_fee() -> None:
    order = {"max_fee_per_gas": "30500000000", "nonce": 7}
    data = {"id": "r1", "by": "ana", "why": "cancel", "command": "{}", "order": order}
    alert = _describe("request.replaced", data)
    assert alert is not None
    assert alert.title == "Holdfast: being cancelled by ana: ? r1"
    assert "Nonce 7, fee 30.50 gwei per gas" in alert.body


def test_of_several_calls_an_alert_says_the_sums_and_the_gravest_first() -> None:
    (view,) = nested.views("multicall")
    alert = _describe("request.decided", view)
    assert alert is not None
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
    assert alert is not None
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
    assert alert is not None
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
    assert alert is not None
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
    assert alert is not None
    line = next(line for line in alert.body.split("\n") if line.startswith("Message: "))
    shown, _, mark = line.removeprefix("Message: ").partition("…")
    assert int(re.sub(r"[^0-9]", "", mark)) == 12_000 - len(shown)


@pytest.mark.parametrize("kind", ["swap", "deposit", "order", "debt", "convert", "something-new"])
def test_every_kind_of_effect_has_words(kind: str) -> None:
    (view,) = nested.views("multicall")
    alert = _describe(
        "request.decided", view | {"effects": [view["effects"][0] | {"effect": kind}]}
    )
    assert alert is not None
    assert "760 USDC" in alert.body
