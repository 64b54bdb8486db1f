"""How many blocks make a payment final on a chain: what `holdfast init` writes as `confirmations`.

A payment is final for the guardian when its block is not expected to change. Of a block that is
replaced after all the limits keep what they counted; docs/operations.md, "Confirmations", has the
reasons.
"""

from __future__ import annotations

# Ethereum, and every chain that is not known here.
CAREFUL = 12
LOCAL = 1

_TABLE = (
    # Chains on this machine: a block is never replaced.
    (LOCAL, (1337, 31337)),
    # Avalanche, final as soon as it is accepted; one more for a node behind the others.
    (2, (43114, 43113)),
    # Ethereum and Gnosis, with their test chains.
    (CAREFUL, (1, 11155111, 17000, 560048, 100, 10200)),
    # BNB Smart Chain.
    (20, (56, 97)),
    # Scroll.
    (20, (534352, 534351)),
    # OP Stack with blocks of 2 s: a minute.
    (30, (10, 8453, 7777777, 34443, 81457, 480, 1868, 252, 1135, 5000, 11155420, 84532)),
    # Linea.
    (30, (59144, 59141)),
    # OP Stack with blocks of 1 s: a minute.
    (60, (130, 57073, 42220, 1301, 763373)),
    # ZKsync.
    (60, (324, 300)),
    # Polygon.
    (128, (137, 80002)),
    # Arbitrum with blocks of a quarter of a second: a minute.
    (240, (42161, 42170, 421614)),
)
_OF_CHAIN = {chain: blocks for blocks, chains in _TABLE for chain in chains}


def confirmations(chain_id: int) -> int:
    """Blocks until a payment is final, its own included."""
    return _OF_CHAIN.get(chain_id, CAREFUL)
