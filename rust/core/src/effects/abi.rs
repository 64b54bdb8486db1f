//! Strict ABI decoding: what decodes is encoded again and compared, so that the bytes have one
//! meaning.

use alloy_sol_types::SolCall;

use super::Denial;

/// Arguments of a call without its selector.
///
/// # Errors
/// `dirty_calldata` when the bytes are not the one canonical encoding of the call.
pub(super) fn strict<C: SolCall>(arguments: &[u8]) -> Result<C, Denial> {
    let call = C::abi_decode_raw(arguments).map_err(|_| dirty("the call data does not decode"))?;
    // The encoding starts with the selector, which the caller has compared.
    if call.abi_encode().get(4..) != Some(arguments) {
        return Err(dirty(
            "the call data is not the canonical encoding of what it says",
        ));
    }
    Ok(call)
}

pub(super) fn dirty(text: &str) -> Denial {
    Denial::new("dirty_calldata", text)
}
