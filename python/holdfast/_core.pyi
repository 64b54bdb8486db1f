"""The Rust core. All decisions are made here; Python only carries bytes in and out.

Times are milliseconds since the epoch. `bytes` that carry data are UTF-8 JSON unless said otherwise; records are canonical JSON.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, final

__all__ = [
    "CODE_AGE_MS_MAX",
    "EFFECT_KINDS",
    "END_STATES",
    "EVENT_KINDS",
    "LEAVING_EFFECTS",
    "MEASURED_EFFECTS",
    "OPAQUE_EFFECTS",
    "SEVERITIES",
    "SIGNING_METHODS",
    "STATES",
    "WAITING_STATES",
    "Applied",
    "AuthoriseFacts",
    "Call",
    "ClearSigning",
    "CommitKey",
    "Event",
    "Facts",
    "Framer",
    "Guard",
    "HoldfastError",
    "LogTree",
    "MalformedError",
    "OrderInputs",
    "Outcome",
    "PolicyError",
    "PolicyInForce",
    "PreparedPolicy",
    "RequestState",
    "Simulated",
    "Simulator",
    "UnsignedTransaction",
    "__version__",
    "canonical_json",
    "check_policy",
    "checkpoint_body",
    "checksum_address",
    "codes",
    "compare_policies",
    "decode",
    "decode_again",
    "display_safe",
    "ed25519_verify",
    "event_severity",
    "key_places",
    "open_note",
    "parse_frame",
    "policy_changes",
    "policy_explained",
    "policy_worst_case",
    "prepare_policy",
    "response_batch",
    "response_error",
    "response_result",
    "signed_note",
    "typed_data_digest",
    "verify_commit",
    "verify_operator_command",
]

__version__: str

CODE_AGE_MS_MAX: Final[int]
"""How long what was seen of a contract's code counts, in ms."""
EFFECT_KINDS: Final[tuple[str, ...]]
"""Every kind of effect, in the order of the documentation."""
LEAVING_EFFECTS: Final[frozenset[str]]
"""Kinds by which value leaves the wallet, now or later."""
MEASURED_EFFECTS: Final[frozenset[str]]
"""Kinds with an amount that a rule can compare."""
OPAQUE_EFFECTS: Final[frozenset[str]]
"""Kinds whose consequences are not understood."""
STATES: Final[tuple[str, ...]]
"""Every state of a request, in the order of its life."""
END_STATES: Final[frozenset[str]]
"""States in which a request is over."""
WAITING_STATES: Final[frozenset[str]]
"""States in which it waits for a person, or for its time."""
EVENT_KINDS: Final[tuple[str, ...]]
"""Every kind of event."""
SEVERITIES: Final[tuple[str, ...]]
"""How much an event matters, the least first."""
SIGNING_METHODS: Final[frozenset[str]]
"""The JSON-RPC methods that ask for a signature."""

def event_severity(record: bytes) -> str | None:
    """Of SEVERITIES, how much the event of a record matters; None for a step on the way. Raises HoldfastError for bytes
    that are no record."""

def codes() -> list[tuple[str, str, str, str, str]]:
    """Every code of the closed lists, in the order of precedence: `(list, code, class, meaning, what to do)`. `list` is
    `code`, `detail`, `warning` or `policy`."""

class HoldfastError(ValueError):
    """Refused by the core: `args` is `(code, text)`, code from the closed list in docs/policy/codes.md."""

class MalformedError(HoldfastError):
    """Input that is not what it must be: `args` is `(code, text, path)`."""

class PolicyError(HoldfastError):
    """A policy file with faults: `args` is `(code, text, faults)`, faults a list of (line, column, code, text, hint)."""

def display_safe(text: str, max_chars: int = ...) -> str:
    """Turns everything outside the allow-list into visible escapes; cuts at `max_chars` with a visible mark."""

def canonical_json(data: bytes, exact: bool = False) -> bytes:
    """Strictly parses JSON (no duplicate keys, no floats) and writes it as RFC 8785. With `exact` integers beyond 2^53-1 are kept as they are instead of refused."""

