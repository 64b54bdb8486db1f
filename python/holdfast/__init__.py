"""Holdfast: a local guardian for the wallets of AI agents."""
