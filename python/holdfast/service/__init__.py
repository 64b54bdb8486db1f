"""The daemon: sockets, journal, signer and chain around the pure core.

Decisions are made in `holdfast._core` alone.
"""