def check_policy(source: str, now_ms: int | None = None, wallets: list[str] | None = None) -> bytes:
    """Parses and lints (entries that expire only if `now_ms` is given). With `wallets`, the addresses a guardian has keys for, every other wallet is a fault. JSON `{"name", "digest", "agents", "rules", ..., "lint": [{"line","column","code","text","hint"}]}`; raises PolicyError."""

def key_places(source: str) -> list[tuple[str, int, int]]:
    """Every key and list element of a TOML text as (JSON pointer, line, column), in the order of the text. Raises PolicyError."""

def policy_explained(source: str) -> bytes:
    """JSON list of what a policy says about each agent, in words: `[{"agent", "uses", "may", "asks", "reviews", "never", "limits"}]`, the last five lists of `{"id", "text"}`.

    Raises PolicyError.
    """

@final
class PolicyInForce:
    """The policy in force of a guard."""

@final
class PreparedPolicy:
    """A policy that was read and compared with the one in force."""

def prepare_policy(source: str, in_force: PolicyInForce) -> PreparedPolicy:
    """Reads a policy and compares it: what takes long of `Guard.load_policy`, for another thread. Raises PolicyError."""

def policy_changes(old_source: str, new_source: str) -> bytes:
    """What changes from one policy to another: JSON list of `{"looser": bool, "path": "rule.small.amount_max", "text"}`. Without a looser change the new one is at least as strict and needs no signature; raises PolicyError for a file with faults."""

def policy_worst_case(source: str, agent: str | None = None, now_ms: int | None = None) -> bytes:
    """The most that one hijacked agent can have signed in 1h, 24h and 30d without a person: JSON list of `{"agent", "chain_id",
    "warnings": [{"kind": "unbounded" | "rate", "text"}], "spans": [{"span", "usd", "assets", "fees", "usd_with_fees"}], "notes"}`,
    one an agent; empty for an agent that is not declared. Amounts are strings in whole units. Raises PolicyError."""

def compare_policies(old_source: str, new_source: str, now_ms: int) -> bytes:
    """How one policy compares with another, by requests that both decide differently: JSON `{"relation": "equal" | "tighter" | "looser" | "both" | "undecided", "rows": [{"looser","causes","agent","wallet","chain_id","effect","asset"?,"function"?,"payee"?,"amount"?,"from"?,"to"?,"when"?,"old","new","cases"}], "access": [changes], "unshown": [changes], "changes": [as of policy_changes]}`. `cases` are those of `policy decide`; raises PolicyError for a file with faults."""

def decode(
    request: bytes,
    chain_id: int,
    policy: str | None,
    tokens: bytes | None,
    clear: ClearSigning | None = None,
) -> bytes:
    """The object of `holdfast decode`. `request` is JSON `{"tx": {...}} | {"raw_tx": "0x…"} | {"typed_data": {...}} | {"message": "0x…"}`, beside which `"from"` may name the account that is to sign."""

def decode_again(view: bytes, policy: str) -> bytes:
    """What this program's decoders make of a request view under the policy that decided it: JSON
    `{"display","effects","warnings"}`, the fee among the effects. Believes nothing of the view but what was asked for."""

def checksum_address(address: str) -> str: ...
def ed25519_verify(public_key: bytes, message: bytes, signature: bytes) -> bool: ...
def verify_operator_command(public_key: bytes, payload: str, signature: bytes) -> bool: ...

@final
class ClearSigning:
    """ERC-7730 descriptors from (path, bytes) pairs, compiled once; display only. Files with a fault are left out."""

    def __new__(cls, files: Sequence[tuple[str, bytes]]) -> ClearSigning: ...
    def __len__(self) -> int: ...
    @property
    def faults(self) -> list[tuple[str, str]]: ...

@final
class Framer:
    """Splits one connection's byte stream into JSON values, whatever the line ends; refuses frames over the limit."""

    def __new__(cls, max_bytes: int = ...) -> Framer: ...
    def feed(self, data: bytes) -> list[bytes]:
        """Complete values in order. Raises MalformedError (`frame_too_large`, `frame_garbage`): close the connection after answering.

        A fault is final. Values complete before it are given first; then the next call raises, `feed(b"")` at once.
        """

    @property
    def pending(self) -> int:
        """Bytes held of a value that is not complete."""

