"""While the disk does not answer, the operator can still stop everything."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tests.service.in_process import SHOP, STRANGER, frame, serving, until

from holdfast.service.home.folder import Home

EVERYTHING = {"kind": "everything"}
CALLS = 64


@contextmanager
def stuck(home: Home) -> Iterator[None]:
    """The journal takes no record until the block ends, as when the disk under it hangs."""
    held = sqlite3.connect(home.journal_path, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        held.execute("ROLLBACK")
        held.close()


async def test_a_freeze_is_never_too_much_for_a_connection(home: Home) -> None:
    async with serving(home) as guardian:
        agent, operator = await guardian.agent(), await guardian.operator()
        name = (await agent.pay(STRANGER))["error"]["data"]["requestId"]
        with stuck(home):
            size = guardian.core.guard.size
            await agent.send(frame("eth_sendTransaction", [{"to": STRANGER, "value": "0x7"}]))
            await until(lambda: guardian.core.guard.size > size)
            asked = {"method": "request", "params": {"id": name}}
            freeze = {"method": "freeze", "params": {"scope": EVERYTHING}}
            calls = [{"id": number, **asked} for number in range(CALLS)] + [{"id": "f", **freeze}]
            await operator.send(b"".join(json.dumps(each).encode() + b"\n" for each in calls))
            await until(lambda: bool(json.loads(guardian.core.guard.status(0))["freezes"]))
        answers = [await operator.json() for _ in calls]
        assert [each for each in answers if "error" in each] == []


async def test_a_sealed_guardian_shows_no_state_that_is_on_no_disk(home: Home) -> None:
    async with serving(home, hold_ms=20) as guardian:
        agent, operator = await guardian.agent(), await guardian.operator()
        name = (await agent.pay(SHOP))["error"]["data"]["requestId"]
        view = await operator.operate("request", id=name)
        denial = guardian.command("deny", request=name, digest=view["digest"])
        with stuck(home):
            refused = await operator.operate_raw("command", denial)
        asked = await operator.operate_raw("request", {"id": name})
        assert [each["error"]["code"] for each in (refused, asked)] == ["sealed"] * 2
    async with serving(home) as guardian:
        operator = await guardian.operator()
        assert (await operator.operate("request", id=name))["state"] == "waiting-approval"
