"""The `[[endpoint]]` tables of config.toml: several of one chain, and the secrets they need."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from holdfast.secrets.files import UnsafeFile, read_private
from holdfast.service.chain.endpoint import SIMULATE, EndpointSettings

# What counts for a chain as a whole: those of its endpoints that leave it out take it from others.
OF_THE_CHAIN = ("confirmations", "poll_ms", "simulate")
CALLS_PER_SECOND_MAX = 10_000
TOKEN_CHARACTERS_MAX = 4_096

_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_OURS = frozenset({"connection", "content-length", "content-type", "host", "transfer-encoding"})
_PORTS = {"http": 80, "https": 443}


def of_one_chain(tables: Sequence[Any]) -> list[Any]:
    """The tables, each with what others of its chain say of the chain as a whole."""
    found: dict[Any, dict[str, Any]] = {}
    for table in tables:
        if isinstance(table, dict):
            said = {key: table[key] for key in OF_THE_CHAIN if key in table}
            known = found.setdefault(str(table.get("chain")), {})
            found[str(table.get("chain"))] = said | known
    return [
        found[str(table.get("chain"))] | table if isinstance(table, dict) else table
        for table in tables
    ]


def with_tokens(tables: Sequence[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """The tables with the content of each `token_file` as `token`.

    The path is relative to `folder`, the home. Raises ValueError with words that hold no secret.
    """
    return [_with_token(table, f"endpoint[{n}]", folder) for n, table in enumerate(tables)]


def _with_token(table: dict[str, Any], where: str, folder: Path) -> dict[str, Any]:
    path = table.get("token_file")
    if not path:
        return table
    try:
        token = read_private(folder / path, secret=True).decode("ascii").strip()
    except UnsafeFile as error:
        raise ValueError(f"`{where}.token_file`: {error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"`{where}.token_file`: `{path}` is not ASCII text") from None
    if not token or not token.isprintable() or len(token) > TOKEN_CHARACTERS_MAX:
        raise ValueError(
            f"`{where}.token_file`: `{path}` must hold one line of 1 to {TOKEN_CHARACTERS_MAX} "
            "characters"
        )
    return {key: value for key, value in table.items() if key != "token_file"} | {"token": token}


def fault_of(endpoints: Sequence[EndpointSettings], *, with_secrets: bool) -> str | None:
    """What is wrong with all of them, as `key: what to write`; None when nothing is.

    `with_secrets`: they are not as written in a file, but as signed, with tokens.
    """
    first: dict[int, int] = {}
    places: dict[tuple[object, ...], int] = {}
    for n, each in enumerate(endpoints):
        fault = _fault(each)
        if fault is not None:
            return f"`endpoint.{fault}"
        if each.token and not with_secrets:
            return (
                f"`endpoint[{n}].token`: write the secret into a file in the home, mode 0600, and "
                "its name as `token_file`"
            )
        if each.private and all(other.private or other.chain != each.chain for other in endpoints):
            return (
                f"`endpoint[{n}].private`: a relay answers no questions, so chain {each.chain} "
                f"also needs an endpoint that is not private"
            )
        m = first.setdefault(each.chain, n)
        for key in OF_THE_CHAIN:
            ours, theirs = getattr(each, key), getattr(endpoints[m], key)
            if ours != theirs:
                return (
                    f"`endpoint[{m}].{key}` is {theirs} and `endpoint[{n}].{key}` is {ours}: it "
                    f"counts for chain {each.chain} as a whole, so write the same, or write it once"
                )
        m = places.setdefault(_place(each), n)
        if m != n:
            return (
                f"`endpoint[{n}].rpc_url`: `endpoint[{m}]` is at {each.name} too: one server "
                f"twice is not two nodes, so name another"
            )
    return None


def _place(each: EndpointSettings) -> tuple[object, ...]:
    parts = urlsplit(each.rpc_url)
    return each.chain, _machine(parts.hostname or ""), parts.port or _PORTS[parts.scheme]


def _machine(host: str) -> str:
    """One spelling for all names of one machine, as far as that is known without asking for it."""
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            # The short spellings that connecting takes too, such as 127.1.
            address = ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    # Who connects to no address in particular gets this machine.
    return "127.0.0.1" if address.is_loopback or address.is_unspecified else str(address)


def fault_of_url(url: str) -> str | None:
    """Why this is no address of a node, to be read behind it; None when it is one."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    if parts.scheme in _PORTS and host:
        return None
    said = "must be an http:// or https:// address"
    # `node.example:8545` has the scheme `node.example` for a parser, and none for its writer.
    return said if "://" in url else f"{said}: put the scheme in front of it"


def _fault(each: EndpointSettings) -> str | None:
    if fault := fault_of_url(each.rpc_url):
        return f"rpc_url`: {fault}"
    parts = urlsplit(each.rpc_url)
    host = parts.hostname or ""
    for key in ("poll_ms", "timeout_ms"):
        if getattr(each, key) < 10:
            return f"{key}`: must be at least 10 ms"
    if each.confirmations < 1:
        return "confirmations`: must be at least 1"
    if each.simulate not in SIMULATE:
        return f"simulate`: must be one of {', '.join(SIMULATE)}"
    if each.calls_per_second > CALLS_PER_SECOND_MAX:
        return f"calls_per_second`: must be at most {CALLS_PER_SECOND_MAX}; 0 is no limit"
    if not _HEADER.fullmatch(each.token_header) or each.token_header.lower() in _OURS:
        return 'token_header`: must be the name of a header such as "x-api-key"'
    if (each.token or each.token_file) and parts.scheme == "http" and not _is_loopback(host):
        return "rpc_url`: with a token it must be https://, or a server of this machine (127.0.0.1)"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
