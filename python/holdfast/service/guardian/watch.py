"""Watches the home for the files that act on a running daemon: the policy, its signature, FREEZE.

They are looked at by name a few times a second. The kernel's notices (inotify) come for a whole
folder, and the journal lies in the same one: each of its writes would wake the watch, for nothing.
Looking also works on file systems that send no notices.
"""

import asyncio
import os
from pathlib import Path

from holdfast.service.guardian.freeze_file import FreezeFile
from holdfast.service.guardian.policy_file import PolicyFile

# Also how long a policy must stay as it is before it is read: much longer than the file system's
# clock stands still, so a second write cannot hide behind the time of the first.
LOOK_MS = 50
# A policy that is written again and again is read after so many looks all the same.
LOOKS_MAX = 4

Mark = tuple[int, ...] | None
Marks = tuple[Mark, Mark]


class HomeWatch:
    """Acts on what changes from now on.

    What is there when this is made must be looked at by the caller, afterwards.
    """

    def __init__(self, policy: PolicyFile, freeze: FreezeFile) -> None:
        self._policy = policy
        self._freeze = freeze
        self._freeze_mark = mark_of(freeze.path)
        self._seen = self._look_at_policy()
        self._policy_marks: Marks | None = self._seen
        self._looks = 0

    async def run(self) -> None:
        """Runs until cancelled. A policy that takes long to check keeps no FREEZE waiting."""
        changed: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(LOOK_MS / 1000)
                found = mark_of(self._freeze.path)
                if found != self._freeze_mark:
                    self._freeze_mark = found
                    await self._freeze.obey()
                    if not self._freeze.present:
                        self._freeze_mark = None
                if changed is not None and changed.done():
                    changed = changed.result()
                if changed is None and self._policy_is_new():
                    changed = asyncio.create_task(self._policy.changed())
        finally:
            if changed is not None:
                changed.cancel()

    def _policy_is_new(self) -> bool:
        """Whether it is another than was last acted on, and has stayed as it is for a while."""
        before, self._seen = self._seen, self._look_at_policy()
        if self._seen == self._policy_marks:
            self._looks = 0
            return False
        self._looks += 1
        if self._seen != before and self._looks < LOOKS_MAX:
            return False
        # One that is still being written is looked at again when it has come to rest.
        self._policy_marks = self._seen if self._seen == before else None
        self._looks = 0
        return True

    def _look_at_policy(self) -> Marks:
        return mark_of(self._policy.path), mark_of(self._policy.signature_path)


def mark_of(path: Path) -> Mark:
    """Changes with every write, replacement, change of mode or removal of the file.

    No program sets the time of change (ctime) itself, unlike that of writing.
    """
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mode, found.st_uid, found.st_ctime_ns
