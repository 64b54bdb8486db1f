"""The [[alert]] tables: what is wrong is said, and never with the URL in it."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.service.alerts.routes import Route, RouteError, Severity, parse_routes
from holdfast.service.alerts.send import redact, send

URL = "json://operator:opensesame@127.0.0.1/token-5ecret"


def test_a_table_gives_a_route(tmp_path: Path) -> None:
    (tmp_path / "phone.url").touch(0o600)
    (tmp_path / "phone.url").write_text("ntfys://host/topic\n")
    tables = [
        {"id": "web", "url": URL, "min_severity": "action", "kinds": ["freeze.set"]},
        {"id": "phone", "url_file": "phone.url", "per_minute": 3},
    ]
    web, phone = parse_routes(tables, tmp_path)
    assert web.takes(Severity.CRITICAL, "freeze.set")
    assert not web.takes(Severity.WARNING, "freeze.set")
    assert not web.takes(Severity.CRITICAL, "clock.jumped")
    assert phone.url == "ntfys://host/topic"
    assert phone.per_minute == 3
    assert "opensesame" not in repr(web)


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"url": URL}, "`id`"),
        ({"id": "a b", "url": URL}, "`id`"),
        ({"id": "a"}, "either `url` or `url_file`"),
        ({"id": "a", "url": URL, "url_file": "x"}, "either `url` or `url_file`"),
        ({"id": "a", "url": URL, "min_severity": "loud"}, '"critical"'),
        ({"id": "a", "url": URL, "kinds": []}, "`kinds`"),
        ({"id": "a", "url": URL, "kinds": ["Freeze"]}, "`kinds`"),
        ({"id": "a", "url": URL, "per_minute": 0}, "`per_minute`"),
        ({"id": "a", "url": URL, "per_minute": True}, "`per_minute`"),
        ({"id": "a", "url": URL, "severity": "info"}, "unknown key `severity`"),
        ({"id": "a", "url": f"{URL}\nx"}, "one line"),
        ({"id": "a", "url_file": "missing"}, "does not exist"),
    ],
)
def test_a_faulty_table_is_refused_and_its_url_not_shown(
    table: dict[str, Any], word: str, tmp_path: Path
) -> None:
    with pytest.raises(RouteError) as error:
        parse_routes([table], tmp_path)
    assert word in str(error.value)
    assert "opensesame" not in str(error.value)


def test_an_id_is_used_once(tmp_path: Path) -> None:
    with pytest.raises(RouteError, match="twice"):
        parse_routes([{"id": "a", "url": URL}, {"id": "a", "url": URL}], tmp_path)


def test_a_url_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "phone.url").write_text(URL)
    (tmp_path / "phone.url").chmod(0o644)
    with pytest.raises(RouteError, match="read by others"):
        parse_routes([{"id": "a", "url_file": "phone.url"}], tmp_path)


def test_an_error_never_shows_a_part_of_the_url() -> None:
    said = f"POST {URL} failed for operator with opensesame at /token-5ecret"
    shown = redact(said, URL)
    for secret in ("opensesame", "operator", "token-5ecret"):
        assert secret not in shown
    assert redact("boom\x1b[2J", URL).isprintable()


def test_a_url_that_apprise_does_not_know_is_a_failure_not_a_crash() -> None:
    error = send(Route("a", "nonsense://opensesame"), Severity.INFO, "t", "b")
    assert error is not None
    assert "opensesame" not in error


def test_a_receiver_that_is_not_there_is_a_failure_not_a_crash() -> None:
    error = send(Route("a", "json://operator:opensesame@127.0.0.1:9/"), Severity.INFO, "t", "b")
    assert error is not None
    assert "opensesame" not in error
