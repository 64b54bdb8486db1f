"""Worlds where every contract that a policy's requests may rely on is there."""

import json
from typing import Any

from tests.support.facts import facts

from holdfast._core import Guard

# Code that is known nowhere.
SOME = "0x" + "11" * 32


def everything(guard: Guard, at_ms: int) -> dict[str, Any]:
    """Facts of code: each contract is there, with its own code where that is known."""
    believed = json.loads(guard.code_believed())
    return {
        each["address"]: {"hash": each["hash"] or SOME, "implementation": None, "at": at_ms}
        for each in believed
    }


def see_everything(guard: Guard, chain_id: int, at_ms: int) -> None:
    """As if a node had said so."""
    guard.see_code(chain_id, facts({"code": everything(guard, at_ms)}))
