"""The command line beside a guardian of `tests/service/in_process.py`."""

import asyncio
import os
import sys
from typing import NamedTuple

from tests.service.in_process import OPERATOR_PASSPHRASE

from holdfast.service.home.folder import Home

ASK_FOR_THE_KEY = frozenset({"apply", "approve", "deny", "set"})


class Result(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


async def holdfast(home: Home, *arguments: str) -> Result:
    """A command in a process of its own, with the operator's passphrase where it asks for it."""
    words = [*arguments]
    if "check" not in arguments:
        words += ["--home", str(home.path)]
    read_end, write_end = os.pipe()
    os.write(write_end, OPERATOR_PASSPHRASE + b"\n")
    os.close(write_end)
    if ASK_FOR_THE_KEY.intersection(arguments):
        words += ["--passphrase-fd", str(read_end)]
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "holdfast",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(read_end,),
        )
        out, err = await process.communicate()
    finally:
        os.close(read_end)
    return Result(process.returncode or 0, out.decode(), err.decode())
