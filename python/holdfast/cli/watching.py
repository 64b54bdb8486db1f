"""Events as lines, for `holdfast watch`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.cli.link import Link
from holdfast.cli.output import check_reader, emit, flush, line
from holdfast.operator import format as fmt
from holdfast.operator.describe import SILENT, feed_row
from holdfast.operator.request import Request

REMEMBERED_MAX = 10_000

_requests: dict[str, Request] = {}


def events(link: Link, from_seq: int | None) -> Iterator[dict[str, Any]]:
    """Every record after `from_seq`, or from now on."""
    params = {"backlog": 0} if from_seq is None else {"backlog": 0, "from_seq": from_seq}
    answer = link.object("subscribe", **params)
    for view in (answer.get("snapshot") or {}).get("requests") or []:
        _remember(Request.read(view))
    newest = -1 if from_seq is None else from_seq
    for push in link.pushes():
        # There is one at least every second.
        check_reader()
        record = push.get("event")
        if isinstance(record, dict) and int(record.get("seq", -1)) > newest:
            newest = int(record["seq"])
            if record.get("kind") == "request.decided":
                view = {**(record.get("data") or {}), "summary": push.get("summary")}
                _remember(Request.read(view))
            yield record


def show(_link: Link, record: dict[str, Any], *, as_json: bool) -> None:
    """One record as JSON, or as a line of the feed."""
    if as_json:
        emit(record)
    elif record.get("kind") not in SILENT:
        data = record.get("data") or {}
        row = feed_row(record, _requests.get(str(data.get("id", ""))))
        head = f"{record.get('seq'):>8}  {fmt.stamp(row.at)}  {row.glyph} {row.word:<10}"
        line(f"{head} {row.request_id:<8} {row.agent:<12} {row.text}".rstrip())
    flush()


def _remember(request: Request) -> None:
    _requests[request.id] = request
    while len(_requests) > REMEMBERED_MAX:
        del _requests[next(iter(_requests))]
