"""What the gate needs to know of each agent, from the policy in force."""

from dataclasses import dataclass

import orjson

from holdfast._core import Guard


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent: its wallets (checksummed addresses), its chain, and who may speak for it."""

    id: str
    wallets: tuple[str, ...]
    chain_id: int
    uids: frozenset[int]
    signed: bool
    privacy: str
    requests_per_minute: int
    connections_max: int


def agents_of(guard: Guard, own_uid: int) -> dict[str, Agent]:
    """All agents of the policy; one without uids is spoken for by the daemon's own user."""
    found = {}
    for name in guard.agents():
        raw = guard.agent(name)
        if raw is None:
            continue
        data = orjson.loads(raw)
        found[name] = Agent(
            id=name,
            wallets=tuple(data["wallets"]),
            chain_id=data["chain_id"],
            uids=frozenset(data["uids"] or (own_uid,)),
            signed=data["public_key"] is not None,
            privacy=data["privacy"],
            requests_per_minute=data["requests_per_minute"],
            connections_max=data["connections_max"],
        )
    return found
