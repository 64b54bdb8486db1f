"""Where the journal is in a home, and `[journal]` of config.toml."""

from dataclasses import dataclass

FILE_NAME = "journal.sqlite"


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """`[journal]`: how often the log is signed and the state is stored, and room on the disk."""

    checkpoint_events: int = 10_000
    checkpoint_seconds: int = 300
    snapshot_events: int = 50_000
    bytes_max: int = 16 * 1024 * 1024 * 1024
    free_bytes_min: int = 64 * 1024 * 1024
    reserve_bytes: int = 8 * 1024 * 1024
