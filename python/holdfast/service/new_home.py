"""How `holdfast init` makes a home: keys, first policy, first configuration, first events."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast._core import __version__
from holdfast.codes import PolicyCode
from holdfast.secrets.files import sync_folder, write_private
from holdfast.service.home import starter
from holdfast.service.home.agent_sockets import check_sockets
from holdfast.service.home.folder import OPERATOR_ID, Home, HomeError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from nacl.signing import SigningKey

    from holdfast.secrets.authority import Kind, SignedCommand
    from holdfast.secrets.keystore import Kdf

WALLETS_MAX = 64
OPERATORS_MAX = 16
# What JSON holds exactly; the core takes no other.
CHAIN_ID_MAX = 2**53 - 1


@dataclass(frozen=True)
class Init:
    """What `holdfast init` is asked to make."""

    passphrase: bytes | bytearray
    operator_passphrase: bytes | bytearray
    wallets: int = 1
    imported: Sequence[LocalAccount] = ()
    kdf: Kdf = "standard"
    chain_id: int = 31337
    rpc_url: str = "http://127.0.0.1:8545"
    operator_id: str = "operator"
    # Public keys of more operators, by their id.
    co_operators: Mapping[str, bytes] = field(default_factory=dict)
    agent_id: str = "agent"
    # The policy for the wallets' addresses, and the text of config.toml; else the starter's.
    policy: Callable[[Sequence[str]], str] | None = None
    config: str | None = None


@dataclass(frozen=True)
class Created:
    """A new home.

    Its wallets by checksummed address, the data of its first event, and its public keys.
    """

    home: Home
    wallets: list[str]
    genesis: bytes
    log_key: bytes
    operator_id: str
    operator_key: bytes


def init_home(home: Home, init: Init) -> Created:
    """Makes a home, whole or not at all: it is built beside its place and moved there last.

    Refuses with HomeError when something is there already, so running it again changes nothing.
    """
    check_init(home, init, imported=len(init.imported))
    home.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    building = Home(home.path.with_name(f".{home.path.name}.{secrets.token_hex(8)}"))
    try:
        created = _build(building, home, init)
        try:
            # Fails unless the place is free or an empty folder.
            building.path.rename(home.path)
        except OSError as error:
            raise HomeError(f"`{home.path}` cannot be created: {error.strerror}") from None
        sync_folder(home.path.parent)
    finally:
        shutil.rmtree(building.path, ignore_errors=True)
    return created


def check_init(home: Home, init: Init, *, imported: int = 0) -> None:
    """What can be refused before keys are made or a passphrase is asked for. Raises HomeError."""
    from holdfast.service.chain.endpoint_tables import fault_of_url

    if home.exists:
        raise HomeError(f"there is already a guardian in `{home.path}`: nothing was changed")
    if home.path.is_symlink():
        raise HomeError(f"`{home.path}` is a symbolic link: name the folder itself")
    if home.path.exists() and (not home.path.is_dir() or any(home.path.iterdir())):
        raise HomeError(f"`{home.path}` is not an empty folder: nothing was changed")
    if not 0 <= init.wallets <= WALLETS_MAX or not 1 <= init.wallets + imported <= WALLETS_MAX:
        raise HomeError(f"a home holds 1 to {WALLETS_MAX} wallets")
    for each in (init.operator_id, *init.co_operators):
        if not OPERATOR_ID.fullmatch(each):
            raise HomeError(
                f"`{each}` is not an operator id: use a-z, 0-9 and `-`, at most 32 characters"
            )
    if init.operator_id in init.co_operators or len(init.co_operators) >= OPERATORS_MAX:
        raise HomeError(
            f"operators are {OPERATORS_MAX} at most, each with an id of its own: "
            f"`{init.operator_id}` is the first one's (change it with --operator)"
        )
    if not 1 <= init.chain_id <= CHAIN_ID_MAX:
        raise HomeError(
            f"{init.chain_id} is not a chain id: Ethereum is 1, a local test chain mostly 31337"
        )
    if fault := fault_of_url(init.rpc_url):
        raise HomeError(f"the node `{init.rpc_url}` {fault}")
    _ = home.operator_socket, home.agent_socket(init.agent_id)


def _build(building: Home, home: Home, init: Init) -> Created:
    # These load eth-account, which only this command and the signer need.
    from nacl.signing import SigningKey

    from holdfast.secrets import authority, keystore, sealed

    building.path.mkdir(mode=0o700)
    for folder in (building.keys_dir, building.wallets_dir, building.run_dir, building.agents_dir):
        folder.mkdir(mode=0o700)
    keystore.check_fast_backend()
    accounts = [*init.imported, *(keystore.new_wallet() for _ in range(init.wallets))]
    for account in accounts:
        keystore.save_wallet(building.wallets_dir, account, init.passphrase, init.kdf)
    log_key = SigningKey.generate()
    keystore.save_log_key(building.log_key_path, log_key, init.passphrase, init.kdf)
    operator = SigningKey.generate()
    cost = keystore.SEAL_COST[init.kdf]
    write_private(
        building.operator_key_path,
        sealed.seal(operator, init.operator_passphrase, cost, init.operator_id),
    )
    addresses: list[str] = [account.address for account in accounts]
    policy = starter.policy(addresses, init.chain_id, init.agent_id)
    if init.policy is not None:
        policy = init.policy(addresses)
    _check_policy(policy, addresses, home)
    config = init.config
    if config is None:
        config = starter.config(init.chain_id, init.rpc_url, str(home.agents or ""))
    write_private(building.config_path, config.encode())
    public_key = bytes(log_key.verify_key)
    authority.write_pin(building.operator_key_path, operator, public_key.hex())
    operator_key = bytes(operator.verify_key)
    operators = {init.operator_id: operator_key, **init.co_operators}
    genesis = _genesis(public_key, operators)
    by = _Signs(operator, init.operator_id, public_key.hex())
    _make_journal(building, genesis, log_key, policy, by)
    return Created(home, addresses, genesis, public_key, init.operator_id, operator_key)


def _check_policy(policy: str, wallets: list[str], home: Home) -> None:
    """Raises HomeError for a policy with a fault, or one that does not fit the home.

    It names a wallet that is not made here, or an agent whose socket has no room.
    """
    from holdfast._core import PolicyError, check_policy

    try:
        report = json.loads(check_policy(policy, wallets=wallets))
        check_sockets(home, policy, report["agents"])
    except PolicyError as error:
        line, column, code, text, _ = error.args[2][0]
        # The wallets that were just made are gone with the home, so no policy can name them.
        then = "; import its key with --import" if code == PolicyCode.WALLET_UNKNOWN else ""
        raise HomeError(f"the policy, line {line}, column {column}: {text}{then}") from None


def _genesis(log_key: bytes, operators: Mapping[str, bytes]) -> bytes:
    """The data of `guardian.created`.

    The origin names this log among all logs, as C2SP tlog-checkpoint asks.
    """
    data = {
        "origin": f"holdfast.local/{log_key.hex()[:16]}",
        "log_key": log_key.hex(),
        "operators": [
            {"id": ident, "public_key": "0x" + key.hex()} for ident, key in operators.items()
        ],
        "version": __version__,
    }
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True)
class _Signs:
    """The operator whose signature puts the first policy and configuration in force."""

    key: SigningKey
    id: str
    guardian: str

    def sign(self, kind: Kind, source: str) -> SignedCommand:
        from holdfast.secrets.authority import sign_authority

        return sign_authority(
            self.key, kind, source, guardian=self.guardian, key_id=self.id, revision=1
        )


def _make_journal(
    building: Home, genesis: bytes, log_key: SigningKey, policy: str, by: _Signs
) -> None:
    """A journal with the first policy and configuration in force, and their files.

    Its first events are under a checkpoint: from the beginning nothing in it is believed without a
    signature.
    """
    from holdfast._core import Guard, checkpoint_body
    from holdfast.secrets.authority import digest_of
    from holdfast.service.config import read_table
    from holdfast.service.config_file import outside_text, place_config
    from holdfast.service.guardian.policy_file import place_policy
    from holdfast.service.journal import open as journal
    from holdfast.service.journal.signed_notes import sign_note

    now_ms = time.time_ns() // 1_000_000
    guard, first = Guard.create(genesis, now_ms)
    signed = by.sign("policy", policy)
    loaded = guard.load_policy(policy, by.id, *_bytes(signed), now_ms)
    place_policy(building.policy_path, policy, signed)
    parts = outside_text(read_table(building.config_path), building.path)
    signed = by.sign("config", parts)
    noted = guard.load_config(digest_of(parts), by.id, *_bytes(signed), now_ms)
    place_config(building, parts, signed)
    origin = json.loads(genesis)["origin"]
    note = sign_note(log_key, origin, checkpoint_body(origin, guard.size, guard.root))
    records = (first, *loaded.records, *noted.records)
    journal.create(building.journal_path, *records, note=note)


def _bytes(signed: SignedCommand) -> tuple[bytes, bytes]:
    return signed.payload.encode(), bytes.fromhex(signed.signature[2:])