@final
class Call:
    """One JSON-RPC call of a frame."""

    @property
    def id_json(self) -> bytes | None:
        """The id exactly as it came (JSON); None for a notification."""

    @property
    def method(self) -> str: ...
    @property
    def params(self) -> bytes:
        """JSON of params (`[]` if absent)."""

    @property
    def error(self) -> tuple[int, str] | None:
        """(-32600, text) when this is not a request at all."""

def parse_frame(frame: bytes) -> tuple[bool, list[Call]]:
    """(is a batch, calls). Never raises: garbage is one Call with `error` and id null."""

def response_result(id_json: bytes, result: bytes) -> bytes:
    """One compact response line ending in one newline, braces inside strings escaped (viem counts them)."""

def response_error(id_json: bytes, code: int, message: str, data: bytes | None = ...) -> bytes: ...
def response_batch(responses: Sequence[bytes]) -> bytes: ...
def typed_data_digest(document: str) -> bytes:
    """The EIP-712 digest of a document, 32 bytes. Raises MalformedError."""

@final
class UnsignedTransaction:
    """The EIP-1559 transaction of an order (`request.authorised`, as JSON). Raises MalformedError."""

    def __new__(cls, order: bytes) -> UnsignedTransaction: ...
    @property
    def digest(self) -> bytes:
        """What its wallet signs, 32 bytes."""

    def signed(self, signature: bytes) -> tuple[bytes, bytes]:
        """Its bytes and hash with `r || s || v`. Raises MalformedError."""

@final
class Event:
    """One event of the journal."""

    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def requests(self) -> tuple[str, ...]:
        """The requests it is about: its own, or those a freeze ended or held."""

    @property
    def record(self) -> bytes:
        """Its canonical record."""

    @property
    def severity(self) -> str | None:
        """Of SEVERITIES; None for a step on the way."""

    @property
    def requests_after(self) -> bytes | None:
        """JSON array: the requests it touched, as it left them (docs/architecture.md, 7); None for
        none. Those it is about, and all that a freeze or a thaw covers."""

@final
class Outcome:
    """What an agent is told of a request: a `result`, or words and data of why there is none."""

    @property
    def status(self) -> str:
        """`ok`, or how it ended: `denied`, `expired`, `cancelled`, `failed`, `frozen`, `dropped`."""

    @property
    def result(self) -> bytes | None:
        """JSON."""

    @property
    def text(self) -> str: ...
    @property
    def data(self) -> bytes:
        """JSON, the data of an error."""

    @property
    def is_final(self) -> bool:
        """Asking again gives the same."""

@final
class OrderInputs:
    """What has to be found out for an order. Of what is no transaction only wallet, chain and
    `touched` mean anything.
    """

    @property
    def wallet(self) -> str:
        """Checksummed, as all addresses here."""

    @property
    def chain_id(self) -> int: ...
    @property
    def touched(self) -> tuple[str, ...]:
        """Contracts that the request names or relies on, each once."""

    @property
    def is_transaction(self) -> bool: ...
    @property
    def to(self) -> str | None:
        """None creates a contract."""

    @property
    def value(self) -> int:
        """wei."""

    @property
    def data(self) -> str:
        """`0x` and hex."""

    @property
    def gas(self) -> int | None:
        """What the agent asked for."""

    @property
    def gas_max(self) -> int: ...
    @property
    def fee_per_gas_max(self) -> int:
        """wei."""

    @property
    def priority_fee_per_gas_max(self) -> int:
        """wei."""

    @property
    def l1_fee_max(self) -> int:
        """wei for data on another chain; 0 where the policy knows of no such fee."""

