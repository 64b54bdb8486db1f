"""The error of this package: what is wrong, where, and what to write instead."""

from __future__ import annotations


class PolicyTextError(Exception):
    """Words, a file of cases or a foreign policy that cannot be used. Its text is a sentence."""
