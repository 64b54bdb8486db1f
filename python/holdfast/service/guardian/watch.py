"""Watches the home for the files that act on a running daemon: the policy, its signature, FREEZE.

The folder is watched, not the files: an editor replaces a file by a rename, and a watch on the file
misses most of them.
"""

import asyncio
from pathlib import Path

from holdfast.service.guardian.freeze_file import FreezeFile
from holdfast.service.guardian.policy_file import PolicyFile

# The journal lies in the same folder, so under load every step sees a change that is not wanted.
STEP_MS = 50
DEBOUNCE_MS = 200


async def watch(policy: PolicyFile, freeze: FreezeFile) -> None:
    """Runs until cancelled. What was changed before it began must be looked at by the caller."""
    from watchfiles import Change, awatch

    names = {str(policy.path), str(policy.signature_path), str(freeze.path)}

    def wanted(change: Change, path: str) -> bool:
        # A policy that was removed is an alarm; a FREEZE that was obeyed is removed by us.
        return path in names and (change != Change.deleted or path == str(policy.path))

    async for changes in awatch(
        policy.path.parent,
        watch_filter=wanted,
        step=STEP_MS,
        debounce=DEBOUNCE_MS,
        recursive=False,
    ):
        touched = {Path(path) for _, path in changes}
        if freeze.path in touched:
            await freeze.obey()
        if touched & {policy.path, policy.signature_path}:
            await policy.changed()
        await asyncio.sleep(0)
