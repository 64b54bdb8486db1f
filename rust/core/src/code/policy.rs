//! What is wrong, or doubtful, with a policy file.

use super::codes;

codes! {
    /// What is wrong, or doubtful, with a policy file. They are reported in the order of the
    /// file, those of one place in this order.
    PolicyCode {
        BadAddress = "bad_address": Error, "not an address";
        BadChecksum = "bad_checksum": Error, "a missing or wrong EIP-55 checksum";
        BadId = "bad_id": Error, "not a valid id";
        BadValue = "bad_value": Error, "a value that is not allowed";
        Conflict = "conflict": Error,
            "two keys that contradict each other, or a key that has no effect";
        DuplicateEntry = "duplicate_entry": Error, "a duplicate entry";
        DuplicateId = "duplicate_id": Error, "a duplicate id";
        DuplicateKey = "duplicate_key": Error, "a duplicate key";
        EmptyList = "empty_list": Error, "a list that matches nothing";
        MissingKey = "missing_key": Error, "a required key is missing";
        MissingUnit = "missing_unit": Error, "a number without a unit";
        NeverVouched = "never_vouched": Error,
            "a function that cannot be vouched for, or one of a contract whose calls are decoded";
        OneAsset = "one_asset": Error, "an amount without exactly one asset";
        OutOfRange = "out_of_range": Error, "a number outside its range";
        SocketPath = "socket_path": Error,
            "the path of an agent's socket would be longer than the 107 bytes a Unix socket allows; only where a guardian is known: in its home, or with `--home`";
        Syntax = "syntax": Error, "not TOML";
        UnknownKey = "unknown_key": Error, "an unknown key";
        UnknownReference = "unknown_reference": Error, "a name that is not declared";
        Version = "version": Error, "not version 1";
        WalletUnknown = "wallet_unknown": Error,
            "the guardian holds no key for this wallet; only where a guardian is known: in its home, or with `--home`";
        WrongType = "wrong_type": Error, "the wrong type";
        Zero = "zero": Error, "a zero that makes no sense";
        AgentWithoutRule = "agent_without_rule": Lint, "nothing is granted to this agent";
        AnyReturn = "any_return": Lint,
            "a swap or an order has no minimum return and is not reviewed: see [Minimum return](prices.md#minimum-return)";
        CarriesBytes = "carries_bytes": Lint,
            "a function you vouch for takes `bytes`, which may contain any calls";
        DeniesEverything = "denies_everything": Lint, "a forbid without any matcher";
        EntryExpired = "entry_expired": Lint, "a list entry has expired";
        EntryExpiring = "entry_expiring": Lint, "a list entry expires within a week";
        FeeShare = "fee_share": Lint,
            "fewer than four transactions fit into the limit if each pays the highest fee that `[[chain]]` allows: fees, which the agent may name, can use up the limit";
        FeeUnpriced = "fee_unpriced": Lint,
            "a limit in USD counts fees of a chain whose coin is not registered: every transaction will require approval";
        LimitBelow = "limit_below": Lint,
            "a rule is about more at once than a limit over all of it lets pass";
        LimitOrder = "limit_order": Lint,
            "a limit never decides, because one over a longer time allows no more of the same effects";
        NeverBinds = "never_binds": Lint, "a limit that no effect can ever count in";
        NeverMatches = "never_matches": Lint, "a rule, forbid or review that no effect can ever match";
        NoFeeLimit = "no_fee_limit": Lint,
            "an agent can send transactions, and no limit counts their fees";
        NoL1Fee = "no_l1_fee": Lint,
            "on this chain a transaction also pays for its data on Ethereum, and `l1_fee_max` is missing";
        NoLimit = "no_limit": Lint,
            "an agent can spend without approval, and no limit in USD, or of an amount, counts all of it. A `count` limit, a standing limit, and a limit per recipient of a rule without `to` do not bound the total";
        Raised = "raised": Lint,
            "an opaque effect with a tier below `approval`, which is raised to it; a rule that names functions together with one that matches them without naming them";
        Redundant = "redundant": Lint,
            "another rule matches the same effects and is at least as strict";
        RuleExpired = "rule_expired": Lint, "a rule has expired";
        RuleExpiring = "rule_expiring": Lint, "a rule expires within a week";
        Shadowed = "shadowed": Lint, "everything the rule grants is forbidden";
        TierGap = "tier_gap": Lint,
            "two rules differ in their amounts alone, and grant nothing between them";
        TierOverlap = "tier_overlap": Lint,
            "two rules differ in their amounts alone, and both grant the same amounts: the stricter one counts";
        Unused = "unused": Lint, "a wallet without an agent, or an unused list, function, schedule or check";
    }
}
