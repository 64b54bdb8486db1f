"""One JSON document over HTTPS from a place the operator chose.

Bounded, at once, no redirects, no proxies, and never from inside the operator's own network.

A name is looked up here and its addresses judged before the connection is made to one of them, so a
name that leads elsewhere a moment later leads nowhere.
"""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from holdfast.service.facts.prices.number import NoPrice

if TYPE_CHECKING:
    from holdfast.service.facts.prices.settings import PriceSettings

ANSWER_BYTES_MAX = 64 << 10
SECONDS_MAX = 5.0
CHUNK_BYTES = 1 << 14
# Addresses that carry one of IPv4 in their last 32 bits.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def read_document(source: PriceSettings) -> bytes:
    """The document. Raises NoPrice; the text has no part of the address but its host."""
    # The import takes a moment: not on the loop.
    aiohttp = await asyncio.to_thread(importlib.import_module, "aiohttp")
    if not source.is_loopback:
        # An address is not looked up, so the resolver would not judge it.
        _judge(urlsplit(source.url).hostname or "")
    connector = aiohttp.TCPConnector(resolver=_resolver(), force_close=True)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=SECONDS_MAX),
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"accept": "application/json", "accept-encoding": "identity"},
            ) as session,
            session.get(source.url, allow_redirects=False) as response,
        ):
            return await _read(response)
    except TimeoutError:
        raise NoPrice(f"no answer within {SECONDS_MAX:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if isinstance(cause := getattr(error, "os_error", None), _Inside):
            raise NoPrice(str(cause)) from None
        raise NoPrice(f"it cannot be reached ({type(error).__name__})") from None


async def _read(response: Any) -> bytes:
    if 300 <= response.status < 400:
        raise NoPrice("it redirects elsewhere; redirects are not followed")
    if response.status != 200:
        raise NoPrice(f"it answered with HTTP status {response.status}")
    answer = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        answer += chunk
        if len(answer) > ANSWER_BYTES_MAX:
            raise NoPrice(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
    return bytes(answer)


class _Inside(OSError):
    """The name leads to an address that is not asked."""


def _resolver() -> Any:
    from aiohttp.resolver import ThreadedResolver

    class Judging(ThreadedResolver):
        """Gives no address but those that may be asked."""

        async def resolve(self, *arguments: Any, **named: Any) -> Any:
            found = await super().resolve(*arguments, **named)
            for each in found:
                try:
                    _judge(each["host"])
                except NoPrice as error:
                    raise _Inside(str(error)) from None
            return found

    return Judging()


def _judge(host: str) -> None:
    """Raises NoPrice for an address that is not of the public net; names pass."""
    try:
        ip = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return
    for each in (ip, _carried(ip)):
        if each is not None and (not each.is_global or each.is_multicast):
            raise NoPrice("it leads to an address that is not public")


def _carried(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip in NAT64:
        return ipaddress.IPv4Address(ip.packed[-4:])
    return ip.ipv4_mapped or ip.sixtofour
