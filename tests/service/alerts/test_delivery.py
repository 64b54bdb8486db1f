"""Alerts over real HTTP and SMTP: each event arrives, also after failures, crashes and restarts."""

import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.service.alerts.conftest import Events
from tests.service.alerts.receivers import HttpReceiver, SmtpReceiver

from holdfast.service.alerts.outbox import MINUTE_MS, Entry, Outbox
from holdfast.service.alerts.routes import Route, Severity
from holdfast.service.alerts.text import Alert

Decided = Callable[..., dict[str, Any]]
FROZEN = {
    "scope": {"kind": "everything"},
    "reason": "drill",
    "actor": "root",
    "ended": [],
    "held": [],
}


def test_an_event_arrives_once_at_every_route_that_takes_it(
    events: Events, http: HttpReceiver, smtp: SmtpReceiver, decided: Decided
) -> None:
    events.start(Route("web", http.url), Route("mail", smtp.url))
    events.add("request.decided", **decided(events.size))
    for arrivals in (http.arrivals, smtp.arrivals):
        (one,) = arrivals.wait_for(1)
        assert one["title"] == "Holdfast: approval needed: shopper r1"
        assert "Pay: 12.5 USDC to Acme data" in one["body"]
        assert "event 1" in one["body"]
    events.add("freeze.set", **FROZEN)
    http.arrivals.wait_for(2)
    assert smtp.arrivals.wait_for(2)[1]["title"] == "Holdfast: frozen: everything"
    assert len(http.arrivals.items) == 2


def test_a_receiver_that_was_down_gets_what_it_missed(
    events: Events, http: HttpReceiver, decided: Decided
) -> None:
    http.status = 503
    alerts = events.start(Route("web", http.url))
    events.add("request.decided", **decided(1))
    http.arrivals.wait(lambda here: here.attempts >= 3)
    (failed,) = alerts.report()["failed"]
    assert failed["route"] == "web"
    assert failed["tries"] >= 1
    assert "503" in failed["error"]
    assert alerts.health()["last_error"]
    http.status = 200
    http.arrivals.wait_for(1)
    assert len(http.arrivals.items) == 1


def test_a_route_that_fails_keeps_no_other_waiting(
    events: Events, http: HttpReceiver, second_http: HttpReceiver, decided: Decided
) -> None:
    http.status = 500
    events.start(Route("broken", http.url), Route("fine", second_http.url), retry_first_ms=60_000)
    for _ in range(3):
        events.add("request.decided", **decided(events.size))
    assert len(second_http.arrivals.wait_for(3)) == 3


def test_what_waits_survives_a_restart_and_new_events_are_not_missed(
    events: Events, http: HttpReceiver, decided: Decided
) -> None:
    http.status = 503
    route = Route("web", http.url)
    events.start(route, retry_first_ms=1)
    events.add("request.decided", **decided(1))
    http.arrivals.wait(lambda here: here.attempts >= 1)
    events.stop()
    events.add("request.decided", **decided(2, agent="second"))
    http.status = 200
    events.start(route)
    titles = [item["title"] for item in http.arrivals.wait_for(2)]
    assert sorted(titles) == [
        "Holdfast: approval needed: second r2",
        "Holdfast: approval needed: shopper r1",
    ]


def test_a_kill_at_any_moment_loses_no_alert(events: Events, http: HttpReceiver) -> None:
    """A process that reads and sends is killed over and over while events are added."""
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from holdfast.service.alerts.reader import Alerts
        from holdfast.service.alerts.routes import Route
        from holdfast.service.journal.open import open_reader
        folder, url = Path(sys.argv[1]), sys.argv[2]
        reader = open_reader(folder / "journal.sqlite")
        alerts = Alerts([Route("web", url, per_minute=1000)], folder / "outbox.sqlite", reader)
        alerts.start(1)
        while True:
            alerts.more()
            time.sleep(0.01)
        """
    )
    command = [sys.executable, "-c", program, str(events.path.parent), http.url]
    wanted = set()
    for lifetime in range(4):
        for _ in range(5):
            wanted.add(f"event {events.add('clock.set', to_ms=9_000, by='operator')}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            try:
                if lifetime < 3:
                    seen = http.arrivals.attempts
                    http.arrivals.wait(lambda here, seen=seen: here.attempts > seen)
                else:
                    http.arrivals.wait(lambda here: wanted <= {_event(item) for item in here.items})
            finally:
                child.send_signal(signal.SIGKILL)
    assert {_event(item) for item in http.arrivals.items} == wanted


def _event(item: dict[str, str]) -> str:
    return item["body"].rsplit(", ", 1)[1]


def test_a_flood_becomes_one_summary_and_critical_news_pass_it(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    route = Route("web", "json://127.0.0.1", per_minute=3)
    outbox.positions([route], 0)
    flood = [
        Entry(route, str(seq), Alert(Severity.WARNING, f"denied r{seq}", "x")) for seq in range(500)
    ]
    now = 10 * MINUTE_MS
    outbox.add(flood, {"web": 500}, now)
    outbox.add([Entry(route, "500", Alert(Severity.CRITICAL, "frozen", "x"))], {"web": 501}, now)
    first = outbox.due("web", now)
    assert first is not None
    assert first.title == "frozen"
    assert outbox.report()["pending"] == 4
    assert outbox.unfold(now + 1) == now + MINUTE_MS
    assert outbox.unfold(now + MINUTE_MS) is None
    titles = []
    while message := outbox.due("web", now + MINUTE_MS):
        titles.append(message.title)
        outbox.delivered(message)
    assert titles == [
        "frozen",
        "denied r0",
        "denied r1",
        "denied r2",
        "Holdfast: 497 more alerts",
    ]
    outbox.close()


def test_the_same_event_is_never_queued_twice_for_a_route(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    route = Route("web", "json://127.0.0.1")
    outbox.positions([route], 0)
    entry = Entry(route, "7", Alert(Severity.WARNING, "denied", "x"))
    outbox.add([entry], {"web": 8}, 1_000)
    outbox.add([entry], {"web": 8}, 2_000)
    assert outbox.report()["pending"] == 1
    outbox.close()


def test_a_new_route_hears_only_what_comes_after_it(events: Events, http: HttpReceiver) -> None:
    events.add("clock.set", to_ms=9_000, by="operator")
    events.start(Route("web", http.url))
    events.add("freeze.set", **FROZEN)
    (one,) = http.arrivals.wait_for(1)
    assert one["title"] == "Holdfast: frozen: everything"


def test_a_seal_is_told_even_when_the_outbox_cannot_be_written(
    events: Events, http: HttpReceiver
) -> None:
    alerts = events.start(Route("web", http.url, min_severity=Severity.CRITICAL))
    blocker = sqlite3.connect(events.outbox, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    try:
        alerts.sealed("disk full")
        (one,) = http.arrivals.wait_for(1)
    finally:
        blocker.close()
    assert "sealed" in one["title"]
    assert "disk full" in one["body"]


def test_a_redirect_does_not_carry_a_message_elsewhere(
    events: Events, http: HttpReceiver, second_http: HttpReceiver
) -> None:
    http.status = 307
    http.redirect_to = f"http://127.0.0.1:{second_http.port}/"
    alerts = events.start(Route("web", http.url))
    events.add("freeze.set", **FROZEN)
    http.arrivals.wait(lambda here: here.attempts >= 2)
    assert second_http.arrivals.attempts == 0
    assert alerts.report()["failed"]


def test_the_outbox_is_private(events: Events) -> None:
    events.start(Route("web", "json://127.0.0.1:9"))
    assert events.outbox.stat().st_mode & 0o777 == 0o600
