"""The scripted operator of the headless demo: approves, denies, freezes and thaws with its key.

What it does to a purchase depends on the amount alone, so the end is known beforehand.
"""

from __future__ import annotations

import threading
from typing import Any, Literal

from holdfast.demo.operator_connection import OperatorConnection
from holdfast.demo.script import UNIT

SCRIPT: dict[int, Literal["approve", "deny", "freeze"]] = {
    120: "approve",
    480: "deny",
    150: "freeze",
    130: "approve",
}


class Runner(threading.Thread):
    """Reads the event stream until `finish()`; `done` tells what was done to which request."""

    def __init__(self, operator: OperatorConnection) -> None:
        super().__init__(name="runner", daemon=True)
        self._operator = operator
        self._over = threading.Event()
        self.done: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        """Takes what waits already, then every later event."""
        try:
            snapshot = self._operator.call("subscribe")["snapshot"]
            for view in snapshot["requests"]:
                self._look(view)
            while not self._over.is_set():
                event = self._operator.event(0.2)
                if event is not None and event["kind"] == "request.decided":
                    self._look(event["data"])
        except (OSError, RuntimeError, KeyError, ValueError) as failure:
            self.failure = failure

    def finish(self) -> None:
        """Ends the thread and its connection."""
        self._over.set()
        self.join(10)
        self._operator.close()

    def _look(self, request: dict[str, Any]) -> None:
        if request["agent"] != "buyer" or request["state"] != "waiting-approval":
            return
        amount = sum(
            int(one["amount"]) for one in request["effects"] if one["effect"] == "transfer"
        )
        action = SCRIPT.get(amount // UNIT)
        if action == "freeze":
            freeze = self._operator.freeze("agent", "buyer", "planned by the demo")
            self._operator.thaw(freeze)
            self.done.append({"action": "freeze", "request": request["id"], "freeze": freeze})
            self.done.append({"action": "thaw", "request": None, "freeze": freeze})
        elif action is not None:
            self._operator.answer(action, request["id"], request["digest"])
            self.done.append({"action": action, "request": request["id"], "freeze": None})
