"""One of many processes that spend one limit: waits for the start, pays, tells what became of it.

Argument: JSON `{"socket", "payments": [transaction…], "wait_s"}`; a line on stdin starts it. Prints
one JSON list of `{"hash"}` or `{"code", "reason"}`.
"""

from __future__ import annotations

import json
import sys

from holdfast.agent.client import Client, RpcError


def main() -> None:
    """See the module."""
    given = json.loads(sys.argv[1])
    told = []
    with Client(given["socket"], timeout_s=120) as client:
        print("ready", flush=True)
        sys.stdin.readline()
        for payment in given["payments"]:
            try:
                tx_hash = client.send_transaction(payment, wait_s=given["wait_s"])
            except RpcError as refused:
                reasons = refused.data.get("reasons") or [{}]
                told.append({"code": refused.code, "reason": reasons[0].get("code")})
            else:
                told.append({"hash": tx_hash})
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
