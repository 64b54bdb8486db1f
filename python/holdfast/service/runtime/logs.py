"""The daemon's log: one JSON object a line on stderr, never with a secret in it."""

import logging
import sys
from typing import Any

# structlog takes rich along for tracebacks in colour, 6 MB. This log is lines of JSON, so rich
# is not to be found while structlog looks for it.
_RICH = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog
    from structlog.typing import EventDict, WrappedLogger
finally:
    del sys.modules["rich"]
    if _RICH is not None:
        sys.modules["rich"] = _RICH

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# Names of values that are secrets, or bytes that move money.
_SECRET_WORDS = (
    "passphrase",
    "password",
    "secret",
    "seed",
    "private",
    "token",
    "rpc_url",
    "authorization",
)
_SECRET_NAMES = frozenset({"raw", "signature", "url", "key"})
_TEXT_CHARS_MAX = 2_000


def get_logger() -> Any:
    """A logger; words first, then values by name."""
    return structlog.get_logger()


def set_up(level: str) -> None:
    """Sends everything of `level` and above to stderr."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            without_secrets,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format='{"event": "%(name)s"}')


def without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blanks values whose name says that they are secret, and cuts what is too long for a line."""
    return {name: _shown(name, value) for name, value in event.items()}


def _shown(name: str, value: Any) -> Any:
    lowered = name.lower()
    if lowered in _SECRET_NAMES or any(word in lowered for word in _SECRET_WORDS):
        return "(not logged)"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(value)} bytes)"
    if isinstance(value, dict):
        return {str(key): _shown(str(key), each) for key, each in value.items()}
    if isinstance(value, str) and len(value) > _TEXT_CHARS_MAX:
        return value[:_TEXT_CHARS_MAX] + "…"
    return value
