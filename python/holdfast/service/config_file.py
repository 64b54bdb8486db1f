"""What of config.toml reaches outside, by an operator's signature.

Nodes, price sources, alert routes, the folder of descriptors, and where agents find their sockets.

The digest of these parts is in the journal (`config.loaded`). Other parts than those leave the last
signed ones in use, from a copy that is held against that digest, with an alarm. Limits and timings
of the file need no signature.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson

from holdfast._core import HoldfastError, MalformedError, canonical_json
from holdfast.secrets.authority import (
    SignedCommand,
    digest_of,
    read_signature,
    signature_path,
    signature_text,
)
from holdfast.secrets.files import UnsafeFile, read_private, write_private
from holdfast.service.alerts.routes import parse_routes
from holdfast.service.chain.endpoint_tables import with_tokens
from holdfast.service.config import Config, config_of, read_table
from holdfast.service.guardian.core import Core
from holdfast.service.home.folder import Home
from holdfast.service.runtime.errors import ConfigError
from holdfast.service.runtime.event import parse
from holdfast.service.runtime.logs import get_logger

log = get_logger()

SIGNED = ("agents_dir", "alert", "endpoint", "price", "registry")
WHAT = "nodes, price sources, alert routes, descriptors or agents' sockets"
APPLY = "check the changes and sign them with `holdfast config apply`"


def outside_text(table: dict[str, Any], folder: Path) -> str:
    """The text that is signed.

    Canonical JSON of the parts that reach outside, as they are written, with the content of every
    `url_file` and `token_file` in its place. Raises ConfigError.
    """
    parts = {key: table[key] for key in SIGNED if key in table}
    routes = parse_routes(table.get("alert", []), folder)
    if "alert" in parts:
        parts["alert"] = [
            {**{k: v for k, v in each.items() if k != "url_file"}, "url": route.url}
            for each, route in zip(parts["alert"], routes, strict=True)
        ]
    if "endpoint" in parts:
        try:
            parts["endpoint"] = with_tokens(parts["endpoint"], folder)
        except ValueError as error:
            raise ConfigError(f"config.toml: {error}") from None
    try:
        return canonical_json(orjson.dumps(parts)).decode()
    except (TypeError, MalformedError) as error:
        raise ConfigError(f"config.toml: {WHAT}: {error.args[-1]}") from None


class ConfigFile:
    """config.toml, and what of it is in use."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.alarm: str | None = None

    def limits(self) -> Config:
        """What the file says of limits and timings, which need no signature. Raises ConfigError."""
        table = read_table(self._home.config_path)
        own = {key: value for key, value in table.items() if key not in SIGNED}
        return config_of(own, str(self._home.config_path))

    def in_force(self, core: Core) -> Config:
        """The configuration to run with.

        What config.toml says of limits and timings, and the parts an operator signed. Raises
        ConfigError for a file with a fault.
        """
        table = read_table(self._home.config_path)
        config_of(table, str(self._home.config_path))
        wanted = outside_text(table, self._home.path)
        parts = self._parts(core, wanted)
        own = {key: value for key, value in table.items() if key not in SIGNED}
        return config_of(
            {**own, **orjson.loads(parts)}, str(self._home.config_path), with_secrets=True
        )

    async def apply(self, core: Core, text: str, signed: SignedCommand) -> dict[str, object]:
        """Notes the parts an operator signed; they are used from the next start on.

        `text` is their canonical text. Raises ConfigError, HoldfastError, Sealed.
        """
        try:
            parts = orjson.loads(text)
            whole = set(parts) <= set(SIGNED) and canonical_json(text.encode()).decode() == text
        except (ValueError, TypeError, HoldfastError):
            whole = False
        if not whole:
            raise ConfigError("not the canonical text of the parts of config.toml that are signed")
        config_of(parts, "config.toml", with_secrets=True)
        parse_routes(parts.get("alert", []), self._home.path)
        command = (signed.payload.encode(), bytes.fromhex(signed.signature.removeprefix("0x")))
        applied = core.load_config(digest_of(text), "operator", *command)
        await asyncio.to_thread(place_config, self._home, text, signed)
        await core.durable()
        self.alarm = None
        loaded = parse(applied.records[0])["data"]
        return {"digest": loaded["digest"], "revision": loaded["revision"]}

    def _parts(self, core: Core, wanted: str) -> str:
        known = _known(core)
        if known != digest_of(wanted):
            signed = read_signature(signature_path(self._home.config_path))
            try:
                if signed is not None:
                    core.load_config(digest_of(wanted), "start", signed.payload, signed.signature)
                    known = digest_of(wanted)
            except HoldfastError as error:
                log.warning("the signature of config.toml is not valid", error=error.args[1])
        if known == digest_of(wanted):
            keep_good(self._home, wanted)
            return wanted
        good = good_text(self._home, known)
        if good is not None:
            self.alarm = (
                f"config.toml names {WHAT} that no operator signed: the signed ones stay in use; "
                f"{APPLY}"
            )
        elif known is None:
            self.alarm = (
                f"no operator signed the external connections of config.toml ({WHAT}): none of "
                f"them is used; {APPLY}"
            )
        else:
            self.alarm = (
                f"config.toml names {WHAT} that no operator signed, and the copy of the signed "
                f"ones is missing: none of them is used; {APPLY}"
            )
        log.error("config not signed", error=self.alarm)
        return good or "{}"


def good_path(home: Home) -> Path:
    """The copy of the parts that were signed last."""
    return home.path / "config.good.json"


def good_text(home: Home, digest: str | None) -> str | None:
    """The copy of the signed parts, if it is what was signed."""
    try:
        text = read_private(good_path(home), secret=True).decode()
    except (UnsafeFile, UnicodeDecodeError, OSError):
        return None
    return text if digest is not None and digest_of(text) == digest else None


def keep_good(home: Home, text: str) -> None:
    """Keeps the copy; it can hold passwords of routes, so it is readable by its owner alone."""
    if good_text(home, digest_of(text)) is None:
        write_private(good_path(home), text.encode(), replace=True)


def place_config(home: Home, text: str, signed: SignedCommand) -> None:
    """Writes the signed parts and their signature; config.toml itself stays as it is."""
    keep_good(home, text)
    write_private(signature_path(home.config_path), signature_text(signed), replace=True)


def _known(core: Core) -> str | None:
    config = orjson.loads(core.guard.status(core.clock.now_ms())).get("config")
    return str(config["digest"]) if config else None
