"""Hands one message to one route through Apprise, and says in a safe text why it was not taken."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from holdfast._core import display_safe
from holdfast.service.alerts.routes import Route, Severity

if TYPE_CHECKING:
    from apprise import AppriseAsset

SEND_SECONDS_MAX = 30
ERROR_CHARACTERS_MAX = 200

_TYPES = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.ACTION: "warning",
    Severity.CRITICAL: "failure",
}


def send(route: Route, severity: Severity, title: str, body: str) -> str | None:
    """Sends at once, waiting at most half a minute.

    None when it was taken, else the reason without any secret.

    Each call makes its own Apprise object: a shared one throttles itself by seconds between
    messages.
    """
    try:
        return _send(route.url, severity, title, body)
    except Exception as error:  # noqa: BLE001
        # Apprise loads some hundred plugins of many hands. Whatever one of them raises is a failed
        # delivery, which is kept, shown and tried again; it must not end the thread.
        return redact(f"{type(error).__name__}: {error}", route.url)


def _send(url: str, severity: Severity, title: str, body: str) -> str | None:
    # About a quarter of a second to import, so not before there is something to send.
    import apprise

    _quiet()
    service = apprise.Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)
    if service is None:
        return "Apprise does not understand the URL of this route"
    bus = apprise.Apprise(asset=_asset())
    bus.add(service)
    result = bus.notify(
        body=body,
        title=title,
        notify_type=_TYPES[severity],
        body_format="text",
        interpret_escapes=False,
        timeout=SEND_SECONDS_MAX,
    )
    if result:
        return None
    said = [entry.message for entry in result.logs() if entry.level in ("WARNING", "ERROR")]
    return redact(said[-1] if said else f"not delivered ({result.status.name.lower()})", url)


def redact(text: str, url: str) -> str:
    """`text` made safe to show, with every part of `url` that may be a secret taken out."""
    parts = urlsplit(url)
    secrets = {url, parts.netloc, parts.username, parts.password, parts.path, parts.query}
    secrets.update(parts.path.split("/"))
    secrets.update(value for pair in parts.query.split("&") for value in pair.split("=")[1:])
    both = {part for secret in secrets if secret for part in (secret, unquote(secret))}
    for secret in sorted(both, key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    return display_safe(" ".join(text.split()), ERROR_CHARACTERS_MAX)


def _asset() -> AppriseAsset:
    import apprise

    settings: dict[str, Any] = {
        "app_id": "Holdfast",
        "app_desc": "Holdfast",
        "app_url": "",
        "async_mode": False,
        "http_redirects": False,  # a redirect could carry a message to another address
        "secure_logging": True,
        "storage_mode": "memory",
        "service_timeout": SEND_SECONDS_MAX,
        "allow_templates": False,
    }
    return apprise.AppriseAsset(**settings)


def _quiet() -> None:
    # What Apprise logs may hold parts of a URL; what matters of it comes back from `send`.
    log = logging.getLogger("apprise")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
