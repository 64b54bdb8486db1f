//! Strict ABI decoding: what decodes is encoded again and compared, so that the bytes have one
//! meaning.

use alloy_sol_types::{SolCall, SolValue};

use super::Denial;

/// Arguments of a call without its selector.
///
/// # Errors
/// `dirty_calldata` when the bytes are not the one canonical encoding of the call.
pub(super) fn strict<C: SolCall>(arguments: &[u8]) -> Result<C, Denial> {
    match prefix::<C>(arguments)? {
        (call, 0) => Ok(call),
        _ => Err(dirty("bytes follow the call that nothing explains")),
    }
}

/// Arguments of a call without its selector, and how many bytes follow them.
///
/// # Errors
/// `dirty_calldata` when the bytes do not begin with the one canonical encoding of the call.
pub(super) fn prefix<C: SolCall>(arguments: &[u8]) -> Result<(C, usize), Denial> {
    let call = C::abi_decode_raw(arguments).map_err(|_| dirty("the call data does not decode"))?;
    // The encoding starts with the selector, which the caller has compared.
    let encoded = call.abi_encode();
    let rest = encoded
        .get(4..)
        .and_then(|canonical| arguments.strip_prefix(canonical));
    match rest {
        Some(rest) => Ok((call, rest.len())),
        None => Err(dirty(
            "the call data is not the canonical encoding of what it says",
        )),
    }
}

/// Parameters (a tuple) that are carried as bytes.
///
/// # Errors
/// `dirty_calldata` as above.
pub(super) fn parameters<T>(bytes: &[u8]) -> Result<T, Denial>
where
    T: SolValue + From<<T::SolType as alloy_sol_types::SolType>::RustType>,
    for<'a> <T::SolType as alloy_sol_types::SolType>::Token<'a>: alloy_sol_types::abi::TokenSeq<'a>,
{
    let value = T::abi_decode_params(bytes).map_err(|_| dirty("the call data does not decode"))?;
    if value.abi_encode_params() != bytes {
        return Err(dirty(
            "the call data is not the canonical encoding of what it says",
        ));
    }
    Ok(value)
}

pub(super) fn dirty(text: &str) -> Denial {
    Denial::new("dirty_calldata", text)
}
