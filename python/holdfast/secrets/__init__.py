"""Passphrases, sealed ed25519 keys and private files.

What both the service and the operator's tools need.
"""
