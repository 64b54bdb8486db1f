//! What an operator should know of a request.

use super::codes;

codes! {
    /// What an operator should know of a request. Warnings change no verdict. Screens show those
    /// declared first above the others.
    WarningCode {
        NotShown = "not_shown": Warning,
            "the given number of characters or values of the request is in none of its lines. Console and command line show all of it, and allow approval only after it was scrolled through; the most severe warning";
        Control = "control": Warning, "what the call changes about control";
        LookAlike = "look_alike": Warning, "the known address that this one resembles";
        UnlimitedAllowance = "unlimited_allowance": Warning, "the allowance is 2^96−1 or more";
        DescriptorDiffers = "descriptor_differs": Warning,
            "the descriptor omits a decoded amount, or its recipient";
        UnknownContract = "unknown_contract": Warning,
            "the contract is unknown, or its code was not seen where it should be";
        UnknownCall = "unknown_call": Warning, "the token is known, the function is not";
        NotVouched = "not_vouched": Warning,
            "the operator vouches for this function, but not with these arguments or this value; names the condition that failed";
        ValueWithTokenCall = "value_with_token_call": Warning,
            "native value is sent with a call to a token contract";
        TrailingBytes = "trailing_bytes": Warning,
            "unexplained bytes follow the call; the request is opaque";
        WholeBalance = "whole_balance": Warning,
            "the amount is 2^256−1, which some tokens read as the whole balance; the request is opaque";
        UnregisteredAsset = "unregistered_asset": Warning,
            "the native coin of the chain is not registered: amounts are in wei, without a price";
        Hook = "hook": Warning,
            "the token calls the other party, which can then do anything; the request is opaque";
        Burn = "burn": Warning, "tokens are destroyed";
        Leftover = "leftover": Warning, "value stays in a contract where anyone can take it";
        ForeignRecipient = "foreign_recipient": Warning, "the return goes to another party";
        NoMinimum = "no_minimum": Warning, "there is no minimum return";
        UnknownOutput = "unknown_output": Warning, "the returned asset is not registered";
        UnsureReturn = "unsure_return": Warning, "why no part of the return is guaranteed";
        MeasuredReturn = "measured_return": Warning,
            "the return is only measured by the recipient's balance, with unknown code running in between: none of it is guaranteed";
        UnknownInput = "unknown_input": Warning, "a token that leaves is not registered";
        UnknownCommand = "unknown_command": Warning,
            "a plan has a step that Holdfast cannot decode";
        ShareTaken = "share_taken": Warning, "a share of the value goes to another party";
        PartialFill = "partial_fill": Warning,
            "less than the whole may be swapped, at the same rate";
        AnyItem = "any_item": Warning, "the counterparty chooses the token of the collection";
        SeveralOrders = "several_orders": Warning, "one signature is several orders";
        Refund = "refund": Warning, "a Safe pays another party for executing it";
        NestedSignature = "nested_signature": Warning,
            "the document contains another one, signed for an account";
        OtherAccount = "other_account": Warning,
            "another account acts, and its assets count as the wallet's";
        OtherCaller = "other_caller": Warning, "the enclosing contract acts, not the wallet";
        CreditDelegation = "credit_delegation": Warning,
            "another party may create debt for the wallet";
        DestinationCaller = "destination_caller": Warning,
            "only one address may complete it on the other chain";
        RemoteToken = "remote_token": Warning, "the call determines the token received there";
        Checksum = "checksum": Warning,
            "an address in the document has a wrong EIP-55 checksum; the document is opaque";
        Recap = "recap": Warning,
            "a resource of the sign-in delegates capabilities (`urn:recap:`, ERC-5573)";
        Witness = "witness": Warning,
            "the spender of a Permit2 transfer promises something in return, which is not checked";
        Descriptor = "descriptor": Warning,
            "where the descriptor and the request do not match: a field, a required value, another domain";
        NoContract = "no_contract": Warning, "the document names no verifying contract";
        NoChain = "no_chain": Warning,
            "the document or transaction names no chain (only in `holdfast decode`: otherwise denied)";
        Unreadable = "unreadable": Warning, "the message is not text";
    }
}
