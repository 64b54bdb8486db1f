"""Holdfast: a local guardian for the wallets of AI agents."""

__version__ = "0.1.0"
