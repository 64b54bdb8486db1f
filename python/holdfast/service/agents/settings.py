"""`[gate]` and `[reads]` of config.toml: what agents may do to the sockets and to the nodes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateConfig:
    """`[gate]`: limits on what agents may do to the sockets.

    Bytes a minute are those of an agent with the default `requests_per_minute`, and grow with it.
    """

    hold_ms: int = 8_000
    retry_after_s: int = 5
    frame_bytes_max: int = 1024 * 1024
    half_frame_ms_max: int = 30_000
    in_flight_max: int = 256
    batch_max: int = 100
    write_buffer_bytes_max: int = 4 * 1024 * 1024
    params_bytes_max: int = 320 * 1024
    typed_bytes_max: int = 96 * 1024
    params_bytes_per_minute: int = 32 * 1024 * 1024
    journal_bytes_per_minute: int = 1024 * 1024
    core_ms_per_second: int = 100


@dataclass(frozen=True, slots=True)
class ReadsConfig:
    """`[reads]`: limits on calls that pass through to the node, per agent."""

    concurrent_max: int = 16
    concurrent_total_max: int = 48
    queued_max: int = 256
    calls_per_minute: int = 6_000
    timeout_ms: int = 10_000
    response_bytes_max: int = 4 * 1024 * 1024
