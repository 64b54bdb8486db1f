"""`[sending]` of config.toml: what becomes of payments on their way."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SendingConfig:
    """`[sending]`: what becomes of payments on their way.

    One that waits for its chain for `wait_ms` fails and gives its limits back. Signed bytes that no
    node took within `within_ms` are not sent without a person. What was released to an agent by
    `eth_signTransaction` the guardian sends itself after `released_ms`, and never with 0, or where
    a rule leaves it to the agent: then it only watches the nonce. With `bump` a fee that the base
    fee has overtaken is raised within what was decided. Before the first sending a random time of
    at most `jitter_ms` passes.
    """

    wait_ms: int = 600_000
    within_ms: int = 600_000
    released_ms: int = 60_000
    jitter_ms: int = 0
    bump: bool = True
