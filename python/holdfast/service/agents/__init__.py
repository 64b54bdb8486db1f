"""The agents' side: sockets, JSON-RPC, budgets and answers."""
