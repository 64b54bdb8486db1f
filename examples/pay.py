"""Pays through the guardian with web3.py: `python examples/pay.py SOCKET TO WEI`."""

import sys
import time

from web3 import IPCProvider, Web3
from web3.exceptions import Web3RPCError

PENDING = -32003

socket, to, wei = sys.argv[1:]
w3 = Web3(IPCProvider(socket))
payment = {"from": w3.eth.accounts[0], "to": to, "value": int(wei)}
while True:
    try:
        print(w3.eth.send_transaction(payment).to_0x_hex())
        break
    except Web3RPCError as refused:
        error = refused.rpc_response["error"]
        print(error["message"], file=sys.stderr)
        if error["code"] != PENDING:
            sys.exit(1)
        # The same call again joins the request that waits; it never pays twice.
        time.sleep(error["data"]["retryAfter"])
