"""One guardian with its home, on a local chain: made, started as its own process, stopped, killed.

The keys are throw-aways under throw-away passphrases with cheap key derivation: never for money.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.demo.chain import CHAIN_ID, Chain
from holdfast.demo.operator_connection import OperatorConnection
from holdfast.operator.keys import load
from holdfast.process import child
from holdfast.service.home import starter
from holdfast.service.home.folder import Home
from holdfast.service.new_home import Init, init_home
from holdfast.service.offline import sign_config, sign_policy

WALLETS_PASSPHRASE = "wallets of the demo"  # noqa: S105 - a throw-away, shown to everybody
OPERATOR_PASSPHRASE = "let me decide"  # noqa: S105 - likewise
START_S = 60.0
STOP_S = 20.0
FUNDS_WEI = 100 * 10**18


class DemoGuardianError(RuntimeError):
    """The guardian did not start or stop; the text ends with its last words."""


class DemoGuardian:
    """The daemon's words go to `run/serve.log` of the home."""

    def __init__(self, home: Path, chain: Chain, wallets: int = 1) -> None:
        """Makes the home, which must not be there yet, and gives every wallet 100 ether."""
        self.chain = chain
        self.home = Home(home)
        self.log = self.home.run_dir / "serve.log"
        self._process: child.Popen[bytes] | None = None
        created = init_home(
            self.home,
            Init(
                passphrase=bytearray(WALLETS_PASSPHRASE.encode()),
                operator_passphrase=bytearray(OPERATOR_PASSPHRASE.encode()),
                wallets=wallets,
                kdf="light",
                chain_id=CHAIN_ID,
                rpc_url=chain.url,
            ),
        )
        self.wallets = created.wallets
        self.operator_id = created.operator_id
        for wallet in self.wallets:
            chain.call("anvil_setBalance", [wallet, hex(FUNDS_WEI)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def policy(self, text: str) -> None:
        """Signs a policy with the operator's key: in force at once, or at the next start."""
        sign_policy(self.home, text, OPERATOR_PASSPHRASE.encode())

    def config(self, more: str) -> None:
        """The starter's config for this chain, looked at often, with `more` after it.

        Signed, for the next start.
        """
        text = f"{starter.config(CHAIN_ID, self.chain.url)}poll_ms = 50\n\n{more}"
        sign_config(self.home, text, OPERATOR_PASSPHRASE.encode())

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the daemon; raises DemoGuardianError when there is none."""
        if self._process is None:
            raise DemoGuardianError("the guardian was not started")
        return self._process.pid

    def start(self, wait_s: float = START_S) -> None:
        """Starts the daemon and waits until it answers `hello`."""
        self.spawn()
        self.wait_ready(wait_s)

    def spawn(self) -> None:
        """Starts the daemon's process."""
        read_end, write_end = os.pipe()
        try:
            os.write(write_end, WALLETS_PASSPHRASE.encode() + b"\n")
            os.close(write_end)
            command = child.own("holdfast", "serve", "--home", str(self.home.path))
            command += ["--passphrase-fd", str(read_end)]
            with self.log.open("ab") as log:
                self._process = child.start(command, stdout=log, stderr=log, pass_fds=(read_end,))
        finally:
            os.close(read_end)

    def wait_ready(self, wait_s: float = START_S) -> None:
        """Returns when the operator socket answers; raises DemoGuardianError otherwise."""
        deadline = time.monotonic() + wait_s
        while True:
            try:
                OperatorConnection(self.home.operator_socket).close()
            except OSError:
                if not self.running or time.monotonic() > deadline:
                    self.kill()
                    raise DemoGuardianError(
                        f"the guardian did not start: {self.last_words()}"
                    ) from None
                time.sleep(0.02)
            else:
                return

    def last_words(self) -> str:
        """The end of what the daemon said."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def stop(self) -> int:
        """Asks the daemon to end; gives its exit code, or raises DemoGuardianError after 20 s."""
        if self._process is None:
            return 0
        if self.running:
            self._process.terminate()
        try:
            return self._process.wait(STOP_S)
        except child.TimeoutExpired:
            self.kill()
            raise DemoGuardianError(f"the guardian did not stop: {self.last_words()}") from None

    def kill(self) -> None:
        """`kill -9` for the daemon; its signer ends by itself when the socketpair closes."""
        if self._process is not None and self.running:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def connect(self, *, key: bool = True) -> OperatorConnection:
        """A connection to the operator's socket, with the key unless asked otherwise."""
        opened = None
        if key:
            opened = load(self.home.operator_key_path, bytearray(OPERATOR_PASSPHRASE.encode()))
        return OperatorConnection(self.home.operator_socket, opened)

    def agent_socket(self, agent: str, wait_s: float = 10.0) -> str:
        """The path of an agent's socket, once it is open."""
        path = str(self.home.agent_socket(agent))
        deadline = time.monotonic() + wait_s
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                try:
                    line.connect(path)
                except OSError:
                    if time.monotonic() > deadline:
                        raise DemoGuardianError(f"nothing listens at {path}") from None
                    time.sleep(0.02)
                else:
                    return path

    def verify(self) -> tuple[int, str]:
        """`holdfast journal verify` of this home: its exit code and what it printed."""
        command = child.own("holdfast", "journal", "verify", "--json", str(self.home.path))
        done = child.run(command, timeout_s=300, stderr=child.PIPE, text=True)
        return done.returncode, done.stdout.strip() or done.stderr.strip()
