"""The commented files that a new home starts with.

They are valid as they are: every payment requires approval.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.service.home.fee_caps import GAS_MAX, fee_caps
from holdfast.service.home.finality import confirmations

CONFIG = """\
# Holdfast: the chains and their nodes. Unknown keys are errors. After you change nodes, prices,
# alerts or descriptors, run `holdfast config apply`. Until then the signed ones stay in use.
version = 1
{agents_dir}

[[endpoint]]
chain = {chain_id}
rpc_url = "{rpc_url}"
{confirmations} # blocks until a payment is final, including its own
# poll_ms = 500                # how often to look for new blocks
# timeout_ms = 5_000           # how long one answer may take

# A second node, from another provider: spending is only freed when two nodes agree.
# [[endpoint]]
# chain = {chain_id}
# rpc_url = "https://…"
# token_file = "node.token"    # a file in the home, mode 0600, if the node needs a token
"""

AGENTS_DIR = """\
# agents_dir = "/run/holdfast/agents"   # the sockets of agents that run as other users"""

POLICY_HEAD = """\
# Holdfast: what agents may do. Everything not granted here is denied.
# After a change, run `holdfast policy check policy.toml`, then `holdfast policy apply`. A change
# that can only deny more takes effect when saved; all others need your signature.
version = 1
name = "starter"

[[chain]]
id = {chain_id}
name = "{chain_name}"
# A few times the usual fees of the chain: limits count the highest fee that an agent may set.
gas_max = {gas_max}
fee_per_gas_max = "{fee}"
priority_fee_per_gas_max = "{tip}"

"""

POLICY_WALLET = """\
[[wallet]]
id = "{wallet_id}"
address = "{address}"

"""

POLICY_TAIL = """\
[[agent]]
id = "{agent_id}"                # its socket is {agent_id}.sock; `holdfast status` shows where
# uids = [1001]                # the user it runs as; default: the guardian's
wallets = ["wallet-1"]
chain = {chain_id}

[[asset]]
id = "eth"
chain = {chain_id}
native = true
decimals = 18
symbol = "ETH"

# `holdfast assets add` reads a token from its chain and writes such a table:
# [[asset]]
# id = "usdc"
# chain = {chain_id}
# address = "0x…"              # the token's checksummed address
# decimals = 6
# symbol = "USDC"
# price_usd = "1"

# [[list]]
# id = "vendors"
# [[list.entry]]
# address = "0x…"
# label = "name of the payee"

[[rule]]
id = "ask-for-every-payment"
effects = ["transfer"]
assets = ["eth"]
tier = "approval"              # instant | notify | delay | approval
timeout = "30m"

[[limit]]                      # daily fees; above this, approval is required
id = "fees-a-day"
per = "agent"
effects = ["fee"]
assets = ["eth"]
measure = "amount"
max = "{fees}"
window = "24h"
on_exceed = "approval"

# [[rule]]
# id = "small-payments-to-vendors"
# effects = ["transfer"]
# assets = ["usdc"]
# to = ["@vendors"]
# amount_max = "5"
# tier = "instant"

# [[limit]]
# id = "usdc-a-day"
# per = "agent"
# assets = ["usdc"]
# measure = "amount"
# max = "50"
# window = "24h"
# on_exceed = "deny"
"""


def config(chain_id: int, rpc_url: str, agents_dir: str = "") -> str:
    """The text of config.toml; without `agents_dir` the agents' sockets are in the home."""
    line = f'agents_dir = "{_escaped(agents_dir)}"' if agents_dir else AGENTS_DIR
    final = f"confirmations = {confirmations(chain_id)}".ljust(30)
    return CONFIG.format(
        chain_id=chain_id, rpc_url=_escaped(rpc_url), agents_dir=line, confirmations=final
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def policy(addresses: Sequence[str], chain_id: int, agent_id: str) -> str:
    """The text of policy.toml for checksummed wallet addresses; the agent gets the first one."""
    name = "local" if chain_id == 31337 else f"chain-{chain_id}"
    caps = fee_caps(chain_id)
    parts = [
        POLICY_HEAD.format(
            chain_id=chain_id,
            chain_name=name,
            gas_max=f"{GAS_MAX:_}",
            fee=caps.fee,
            tip=caps.tip,
        )
    ]
    for number, address in enumerate(addresses, start=1):
        parts.append(POLICY_WALLET.format(wallet_id=f"wallet-{number}", address=address))
    parts.append(POLICY_TAIL.format(chain_id=chain_id, agent_id=agent_id, fees=caps.day))
    return "".join(parts)