@final
class RequestState:
    """Where a request stands."""

    @property
    def agent(self) -> str: ...
    @property
    def wallet(self) -> str: ...
    @property
    def chain_id(self) -> int: ...
    @property
    def method(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def since(self) -> int:
        """When it came into that stage, ms."""

    @property
    def delivered(self) -> bool:
        """Its outcome was given to its agent."""

    @property
    def is_transaction(self) -> bool: ...
    @property
    def is_private(self) -> bool:
        """It goes only to a private relay."""

    @property
    def waits_for(self) -> str | None:
        """`person`, `delay`, `chain` or `signer`, as far as the core knows."""

    @property
    def until(self) -> int | None:
        """When it goes on or ends by itself, ms."""

    @property
    def hash(self) -> str | None:
        """Of the transaction that was signed last, or the digest that was signed."""

    @property
    def is_replaced(self) -> bool:
        """An order that is to take the place of what is out waits for its signature."""

    @property
    def nonce(self) -> int | None:
        """Of its order."""

    @property
    def fee_per_gas(self) -> int | None:
        """Of its order, wei."""

    @property
    def priority_fee_per_gas(self) -> int | None: ...

@final
class Applied:
    """What a command did. `records` must be durable before anything of it leaves the process."""

    @property
    def events(self) -> list[Event]:
        """What was put on record, in order."""

    @property
    def order(self) -> int | None:
        """The number of the order that it fixed, if it fixed one."""

    @property
    def records(self) -> list[bytes]:
        """Canonical event records, in order, already folded into the state."""

    @property
    def request_id(self) -> str | None: ...
    @property
    def status(self) -> str:
        """submit: `go` (authorise now), `waiting`, `attached` (an identical request exists: request_id names it), `denied`, `refused`. Others: the request's new state, or ``."""

    @property
    def answer(self) -> bytes:
        """JSON object for the error `data` of a denied, refused or pending answer."""

    @property
    def code(self) -> str:
        """The code that `answer` names first; empty without one."""

    @property
    def detail(self) -> str | None:
        """What about it is malformed, as a code."""

    @property
    def text(self) -> str:
        """Why, in words; may be empty."""

    @property
    def fees(self) -> tuple[int | None, int | None] | None:
        """Of a call that replaces a transaction: most wei for one unit of gas and of tip, None where it names none."""

@final
class Facts:
    """What was seen of the world outside, read once; any number of calls can share it.

    `prices` has what each source says of an asset: USD for one whole token as a decimal number, and when it said so (ms).
    `code` has (Keccak-256 of the code in hex, that of what runs behind a proxy or None, when it was looked at in ms) by
    contract. `readings` has (contract, call data in hex, whether it was asked after the transaction, node, when it was
    asked in ms, what was returned in hex or None, why nothing was or None). A price or code that is malformed is unknown. Raises MalformedError for what no record could carry.
    """

    def __new__(
        cls,
        *,
        prices: Mapping[str, Sequence[tuple[str, int]]] | None = None,
        code: Mapping[str, tuple[str, str | None, int]] | None = None,
        readings: Sequence[tuple[str, str, bool, str, int, str | None, str | None]] | None = None,
    ) -> Facts: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def updated_by(self, newer: Facts) -> Facts:
        """These, with the prices of `newer` in place of their own where it has any, and its code and readings likewise."""

@final
class Simulated:
    """What a node says a transaction would do: every event that names the wallet, as (contract, topics, data), all in hex;
    and what allowances were before, as (token, spender, amount). Raises MalformedError.
    """

    def __new__(
        cls,
        logs: Sequence[tuple[str, Sequence[str], str]],
        allowances: Sequence[tuple[str, str, int]],
    ) -> Simulated: ...

@final
class AuthoriseFacts:
    """What was found out for an order; of what is no transaction only `facts`. Fees in wei. Numbers may have any size: it is
    `Guard.authorise` that refuses them.
    """

    def __new__(
        cls,
        *,
        gas: int | None = None,
        max_fee_per_gas: int | None = None,
        max_priority_fee_per_gas: int | None = None,
        chain_nonce: int | None = None,
        nonce_proved: bool = False,
        l1_fee: int | None = None,
        facts: Facts | None = None,
        simulated: Simulated | None = None,
    ) -> AuthoriseFacts: ...

@final
class Guard:
    """The state machine. Not thread-safe: one owner. Every mutator folds its own records before it returns."""

    @staticmethod
    def create(genesis: bytes, now_ms: int) -> tuple[Guard, bytes]:
        """Genesis JSON as the data of `guardian.created`; gives the record of seq 0."""

    @staticmethod
    def replay(records: Sequence[bytes]) -> Guard:
        """From seq 0. Raises HoldfastError (`replay_*`) naming the seq that does not follow."""

    @staticmethod
    def restore(snapshot: bytes) -> Guard:
        """A snapshot is untrusted until `size`, `root` and its sha256 were compared with a signed checkpoint."""

    def extend(self, records: Sequence[bytes]) -> None:
        """Folds further records (tail after a snapshot)."""

    def snapshot(self) -> bytes: ...
    def state_digest(self) -> bytes:
        """32 bytes: sha256 over the canonical state; equal states have equal digests."""

    @property
    def size(self) -> int:
        """Number of records = next seq."""

    @property
    def root(self) -> bytes:
        """RFC 6962 root (32 bytes)."""

    def log_range(self) -> bytes:
        """The log's compact range, from which `LogTree.restore` goes on."""

    @property
    def last_at(self) -> int: ...
    def started(self, version: str, now_ms: int) -> Applied:
        """`guardian.started`, and `request.reopened` for every order that was not signed: it is void, and decided again."""

    def stopped(self, now_ms: int) -> Applied: ...
    def policy_in_force(self) -> PolicyInForce:
        """For `prepare_policy`."""

    def load_policy(
        self,
        source: str,
        by: str,
        command: bytes | None,
        signature: bytes | None,
        now_ms: int,
        also: list[tuple[bytes, bytes]] = ...,
        prepared: PreparedPolicy | None = None,
    ) -> Applied:
        """Needs an operator's command `{"action":"policy","digest","guardian","key","revision"}` and its signature, unless the policy is at least as strict as the one in force; `also` has those of more operators, as many as its `loosen_quorum` asks for. `prepared` is the same source, read and compared before. Raises PolicyError, or HoldfastError `policy_unsigned` naming the first looser change."""

    def load_config(
        self, digest: str, by: str, command: bytes, signature: bytes, now_ms: int
    ) -> Applied:
        """Notes the settings an operator signed: `digest` is a SHA-256 in hex, the command as that of a policy with `"action":"config"`. Raises HoldfastError `signature_invalid`, `digest_mismatch` or `revision_mismatch`."""

    def reject_policy(self, source: str, error: str, by: str, now_ms: int) -> Applied: ...
    def submit(self, agent: str, method: str, params: bytes, facts: Facts, now_ms: int) -> Applied:
        """Parse, attach or decide, reserve. Never raises for what an agent sent: malformed is `refused`. Of the code in
        `facts`, the record keeps what the request touches."""

    def submit_signed(
        self, agent: str, payload: bytes, signature: bytes, facts: Facts, now_ms: int
    ) -> Applied:
        """As `submit`, for agents with a public key; checks signature, expiry and nonce first."""

    def open_signed(self, agent: str, payload: bytes, signature: bytes, now_ms: int) -> bytes:
        """The envelope of a call that asks for no signature, checked and recorded nowhere: JSON
        `{"expires_at","method","nonce","params"}`. Raises HoldfastError with the code the agent is told."""

    @property
    def reads_contracts(self) -> bool:
        """Whether the policy has checks: without any, no contract has to be asked for a call."""

    def readings_of_call(
        self, agent: str, method: str, params: bytes, facts: Facts, now_ms: int
    ) -> bytes | None:
        """What contracts have to be asked before `submit`: JSON `{"chain_id","readings":[{"after","call","check",
        "contract"}],"transaction":{"data","gas","to"|null,"value"}|null,"wallet"}`, `value` in wei as a decimal string.
        None if nothing has to be, or the call joins a request or is not decided."""

    def readings_of_signed(
        self, agent: str, payload: bytes, signature: bytes, facts: Facts, now_ms: int
    ) -> bytes | None:
        """The same for a call in a signed envelope."""

    def readings_of_request(self, request_id: str, facts: Facts, now_ms: int) -> bytes | None:
        """The same for a request that is decided again before its order."""

    def check(self, agent: str, method: str, params: bytes, facts: Facts, now_ms: int) -> bytes:
        """Same engine, no records, nothing reserved: JSON `{"status":"ok","verdict",...}`."""

    def refuse(
        self, agent: str, method: str, params: bytes, code: str, text: str, now_ms: int
    ) -> Applied:
        """Records (`request.refused`, path `""`) a call the gate turned away before it could be decided, such as a send
        without an id. `status` is `refused`; `answer` as for a malformed submit."""

    def command(self, payload: bytes, signature: bytes, now_ms: int) -> Applied:
        """approve, deny, thaw, signed by an operator key. Raises HoldfastError when refused."""

    def freeze(self, scope: bytes, reason: str, actor: str, now_ms: int) -> Applied: ...
    def tick(self, now_ms: int) -> Applied:
        """Expires waiting requests and matures delays (which then are `authorising`)."""

    def next_deadline(self) -> int | None:
        """When `tick` next has something to do."""

    def authorising(self) -> list[str]:
        """Ids that may go on to an order, oldest first."""

    def authorise(self, request_id: str, facts: AuthoriseFacts, now_ms: int) -> Applied:
        """Re-decides (policy and freezes of this moment), fixes the order. Without prices or code of this moment those of the
        decision count, as old as they are. `status` is `authorised`, or `denied` when the policy does not let it pass now.
        Raises `frozen`, `nonce_unknown`, `nonce_ahead` when the chain's nonce is above the ledger's and not proved,
        `chain_unavailable` for a number that no chain has, and `would_differ` when the simulation shows more than what was
        decided."""

    def fail(self, request_id: str, code: str, text: str, now_ms: int) -> Applied: ...
    def signed(self, request_id: str, payload: bytes, now_ms: int) -> Applied:
        """`payload` = raw transaction bytes, or 65 signature bytes. Checked against the order. Raises `frozen` in a frozen scope."""

    def may_send(self, request_id: str) -> bool:
        """Signed, not frozen, not held; or mined, since a reorganisation can undo that. Ask right before every broadcast."""

    def sent(self, request_id: str, outcome: str, text: str, now_ms: int) -> Applied: ...
    def settle(self, request_id: str, outcome: bytes, now_ms: int) -> Applied:
        """JSON `{"outcome","proved","hash"?,"block_number"?,"block_hash"?,"gas_used"?,"fee_wei"?}`: `hash` names the
        transaction that was mined where the request has several, `proved` is false for one node's word: nothing of the
        amount is given back then, and `dropped` is refused (`unproved`)."""

    def replace(
        self,
        request_id: str,
        why: str,
        max_fee_per_gas: int,
        max_priority_fee_per_gas: int,
        gas: int | None,
        by: str,
        now_ms: int,
    ) -> Applied:
        """Fixes an order that takes the place of signed bytes. `why` is `fee` or `gap`, which needs `gas`; fees are wei; `by`
        is `agent` or `guardian`. Raises `malformed`, `wrong_state`, `frozen`,
        `replacement_underpriced`, `fee_over_cap`, or the code of the limit that has no room."""

    def hold(self, request_id: str, why: str, now_ms: int) -> Applied:
        """Signed bytes that no node took, or has any more, wait for an operator's approval from now on. Raises `wrong_state`."""

    def cancel(self, request_id: str, by: str, now_ms: int) -> Applied: ...
    def delivered(self, request_id: str, now_ms: int) -> Applied: ...
    def answers_delivered(self, request_ids: list[str], now_ms: int) -> Applied:
        """Agents that did not have to come back have these answers: after a restart an identical call is a new payment."""

    def clock_jumped(self, wall_ms: int, expected_ms: int, now_ms: int) -> Applied: ...
    def mark_pending_answer(self, request_id: str, now_ms: int) -> Applied:
        """A "pending" answer is about to leave for an instant request that took longer than the hold: identical ones
        attach until its outcome is delivered. Its record must be durable before the answer leaves, so that a restart
        knows it too. Requests that wait are marked by themselves; marking twice or an unknown id gives no records."""

    def request(self, request_id: str) -> bytes | None:
        """Request view as in the operator protocol, without `history`; plus `raw` or `signature` once signed (the gate
        hands them to the agent on attach; the operator socket leaves them out), `end_reasons` when it was not carried
        out, and `delivered`. Of a request that ended long ago only its identity, state and outcome are left (no
        `effects`); None once it can no longer be queried."""

    def outcome(self, request_id: str) -> Outcome | None:
        """The outcome of a request, with freezes and the agent's privacy looked at; None while it
        has none, or is not known.
        """

    def state(self, request_id: str, wait_ms: int = 0) -> RequestState | None:
        """Where a request stands; for `wait_ms` it may wait for its chain."""

    def order_inputs(self, request_id: str) -> OrderInputs | None:
        """What an order of it needs; None where its details are not known."""

    def delay_left_s(self, request_id: str, now_ms: int) -> int | None:
        """Seconds until its delay is over; None for one that waits for none."""

    def payload(self, request_id: str) -> bytes | None:
        """What was signed last: a transaction's bytes, or a signature."""

    def chain_of(self, agent: str) -> int | None:
        """The chain an agent pays on; None for one the policy does not know."""

    def stage(self, request_id: str) -> str | None:
        """The `state` of the request's view alone, without building the view."""

    def summary(self, request_id: str) -> bytes | None:
        """`summary` of the request view alone; None once the details of the request are forgotten."""

    def catch_up(self, records: list[bytes]) -> tuple[list[str | None], bytes]:
        """What records of the journal are to a reader that was away: the severity of each, and a JSON array like
        `Event.requests_after` of all they touched, as they are now. That leaves the process only when all that was
        applied so far is durable. Raises HoldfastError for bytes that are no record."""

    def request_listed(self, request_id: str) -> bytes | None:
        """The same for a list: of a request larger than 16 KiB only its beginning, with `left_out` and `partial`, and
        never `raw` or `signature`."""

    def named(self, agent: str, batch_id: str) -> str | None:
        """The request of an agent's batch by the name it was sent with (`wallet_sendCalls`), while its outcome is kept."""

    def open_requests(self) -> list[str]:
        """Ids that are not at an end, oldest first."""

    def to_sign(self) -> list[tuple[str, int]]:
        """(id, seq of its `request.authorised`) of orders without a signature: after a restart the same order is signed again."""

    def to_sign_again(self) -> list[tuple[str, int]]:
        """(id, seq of its `request.replaced`) of orders that take the place of others and have no signature. A restart voids them."""

    def unsettled(
        self,
    ) -> list[tuple[str, str, int, str, int, bytes, str, list[str], int, int, int, bool]]:
        """(id, wallet, chain_id, hash, nonce, raw, state, hashes of earlier bytes of that nonce, wei per gas, of it tip, signed (approved again, sent first) at ms, its agent alone sends it)
        of transactions signed and not settled, in the order of nonces: `signed`, `sent`, `held`, `released`, `denied` (after it was
        held), and `cancelling` where the bytes move nothing."""

    def mined(
        self,
    ) -> list[tuple[str, str, int, str, int, bytes, str, list[str], int, int, int, bool]]:
        """The same of those that were mined and are kept: a reorganisation can undo that."""

    def gaps(self) -> list[tuple[str, str, int, int]]:
        """(id of the request that had it, wallet, chain_id, nonce) of nonces that were given back below others that are out."""

    def status(self, now_ms: int) -> bytes:
        """JSON part of `status` the core knows: seq, freezes, policy, agents, waiting, counts."""

    def grants(self, now_ms: int) -> bytes:
        """JSON list of one-off grants: `[{"grant", "agent", "wallet", "chain_id", "asset"|null, "address"|null, "symbol"|null, "decimals"|null, "to", "label"|null, "most", "left", "spent", "held", "times", "once", "until_ms", "state": "open"|"used"|"over"|"revoked"}]`; amounts in base units."""

    def limits(self, agent: str | None, now_ms: int) -> bytes: ...
    def agent(self, agent: str) -> bytes | None:
        """JSON `{"id","wallets":[addresses],"chain_id","uids":[...],"public_key"|null,"privacy", "requests_per_minute", "connections_max"}`."""

    def agents(self) -> list[str]: ...
    def chains(self) -> bytes:
        """JSON list `[{"chain_id","name","gas_max","fee_per_gas_max","priority_fee_per_gas_max"}]` of the policy."""

    def code_pins(self) -> bytes:
        """JSON list `[{"address","chain_id","hash","implementation"|null}]`: contracts whose code the policy pins and needs
        a `code` fact for."""

    def code_believed(self) -> bytes:
        """JSON list `[{"address","chain_id","first"|null,"hash"|null,"named"}]`: contracts that requests on the agents' chains may rely
        on and whose code no policy pins. `hash` is the code that is known of it, `first` (`{"hash","implementation"|null}`)
        the code it had when a request relied on it first; `named` says whether the policy names the address."""

    def see_code(self, chain_id: int, facts: Facts) -> None:
        """Takes what was seen of the contracts of a chain in place of what was told of that chain before:
        later calls are decided by it as if it came with them. Recorded only with what relies on it."""

    def prices(self, facts: Facts, now_ms: int) -> bytes:
        """JSON list `[{"asset","chain_id","symbol","pinned","price_usd"|null,"price_low_usd"|null,"price_age_ms_max",
        "price_sources_min"}]`: every registered asset and what it is worth by these facts, at most and at least."""

    def next_nonce(self, wallet: str, chain_id: int) -> int | None:
        """What the ledger would give next; None until a chain nonce was seen."""

    def nonce_owner(self, wallet: str, chain_id: int, nonce: int) -> str | None:
        """The request that has a nonce now, while that is known: longer than its details are."""

    def decode(self, request: bytes, chain_id: int, clear: ClearSigning | None = None) -> bytes:
        """As the function `decode`, with the assets and contracts of the policy in force. For display: nothing is recorded."""

@final
class Simulator:
    """`policy decide`: cases against a policy, no journal. Never raises for a case; a malformed one is a deny."""

    def __new__(cls, policy: str, stateful: bool) -> Simulator: ...
    def decide(self, case: bytes) -> bytes: ...

@final
class LogTree:
    """RFC 6962 tree over records, for verification offline."""

    def __new__(cls) -> LogTree: ...
    @staticmethod
    def restore(compact: bytes) -> LogTree:
        """From a compact range. Unproven until its root was compared. Raises HoldfastError (`range_malformed`)."""

    def extend(self, records: Sequence[bytes]) -> None: ...
    @property
    def size(self) -> int: ...
    @property
    def root(self) -> bytes: ...
    @property
    def range(self) -> bytes:
        """Size (8 bytes, big endian) and the roots of its perfect subtrees (32 bytes each, largest first)."""

@final
class CommitKey:
    """The key of one run of the guardian, which proves every commit: ed25519 over the text of a checkpoint with the
    origin `<origin>/commit`."""

    def __new__(cls, origin: str, seed: bytes) -> CommitKey: ...
    @property
    def public_key(self) -> bytes: ...
    def sign(self, size: int, root: bytes) -> bytes:
        """The 64-byte signature over a commit after which the log has `size` events under `root`."""

def verify_commit(origin: str, public_key: bytes, size: int, root: bytes, signature: bytes) -> bool:
    """Whether this session key proved that commit. False for wrong lengths too."""

def checkpoint_body(origin: str, size: int, root: bytes) -> bytes:
    """The C2SP checkpoint text that is signed."""

def signed_note(body: bytes, key_name: str, public_key: bytes, signature: bytes) -> bytes:
    """C2SP signed note of one ed25519 signature over `body`."""

def open_note(note: bytes, key_name: str, public_key: bytes) -> tuple[str, int, bytes]:
    """Verified (origin, size, root). Raises HoldfastError (`note_*`)."""
