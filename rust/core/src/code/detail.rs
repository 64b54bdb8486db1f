//! What is wrong with an input.

use super::codes;

codes! {
    /// What is wrong with an input, together with its place as a JSON pointer. The first that is
    /// found is the only one.
    Detail {
        FrameTooLarge = "frame_too_large": Malformed,
            "a frame over the limit; the connection is closed";
        FrameGarbage = "frame_garbage": Malformed,
            "something other than an object or array between frames; the connection is closed";
        JsonTooLarge = "json_too_large": Malformed,
            "larger than 1 MiB, or over the socket than `typed_bytes_max` or `params_bytes_max` of [config.toml](../operations.md#load)";
        JsonUtf8 = "json_utf8": Malformed, "not UTF-8";
        JsonBom = "json_bom": Malformed, "a byte order mark";
        JsonSyntax = "json_syntax": Malformed, "not JSON, or a lone surrogate";
        JsonTrailing = "json_trailing": Malformed, "bytes after the value";
        JsonDuplicateKey = "json_duplicate_key": Malformed,
            "a duplicate key in one object, also when spelled with escapes";
        JsonNumber = "json_number": Malformed,
            "a float, an exponent, `-0`, or an integer beyond ±(2^53−1) anywhere but in typed data, which may have integers of up to 78 digits";
        JsonNul = "json_nul": Malformed, "a NUL character";
        JsonDepth = "json_depth": Malformed, "more than 32 levels";
        JsonNodes = "json_nodes": Malformed, "more than 20,000 values";
        JsonString = "json_string": Malformed, "a string that is too long";
        Method = "method": Malformed, "not a method that signs";
        Params = "params": Malformed, "too few, too many or unsupported params";
        Type = "type": Malformed, "the wrong JSON type";
        UnknownKey = "unknown_key": Malformed, "an unexpected member";
        Missing = "missing": Malformed, "a missing member";
        Length = "length": Malformed, "bytes of another length than a key, a root or a signature has";
        Hex = "hex": Malformed, "not `0x` with an even number of hex digits";
        DataTooLarge = "data_too_large": Malformed, "more than 131,072 bytes";
        Quantity = "quantity": Malformed,
            "not a JSON-RPC quantity (`0x0`, `0x1f`: no leading zeros, no JSON integer, no decimal text)";
        Range = "range": Malformed,
            "above 64 bits (gas, nonce, chain), 128 bits (fees) or 256 bits (value)";
        Address = "address": Malformed, "not `0x` with 40 hex digits";
        Checksum = "checksum": Malformed, "mixed case with a wrong EIP-55 checksum";
        ChainId = "chain_id": Malformed, "chain 0";
        TxType = "tx_type": Malformed, "a transaction of type 0, 1 or an unknown one: only type 2 is signed";
        Blob = "blob": Malformed, "type 3, or a member of it";
        Authorization = "authorization": Malformed, "type 4, or a member of it";
        AccessList = "access_list": Malformed, "a non-empty access list";
        DataConflict = "data_conflict": Malformed, "`data` and `input` differ";
        CreationEmpty = "creation_empty": Malformed, "no recipient and no code";
        GasConflict = "gas_conflict": Malformed, "`gas` and `gasLimit` differ";
        FeeConflict = "fee_conflict": Malformed, "fees of two types together";
        TipOverFee = "tip_over_fee": Malformed, "the tip is above the fee";
        MessageEmpty = "message_empty": Malformed, "nothing to sign";
        MessageAmbiguous = "message_ambiguous": Malformed,
            "hex without `0x`, or `0x` without valid hex";
        MessageTooLarge = "message_too_large": Malformed, "more than 65,536 bytes";
        RawHash = "raw_hash": Malformed,
            "32 bytes to sign, which may be the hash of anything: a reason of its own";
        TypedTypes = "typed_types": Malformed, "`types` or `primaryType` are inconsistent";
        TypedType = "typed_type": Malformed, "an unknown type (`uint` and `int` need bits)";
        TypedCycle = "typed_cycle": Malformed, "a type that contains itself";
        TypedLimit = "typed_limit": Malformed,
            "over a bound: 64 types, 64 members in one, 512 in all, 32 KiB of their names, 16 levels, 24 array dimensions";
        TypedDomain = "typed_domain": Malformed,
            "a domain member other than the five of EIP-712, `types.EIP712Domain` not the list of them in their order, chain 0 or above 64 bits";
        TypedMissing = "typed_missing": Malformed, "a member of the document is missing";
        TypedExtra = "typed_extra": Malformed, "a member of the document is not declared";
        TypedValue = "typed_value": Malformed,
            "a value of another kind than declared (`\"true\"`, `5.0`, `null`)";
        TypedRange = "typed_range": Malformed,
            "a value that does not fit (`-1` or 2^256 as `uint256`)";
        Batch = "batch": Malformed,
            "several calls where one is expected";
        Atomicity = "atomicity": Malformed, "several calls that must be atomic";
        Capability = "capability": Malformed, "a capability that is not marked as optional";
        BatchVersion = "batch_version": Malformed, "a version other than 2.0.0 (or 1.0, the draft)";
        BatchId = "batch_id": Malformed, "an id that is empty or too long";
        BatchEmpty = "batch_empty": Malformed, "no call";
        BatchTooLarge = "batch_too_large": Malformed, "more than 64 calls";
        IdempotencyKey = "idempotency_key": Malformed, "not 1 to 128 visible ASCII characters";
        Merchant = "merchant": Malformed, "not a host name in lowercase";
        Note = "note": Malformed, "longer than 512 bytes";
        RawTx = "raw_tx": Malformed,
            "only in `holdfast decode`: not the canonical encoding of a transaction";
        Signature = "signature": Malformed,
            "only in `holdfast decode`: a signature that recovers to no address";
        Tokens = "tokens": Malformed, "only in `holdfast decode`: an invalid token list";
        Time = "time": Malformed, "only in `holdfast policy decide`: an invalid time";
        FactsType = "facts_type": Malformed, "facts that are not what they must be";
        Window = "window": Malformed, "only in `holdfast policy decide`: an invalid sum of a limit";
    }
}
