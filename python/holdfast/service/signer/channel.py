"""The words between the guardian and its signer.

A JSON object a line, each question with a proof that the guardian asks.

The proof is HMAC-SHA256 under a secret that went through the pipe beside the passphrase, over the
number of the question and its bytes. Another process that got hold of the socket can neither ask
nor repeat a question.
"""

from __future__ import annotations

import hmac

SECRET_BYTES = 32
PROOF_CHARS = 64
# What a question may be, its proof included.
LINE_BYTES_MAX = 4096


def prove(secret: bytes | bytearray, number: int, question: bytes) -> bytes:
    """The line of question `number` (from 0) without its line end."""
    return _proof(secret, number, question) + b" " + question


def proven(secret: bytes | bytearray, number: int, line: bytes) -> bytes | None:
    """The question that a line without its end asks; None unless the guardian proved it."""
    proof, space, question = (
        line[:PROOF_CHARS],
        line[PROOF_CHARS : PROOF_CHARS + 1],
        line[PROOF_CHARS + 1 :],
    )
    if space != b" " or not hmac.compare_digest(proof, _proof(secret, number, question)):
        return None
    return question


def _proof(secret: bytes | bytearray, number: int, question: bytes) -> bytes:
    message = number.to_bytes(8, "big") + question
    return hmac.digest(bytes(secret), message, "sha256").hex().encode()
