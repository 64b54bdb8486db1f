"""`[[price]]` of config.toml: where prices are looked up.

Only the operator writes it; an agent can neither see nor change it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCES_MAX = 100
URL_CHARACTERS_MAX = 2_048
POINTER_CHARACTERS_MAX = 200
EVERY_SECONDS = range(10, 3_601)
SCHEMES = ("http", "https")

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_POINTER = re.compile(r"(/([^~/]|~[01])*)+")


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """One source of the price of one asset in USD.

    A feed contract on a chain, or a JSON document behind a URL, in which `value` is the JSON
    pointer (RFC 6901) of the number.
    """

    asset: str
    chain: int = 0
    feed: str = ""
    url: str = field(default="", repr=False)
    value: str = ""
    every_seconds: int = 60

    @property
    def name(self) -> str:
        """As it is shown. A path or a query often is a key of the provider's, so never those."""
        if self.feed:
            return f"feed {self.feed} on chain {self.chain}"
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    @property
    def witness(self) -> tuple[object, ...]:
        """Whose word it is.

        All feeds of a chain are read by the one node of that chain, which can lie about each of
        them.
        """
        return ("node", self.chain) if self.feed else ("url", self.url, self.value)

    @property
    def is_loopback(self) -> bool:
        """Whether it is a server of this machine.

        Only such a server may go without TLS.
        """
        return urlsplit(self.url).scheme == "http"


def fault_of(prices: Sequence[PriceSettings], chains: set[int]) -> str | None:
    """What is wrong with all of them, as `key: what to write`; None when nothing is.

    `chains` are those that have an endpoint.
    """
    if len(prices) > SOURCES_MAX:
        return f"`price`: {len(prices)} [[price]] tables are more than {SOURCES_MAX}"
    seen: set[tuple[object, ...]] = set()
    for n, price in enumerate(prices):
        fault = _fault(price, chains)
        if fault is not None:
            return f"`price[{n}].{fault}"
        # The same place twice would only look like two sources.
        place = (price.asset, price.chain, price.feed.lower(), price.url, price.value)
        if place in seen:
            return f"`price[{n}]`: the same source of `{price.asset}` twice"
        seen.add(place)
    return None


def _fault(price: PriceSettings, chains: set[int]) -> str | None:
    if not price.asset:
        return "asset`: write the id of an [[asset]] of the policy"
    if price.every_seconds not in EVERY_SECONDS:
        low, high = EVERY_SECONDS[0], EVERY_SECONDS[-1]
        return f"every_seconds`: must be {low} to {high}"
    if bool(price.feed) == bool(price.url):
        return "feed`: give either `feed` with `chain`, or `url` with `value`"
    if price.feed:
        return _fault_of_feed(price, chains)
    return _fault_of_url(price)


def _fault_of_feed(price: PriceSettings, chains: set[int]) -> str | None:
    if price.value:
        return "value`: goes with `url` only"
    if not _ADDRESS.fullmatch(price.feed):
        return "feed`: must be the address of a contract, 0x and 40 hex digits"
    if price.chain not in chains:
        return f"chain`: there is no [[endpoint]] for chain {price.chain}"
    return None


def _fault_of_url(price: PriceSettings) -> str | None:
    if price.chain:
        return "chain`: goes with `feed` only"
    if len(price.url) > URL_CHARACTERS_MAX or not price.url.isascii() or " " in price.url:
        return f"url`: must be at most {URL_CHARACTERS_MAX} ASCII characters without a space"
    try:
        parts = urlsplit(price.url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "url`: is not an address"
    if parts.scheme not in SCHEMES or not host or parts.username is not None:
        return "url`: must be an https:// address without a user name"
    if parts.scheme == "http" and not _is_loopback(host):
        return "url`: must be https://; http:// is for servers of this machine (127.0.0.1) only"
    if len(price.value) > POINTER_CHARACTERS_MAX or not _POINTER.fullmatch(price.value):
        return 'value`: must be a JSON pointer to the number, such as "/data/amount"'
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
