"""What an agent may import: a small client of its own socket, and nothing of the service.

Any Ethereum client works on the socket unchanged; this package is for agents that want none, or
whose policy entry has a `public_key`, so that every request must be signed.
"""

from holdfast.agent.client import Client, Denied, Pending, RpcError
from holdfast.agent.connect import connect, default_home, socket_path
from holdfast.agent.signed import RequestKey

__all__ = [
    "Client",
    "Denied",
    "Pending",
    "RequestKey",
    "RpcError",
    "connect",
    "default_home",
    "socket_path",
]
