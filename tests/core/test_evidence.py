"""What does not hold as evidence is refused with the code that says why."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from holdfast._core import (
    Guard,
    HoldfastError,
    LogTree,
    checkpoint_body,
    open_note,
    signed_note,
)
from holdfast.codes import Code

KEY, OTHER = SigningKey(b"\x33" * 32), SigningKey(b"\x44" * 32)
PUBLIC = bytes(KEY.verify_key)
NAME = "holdfast/test"
BODY = checkpoint_body(NAME, 1, bytes(32))


def _note(body: bytes, key: SigningKey = KEY) -> bytes:
    return signed_note(body, NAME, bytes(key.verify_key), key.sign(body).signature)


def test_a_note_of_the_log_opens() -> None:
    assert open_note(_note(BODY), NAME, PUBLIC) == (NAME, 1, bytes(32))


@pytest.mark.parametrize(
    ("note", "code"),
    [
        (b"no note", Code.NOTE_MALFORMED),
        (_note(BODY, OTHER), Code.NOTE_UNKNOWN_KEY),
        (_note(BODY).replace(b"\n1\n", b"\n2\n"), Code.NOTE_SIGNATURE),
        (_note(b"signed, and no checkpoint\n"), Code.NOTE_CHECKPOINT),
    ],
    ids=lambda value: value if isinstance(value, Code) else "",
)
def test_a_note_that_does_not_hold_says_why(note: bytes, code: Code) -> None:
    with pytest.raises(HoldfastError) as caught:
        open_note(note, NAME, PUBLIC)
    assert caught.value.args[0] == code


def test_a_name_that_cannot_stand_in_a_note_is_refused() -> None:
    with pytest.raises(HoldfastError) as caught:
        signed_note(BODY, "a name", PUBLIC, KEY.sign(BODY).signature)
    assert caught.value.args[0] == Code.NOTE_NAME


def test_a_range_or_a_snapshot_of_nothing_is_refused() -> None:
    with pytest.raises(HoldfastError) as caught:
        LogTree.restore(b"no range")
    assert caught.value.args[0] == Code.RANGE_MALFORMED
    with pytest.raises(HoldfastError) as caught:
        Guard.restore(b"no snapshot")
    assert caught.value.args[0] == Code.REPLAY_SNAPSHOT


def test_a_log_without_a_first_event_is_none() -> None:
    with pytest.raises(HoldfastError) as caught:
        Guard.replay([])
    assert caught.value.args[0] == Code.REPLAY_GENESIS
