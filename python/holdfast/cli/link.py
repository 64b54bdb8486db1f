"""One blocking connection to operator.sock for a command that asks one thing and ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.cli.output import EXIT_NO_GUARDIAN, Failure
from holdfast.protocol.closing import Closing
from holdfast.protocol.lines import BadLine
from holdfast.protocol.operator_calls import OperatorCalls, Refused

Json = dict[str, Any]

TIMEOUT_S = 10.0


class NoGuardian(Failure):
    """The operator socket does not answer."""

    def __init__(self, path: Path, why: str) -> None:
        text = f"no guardian answers on `{path}` ({why}): start one with `holdfast serve`"
        super().__init__(text, code="no_guardian", exit_code=EXIT_NO_GUARDIAN)


class Link(Closing):
    """Use as a context manager; `call` raises Failure with the guardian's own code and text."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        with self._in_words():
            self._calls = OperatorCalls(path, timeout_s)

    def close(self) -> None:
        """Ends the connection."""
        self._calls.close()

    def call(self, method: str, **params: Any) -> Any:
        """The result of one call."""
        with self._in_words():
            return self._calls.call(method, **params)

    def object(self, method: str, **params: Any) -> Json:
        """As `call`, for a method that answers an object."""
        result = self.call(method, **params)
        if not isinstance(result, dict):
            raise Failure(
                f"the guardian's answer to `{method}` is not an object", code="bad_answer"
            )
        return result

    def pushes(self) -> Iterator[Json]:
        """Everything the guardian sends from now on, until it ends."""
        with self._in_words():
            yield from self._calls.pushes()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """What goes wrong on the connection, as a command says it."""
        try:
            yield
        except OSError as error:
            raise NoGuardian(self._path, _why(error)) from None
        except BadLine as error:
            raise Failure(str(error), code="bad_answer") from None
        except Refused as error:
            raise Failure(str(error), code=error.code) from None


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no socket"
    if isinstance(error, ConnectionRefusedError):
        return "the socket is not in use"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error)
