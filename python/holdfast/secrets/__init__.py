"""Passphrases, sealed ed25519 keys and private files: what both the service and the operator's
tools need.
"""
