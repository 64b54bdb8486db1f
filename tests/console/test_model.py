"""The headless model: a fold of snapshot and events, by data from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.operator import format as fmt
from holdfast.operator.banner import banner
from holdfast.operator.feed import Feed, FeedRow
from holdfast.operator.model import ENDED_KEPT_MAX, ROWS_PER_DRAIN_MAX, Model

DATA = Path(__file__).parent / "data"


def scene(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    lines = (DATA / f"{name}.events.jsonl").read_text("utf-8").splitlines()
    return json.loads((DATA / f"{name}.json").read_text("utf-8")), [json.loads(x) for x in lines]


def loaded(name: str = "busy") -> Model:
    model = Model()
    recorded, events = scene(name)
    model.load_events(events, 10.0)
    model.load_snapshot(recorded["snapshot"], recorded["seq"], 10.0)
    model.link.connected = True
    return model


def record(
    seq: int, kind: str, data: dict[str, Any], at: int = 1_772_625_600_000
) -> dict[str, Any]:
    return {"at": at, "data": data, "kind": kind, "seq": seq, "v": 1}


def pushed(seq: int, kind: str, data: dict[str, Any], *rows: dict[str, Any]) -> dict[str, Any]:
    """An event with where its requests are after it."""
    return record(seq, kind, data) | {"requests": [{"as_of": seq, **each} for each in rows]}


def row(text: str) -> FeedRow:
    return FeedRow(0, "ok", "✓", "done", "r1", "shopper", text)


def test_events_alone_give_the_same_pending_list_as_the_snapshot() -> None:
    folded = Model()
    recorded, events = scene("busy")
    folded.load_events(events, 10.0)
    snapshot = loaded()
    assert [r.id for r in folded.pending] == [r.id for r in snapshot.pending]
    counts = {k: v for k, v in folded.status.counts.items() if v}
    assert counts == recorded["snapshot"]["status"]["counts"]


def test_an_event_seen_twice_is_shown_and_counted_once() -> None:
    model = loaded()
    again = scene("busy")[1]
    rows, counts = len(model.feed), dict(model.status.counts)
    model.load_events(again, 11.0)
    assert len(model.feed) == rows
    assert model.status.counts == counts


def test_resuming_keeps_the_feed_and_takes_the_newer_state() -> None:
    model = loaded()
    recorded, _ = scene("busy")
    rows = len(model.feed)
    recorded["snapshot"]["requests"] = recorded["snapshot"]["requests"][:1]
    model.load_snapshot(recorded["snapshot"], 31, 12.0)
    denied = {"id": "r26", "by": "bo", "reasons": []}
    model.load_events([record(30, "request.denied", denied)], 12.0)
    assert [r.id for r in model.pending] == ["r25"]
    assert len(model.feed) == rows + 1


def test_pending_is_sorted_by_deadline_and_the_sort_can_change() -> None:
    model = loaded()
    assert [r.id for r in model.pending] == ["r27", "r25", "r26", "r28"]
    model.sort = "newest"
    assert [r.id for r in model.pending] == ["r28", "r27", "r26", "r25"]
    model.sort = "amount"
    assert [r.id for r in model.pending] == ["r27", "r25", "r28", "r26"]
    model.sort = "agent"
    assert [r.id for r in model.pending] == ["r26", "r28", "r25", "r27"]


def test_a_freeze_ends_and_holds_what_it_names() -> None:
    model = loaded()
    scope = {"kind": "agent", "id": "shopper"}
    data = {"freeze": 29, "scope": scope, "reason": "", "actor": "x", "ended": ["r25"], "held": []}
    rows = [{"id": "r25", "state": "frozen"}, {"id": "r27", "state": "waiting-approval"}]
    frozen = [each | {"frozen_by": 29} for each in rows]
    model.load_events([pushed(29, "freeze.set", data, *frozen)], 11.0)
    assert model.requests["r25"].state == "frozen"
    assert model.frozen_for(model.requests["r27"]) is not None
    assert model.frozen_for(model.requests["r26"]) is None
    lifted = {"freeze": 29, "by": "ana", "command": "", "signature": ""}
    thawed = {"id": "r27", "state": "waiting-approval", "frozen_by": None}
    model.load_events([pushed(30, "freeze.lifted", lifted, thawed)], 11.0)
    assert model.status.freezes == []
    assert model.frozen_for(model.requests["r27"]) is None


def test_after_old_events_requests_are_as_the_guardian_says_they_are_now() -> None:
    model = loaded()
    signed = {"id": "r25", "hash": "0x11", "raw": "0x02"}
    model.load_events([record(29, "request.signed", signed)], 11.0)
    assert model.requests["r25"].state == "waiting-approval", "an event alone is no state"
    before = dict(model.status.counts)
    model.load_states([{"as_of": 40, "id": "r25", "state": "sent"}, {"id": "r999", "state": "x"}])
    assert model.requests["r25"].state == "sent"
    assert "r25" not in [each.id for each in model.pending]
    assert model.status.counts["sent"] == before.get("sent", 0) + 1
    assert "x" not in model.status.counts


def test_an_answer_that_is_ahead_of_the_pushes_counts_a_request_once() -> None:
    model = loaded()
    before = dict(model.status.counts)
    view = {**model.requests["r25"].raw, "state": "signed"}
    model.load_request(view)
    for seq, state in ((40, "authorising"), (41, "authorised"), (42, "signed")):
        moved = {"id": "r25", "state": state}
        model.load_events([pushed(seq, f"request.{state}", {"id": "r25"}, moved)], 11.0)
    after = {name: count for name, count in model.status.counts.items() if count}
    left = {"waiting-approval": before["waiting-approval"] - 1}
    assert after == before | left | {"signed": before.get("signed", 0) + 1}


def test_countdowns_use_the_guardians_clock_not_this_machines() -> None:
    model = loaded()
    assert model.now_ms(12.5) == 1_772_625_602_500
    model.load_health({"now_ms": 1_772_625_700_000}, 13.0)
    assert model.now_ms(13.0) == 1_772_625_700_000


def test_health_says_which_agents_are_connected_now() -> None:
    model = loaded()
    name = str(model.status.agents[0]["id"])
    model.load_health({"connections": {name: 3}}, 11.0)
    assert [agent["connections"] for agent in model.status.agents] == [
        3 if agent["id"] == name else 0 for agent in model.status.agents
    ]


@pytest.mark.parametrize(
    ("silent", "connected", "word"),
    [(1.0, True, "LIVE"), (4.0, True, "STALE 4 s"), (12.0, False, "STALE 12 s")],
)
def test_silence_is_stale_even_on_an_open_connection(
    silent: float, connected: bool, word: str
) -> None:
    model = loaded()
    model.link.connected = connected
    assert banner(model, 10.0 + silent).word == word


def test_the_most_severe_state_is_the_banner() -> None:
    model = loaded()
    model.load_events([record(29, "policy.rejected", {"error": "line 3", "by": "file"})], 11.0)
    assert banner(model, 11.0).word == "POLICY ALARM"
    freeze = {"freeze": 30, "scope": {"kind": "everything"}, "reason": "r", "actor": "a"}
    model.load_events([record(30, "freeze.set", freeze)], 11.0)
    assert banner(model, 11.0).word == "FROZEN"
    assert "FROZEN" in banner(model, 30.0).word
    model.load_health({"sealed": "disk full"}, 12.0)
    assert banner(model, 12.0).word == "SEALED"


def test_what_stops_the_most_is_the_freeze_that_is_named() -> None:
    model = loaded()
    for number, scope in enumerate(
        (
            {"kind": "everything"},
            {"kind": "agent", "id": "nobody"},
            {"kind": "wallet", "id": "0x1"},
        ),
        29,
    ):
        freeze = {"freeze": number, "scope": scope, "reason": f"r{number}", "actor": "a"}
        model.load_events([record(number, "freeze.set", freeze)], 11.0)
    text = banner(model, 11.0).text
    assert text.startswith("everything · r29 · by a"), text
    assert text.endswith("+2 more")


def test_a_flood_is_folded_whole_and_shown_with_what_was_skipped() -> None:
    model = loaded()
    base = scene("busy")[1]
    decided = next(e["data"] for e in base if e["kind"] == "request.decided")
    flood = [
        record(29 + n, "request.decided", {**decided, "id": f"r{29 + n}"})
        for n in range(ROWS_PER_DRAIN_MAX + 40)
    ]
    rows = len(model.feed)
    before = model.status.counts.get("authorising", 0)
    model.load_events(flood, 11.0)
    assert model.status.counts["authorising"] == before + len(flood)
    assert len(model.feed) == rows + ROWS_PER_DRAIN_MAX + 1
    skipped = model.feed.row(rows)
    assert skipped is not None
    assert skipped.text == "+40 skipped"


def test_ended_requests_are_kept_only_up_to_a_bound() -> None:
    model = loaded()
    decided = next(e["data"] for e in scene("busy")[1] if e["kind"] == "request.decided")
    for number in range(29, 29 + ENDED_KEPT_MAX + 50):
        data = {**decided, "id": f"r{number}", "state": "denied"}
        model.load_events([record(number, "request.decided", data)], 11.0)
    assert sum(r.ended for r in model.requests.values()) == ENDED_KEPT_MAX
    assert [r.id for r in model.pending] == ["r27", "r25", "r26", "r28"]


def test_a_full_ring_keeps_the_newest_rows_and_their_serials() -> None:
    feed = Feed(rows_max=10)
    serials = [feed.push(row(f"n{number}")) for number in range(25)]
    assert len(feed) == 10
    assert [feed.row(i).text for i in range(10)] == [f"n{n}" for n in range(15, 25)]  # type: ignore[union-attr]
    assert feed.by_serial(serials[14]) is None
    assert feed.index_of(serials[20]) == 5


def test_a_filter_shows_rows_with_every_word_and_follows_new_ones() -> None:
    feed = Feed(rows_max=10)
    for number in range(20):
        feed.push(row(f"pay {'acme' if number % 2 else 'beta'} {number}"))
    feed.set_filter("ACME pay")
    assert len(feed) == 5
    feed.push(row("pay acme 20"))
    feed.push(row("pay beta 21"))
    assert [feed.row(i).text for i in range(len(feed))][-1] == "pay acme 20"  # type: ignore[union-attr]
    feed.set_filter("")
    assert len(feed) == 10


def test_a_pause_holds_still_and_counts_what_is_new() -> None:
    feed = Feed()
    feed.push(row("a"))
    feed.pause(True)
    for _ in range(7):
        feed.push(row("b"))
    assert (len(feed), feed.new_while_paused) == (1, 7)
    feed.pause(False)
    assert (len(feed), feed.new_while_paused) == (8, 0)


@pytest.mark.parametrize(
    ("units", "decimals", "words"),
    [
        ("250000000", 6, "250 USDC"),
        ("1250500000", 6, "1,250.50 USDC"),
        ("1", 18, "0.000000000000000001 USDC"),
        (str(2**256 - 1), 0, f"{2**256 - 1:,} USDC"),
        ("7", None, "7 base units USDC"),
        ("nonsense", 6, "nonsense USDC"),
    ],
)
def test_amounts_are_exact(units: str, decimals: int | None, words: str) -> None:
    assert fmt.amount(units, decimals, "USDC") == words


@pytest.mark.parametrize(
    ("ms", "words"),
    [(252_000, "4:12"), (999, "0:01"), (0, "now"), (3_852_000, "1:04:12"), (None, "—")],
)
def test_countdowns_never_show_more_time_than_there_is_words_for(
    ms: int | None, words: str
) -> None:
    assert fmt.countdown(ms) == words
    assert fmt.countdown(180_000_000) == "2d 02h"


def test_gauges_never_hide_a_use_and_never_overflow() -> None:
    assert fmt.bar(1, 0, 10**9, 10) == (1, 0, 9)
    assert fmt.bar(0, 0, 100, 10) == (0, 0, 10)
    assert fmt.bar(300, 300, 100, 10) == (10, 0, 0)
    assert sum(fmt.bar(33, 21, 100, 12)) == 12
