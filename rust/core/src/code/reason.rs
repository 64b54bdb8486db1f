//! Why a request or a command goes on, waits or ends.

use super::codes;

codes! {
    /// Why a request or a command goes on, waits or ends: the `code` of reasons, of refusals and of
    /// failed requests. Several reasons of one verdict are reported in this order.
    Code {
        // What stops a call before a policy reads it, in the order in which it is looked at.
        Sealed = "sealed": Internal,
            "the journal cannot be written; nothing is signed"
            => "tell the operator, who fixes the disk and restarts the guardian";
        Internal = "internal": Internal,
            "the guardian contradicts itself; nothing was changed"
            => "report it with the guardian's log";
        DiskLow = "disk_low": Transient,
            "the guardian's disk has no space left; the call was not read"
            => "try again later; the operator frees disk space";
        RateLimited = "rate_limited": Transient,
            "the agent sends too many requests, or too many bytes in a minute"
            => "wait for `retryAfter` seconds";
        SignatureRequired = "signature_required": Denied,
            "this agent's requests must be signed"
            => "sign the call and send it as `holdfast_request`";
        SignatureInvalid = "signature_invalid": Denied,
            "the signature is not the agent's, or not the operator's"
            => "sign with the key that the policy, or this guardian, knows";
        AgentMismatch = "agent_mismatch": Denied,
            "a signed request names another agent"
            => "name the agent whose socket it is";
        Expired = "expired": Denied,
            "this signed request or command is too old, or expires too far ahead"
            => "sign a new one";
        Replayed = "replayed": Denied,
            "this signed request or command was sent before, or this key approved already"
            => "sign a new one";
        Malformed = "malformed": Malformed,
            "the request is invalid; `observed` starts with a detail, see below"
            => "fix what the detail and its path name";
        RawHash = "raw_hash": Denied,
            "32 bytes to sign, which may be the hash of anything"
            => "send what was hashed, as a message or as typed data";
        NoPolicy = "no_policy": Denied,
            "there is no policy"
            => "the operator puts one in force";
        GasOverCap = "gas_over_cap": Denied,
            "more gas than `gas_max`"
            => "name less gas, or none; the operator can raise `gas_max`";
        FeeOverCap = "fee_over_cap": Transient,
            "more than `fee_per_gas_max`, or more than was approved"
            => "name a lower fee, or none; a chain that asks for more may get cheaper";
        TipOverCap = "tip_over_cap": Transient,
            "more than `priority_fee_per_gas_max`"
            => "name a lower tip, or none; a chain that asks for more may get cheaper";
        Delegatecall = "delegatecall": Denied,
            "a Safe would run foreign code as itself, which can replace the account"
            => "use a plain call";
        DirtyCalldata = "dirty_calldata": Denied,
            "the call data is not the canonical encoding of its content"
            => "encode the call with a standard ABI encoder";
        KeyDerivation = "key_derivation": Denied,
            "a text whose signature is the seed of another key, or puts one in charge"
            => "do not sign it: who has the signature has the key";
        Nesting = "nesting": Denied,
            "calls inside calls, deeper than 4"
            => "send the inner calls one by one";
        RecipientForbidden = "recipient_forbidden": Denied,
            "the zero address, a precompile, or the contract of a registered token; as a spender the zero address, a precompile, the token's own contract, Multicall and batch contracts, which execute calls for anyone"
            => "check the address: what arrives there is lost";
        SignInMismatch = "sign_in_mismatch": Denied,
            "a sign-in message that does not follow the grammar of ERC-4361 (each field once and in order, RFC 3339 times, a nonce, version 1), never expires, or is for another account, chain or site; see [messages](../effects.md#messages)"
            => "ask the site for a valid message";
        TypeMismatch = "type_mismatch": Denied,
            "a document with the name of a known type, for a contract that accepts that type, but with a different type definition"
            => "use the type definition of the contract";
        IdempotencyConflict = "idempotency_conflict": Denied,
            "the idempotency key was used with another request"
            => "use a key of its own for each payment";
        NonceUsed = "nonce_used": Denied,
            "the nonce in the request belongs to another transaction of the same agent, or to this one, which is mined"
            => "leave the nonce out";

        // What the guardian adds to the decision of the policy, before its reasons.
        NonceAhead = "nonce_ahead": Transient,
            "the nonce in the request is ahead of the wallet's; or only one node reports that the wallet's own nonce was used"
            => "leave the nonce out; the operator sets the ledger with `holdfast nonce`";
        Frozen = "frozen": Denied,
            "the agent, the wallet or everything is frozen"
            => "wait until an operator thaws it";
        CheckUnmet = "check_unmet": Transient,
            "a rule with `checks` matches the effect and grants nothing, because a check does not hold or could not be read; its tier still counts"
            => "compare `observed` with `limit`; try again when the contract says otherwise";
        Cooldown = "cooldown": Transient,
            "an operator denied a request of this agent less than its `cooldown` ago"
            => "wait until `retry_at_ms`; do not repeat what was denied";
        NoApprover = "no_approver": Denied,
            "the approval needs more operators than there are"
            => "the operator lowers `quorum`";
        WaitingFull = "waiting_full": Transient,
            "the agent has too many pending requests"
            => "wait until some are decided";
        Batch = "batch": Denied,
            "several calls in one request: `observed` gives their number and the policy's verdict on their sum; none was sent. If that verdict is `deny`, its own reasons are given instead"
            => "send the calls one by one";

        // The policy's own, by text: the order is part of what is signed and on record.
        AgentUnknown = "agent_unknown": Denied,
            "the policy has no such agent"
            => "the operator adds it to the policy";
        AlreadyExpired = "already_expired": Approval,
            "the document could only be used until a time that has passed, by the later of the guardian's time and the system's clock; approval is required"
            => "ask for a later end, or the operator decides";
        AmountOverflow = "amount_overflow": Denied,
            "the amount is too large to count"
            => "ask for less";
        ChainMismatch = "chain_mismatch": Denied,
            "the request, or the document in it, is for a chain other than the agent's, or for any chain"
            => "name the agent's chain";
        ChainNotAllowed = "chain_not_allowed": Denied,
            "the policy has no such chain"
            => "the operator adds the chain to the policy";
        CodeChanged = "code_changed": Approval,
            "a pinned contract has different code"
            => "the operator reviews the new code before approving";
        CodeUnknown = "code_unknown": Approval,
            "the code of a pinned contract could not be checked recently"
            => "the operator decides, or the chain's node answers again";
        Control = "control": Approval,
            "the owner, governance or code of something changes"
            => "the operator decides";
        Forbidden = "forbidden": Denied,
            "a forbid matches"
            => "do not repeat it";
        Granted = "granted": Granted,
            "a rule grants the effect; `rule` names the strictest one that matches"
            => "nothing";
        LimitExceeded = "limit_exceeded": Transient,
            "over a limit: `observed` is the new total, `limit` the maximum"
            => "ask for less, or try again at `retry_at_ms`";
        LimitNotice = "limit_notice": Granted,
            "the request proceeds and the operator gets a notice: it passes `warn_percent` of a limit, or a limit with `on_exceed = \"notify\"`"
            => "nothing";
        LongLived = "long_lived": Approval,
            "the signed payment can be collected for more than an hour, or the order filled or the sign-in used for more than 31 days, by the earlier of the guardian's time and the system's clock; approval is required"
            => "ask for a shorter time, or the operator decides";
        LookAlike = "look_alike": Approval,
            "an address that resembles one of the policy but is a different one"
            => "check the address; the operator decides";
        LowReturn = "low_return": Approval,
            "the guaranteed return of a swap, an order or a bridge is too low: `observed` is in percent, rounded down to a hundredth, `limit` is the percentage of `rule`, or 50 without one; see [Minimum return](prices.md#minimum-return)"
            => "ask for a better minimum, or the operator decides";
        MerchantMismatch = "merchant_mismatch": Approval,
            "the agent says that it pays a merchant of the policy, and the recipient is not one of that merchant's addresses"
            => "check where the address came from; the operator decides";
        MethodNotAllowed = "method_not_allowed": Denied,
            "not a method that signs"
            => "use a method of [the protocol](../protocol.md#methods)";
        NoGrant = "no_grant": Denied,
            "no rule matches the effect; if `rule` is given, that rule matches the effect alone but not [the sum](matchers.md#amounts-are-compared-in-sum)"
            => "the operator adds or widens a rule";
        NotOwnFunds = "not_own_funds": Denied,
            "tokens of another account would be moved, or a document about another account would be signed"
            => "name the agent's own wallet";
        Opaque = "opaque": Approval,
            "the effect is unknown; approval is required"
            => "the operator decides";
        PriceUnknown = "price_unknown": Approval,
            "an amount in USD decides and the price is unknown"
            => "the operator checks the price sources (`holdfast prices`) and decides";
        Review = "review": Approval,
            "a `[[review]]` matches, which asks for its tier at least"
            => "the operator decides";
        UnknownContract = "unknown_contract": Approval,
            "a contract that the request relies on is not accepted as the known one: its code was not seen, there is none, or it is different; see [contracts](../effects.md#contracts)"
            => "the operator checks the address and decides";
        WalletNotAllowed = "wallet_not_allowed": Denied,
            "the wallet does not belong to the agent"
            => "use a wallet of the agent";

        // What ends or stops a request after its decision, each alone.
        RouteChanged = "route_changed": Denied,
            "the policy now sends it through the private relay, and did not when it was decided"
            => "send it again";
        ReleasedChanged = "released_changed": Denied,
            "the policy now leaves sending to the agent, and did not when it was decided"
            => "send it again";
        L1FeeOverCap = "l1_fee_over_cap": Transient,
            "for ten minutes the chain charged more than `l1_fee_max` for the data of the transaction"
            => "try again when the chain is cheaper; the operator can raise `l1_fee_max`";
        ChainUnavailable = "chain_unavailable": Transient,
            "the chain gave no usable answer for as long as a payment may be pending; nothing was signed"
            => "try again later; the operator checks the endpoints";
        ReplacementUnderpriced = "replacement_underpriced": Denied,
            "a replacement must pay at least a tenth more, in fee and in tip; the payment continues unchanged"
            => "name higher fees";
        Pending = "pending": Pending,
            "the request is pending"
            => "send the same again to get its outcome";
        DeniedByOperator = "denied_by_operator": Ended,
            "an operator denied it"
            => "do not repeat it";
        ExpiredUnanswered = "expired_unanswered": Ended,
            "it was not answered in time"
            => "send it again when an operator is there";
        Cancelled = "cancelled": Ended,
            "cancelled before it was signed"
            => "send it again if it is still wanted";
        WouldFail = "would_fail": Ended,
            "the chain reports that it would fail; nothing was signed"
            => "fix the transaction, or fund the wallet";
        WouldDiffer = "would_differ": Ended,
            "the simulation does more than was decided; nothing was signed. A decoder or a contract does not behave as expected; see [operations](../operations.md#simulation)"
            => "the operator checks the contract";
        NotSimulated = "not_simulated": Ended,
            "the operator requires a simulation, and the chain's node cannot do it; nothing was signed"
            => "the operator uses a node that simulates, or another `simulate`";

        // Commands of operators and calls of the service: each alone, never sent to agents.
        RequestUnknown = "request_unknown": Refused,
            "there is no such request, or it is forgotten"
            => "check the id";
        WrongState = "wrong_state": Refused,
            "the request is in a state that does not allow it"
            => "look at the request again";
        DigestMismatch = "digest_mismatch": Refused,
            "the digest is not that of the request, the policy or the settings"
            => "look again at what is there now, and sign that";
        RevisionMismatch = "revision_mismatch": Refused,
            "signed for a revision other than the next one"
            => "sign for the next revision";
        PolicyUnsigned = "policy_unsigned": Refused,
            "the policy has a looser change, which is named, and no valid signature of an operator"
            => "sign it with `holdfast policy apply`";
        PolicyInvalid = "policy_invalid": Refused,
            "the policy file has errors"
            => "fix the errors that are listed";
        GrantUnknown = "grant_unknown": Refused,
            "there is no such grant, or it was revoked"
            => "name a grant of `holdfast grant list`";
        FreezeUnknown = "freeze_unknown": Refused,
            "there is no such freeze"
            => "name a freeze of `holdfast status`";
        ClockSet = "clock_set": Refused,
            "signed before the guardian's clock was set"
            => "sign a new command";
        ChainUnknown = "chain_unknown": Refused,
            "the policy names no such chain"
            => "name a chain of the policy";
        WalletUnknown = "wallet_unknown": Refused,
            "the wallet has sent nothing on that chain"
            => "check the wallet and the chain";
        NonceOut = "nonce_out": Refused,
            "one of our payments has that nonce"
            => "wait until it is mined, or cancel it";
        NonceUnknown = "nonce_unknown": Refused,
            "neither the ledger nor a node knows the nonce of the wallet"
            => "the operator checks the endpoints";
        Unproved = "unproved": Refused,
            "only one node reports that a payment can never be mined"
            => "wait for a second node, or add one";
        SignatureMismatch = "signature_mismatch": Refused,
            "not exactly what was ordered, or not signed by the wallet"
            => "check the signer: it signed something else";

        // Records, snapshots and signed notes.
        ReplayRecord = "replay_record": Evidence,
            "these bytes are no record";
        ReplaySeq = "replay_seq": Evidence,
            "a record has another number than the next one";
        ReplayTime = "replay_time": Evidence,
            "a record is older than the one before it";
        ReplayGenesis = "replay_genesis": Evidence,
            "the log does not begin with `guardian.created`, or has a second one";
        ReplayTransition = "replay_transition": Evidence,
            "a record that the guardian would not have made in this state; the text says why";
        ReplaySnapshot = "replay_snapshot": Evidence,
            "a snapshot that cannot be read";
        RangeMalformed = "range_malformed": Evidence,
            "not a compact range of a log";
        NoteMalformed = "note_malformed": Evidence,
            "not a signed note";
        NoteName = "note_name": Evidence,
            "the note is of another log";
        NoteUnknownKey = "note_unknown_key": Evidence,
            "no signature of the note is by this key";
        NoteSignature = "note_signature": Evidence,
            "the signature of the note does not verify";
        NoteCheckpoint = "note_checkpoint": Evidence,
            "the text of the note is not a checkpoint";
    }
}

impl Code {
    /// Whether it may pass by itself, so that the same can be tried again later.
    pub fn is_transient(self) -> bool {
        super::Closed::class(self) == super::Class::Transient
    }
}
