//! Strict ABI decoding: what decodes is encoded again and compared, so that the bytes have one
//! meaning.

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_sol_types::abi::{self, Token, TokenSeq};
use alloy_sol_types::{SolCall, SolType, SolValue};

use super::Denial;
use crate::code::Code;
use crate::function::fits;

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
    let decoded = abi::decode_sequence::<C::Token<'_>>(arguments);
    let token = decoded.map_err(|_| dirty("the call data does not decode"))?;
    check_size(&token, arguments)?;
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

/// The same for types the operator wrote: all arguments as a tuple, without arrays of what has no
/// fixed length, so that offsets that alias cannot make little data large.
///
/// # Errors
/// `dirty_calldata` as above.
pub(super) fn dynamic(
    whole: &DynSolType,
    arguments: &[u8],
) -> Result<(DynSolValue, usize), Denial> {
    let decoded = whole.abi_decode_params(arguments);
    let value = decoded.map_err(|_| dirty("the call data does not decode"))?;
    let encoded = value.abi_encode_params();
    if !fits(&value) {
        return Err(dirty("an argument is not one of its type"));
    }
    let Some(rest) = arguments.strip_prefix(encoded.as_slice()) else {
        return Err(dirty(
            "the call data is not the canonical encoding of what it says",
        ));
    };
    Ok((value, rest.len()))
}

/// Parameters (a tuple) that are carried as bytes.
///
/// # Errors
/// `dirty_calldata` as above.
pub(super) fn parameters<T>(bytes: &[u8]) -> Result<T, Denial>
where
    T: SolValue + From<<T::SolType as SolType>::RustType>,
    for<'a> <T::SolType as SolType>::Token<'a>: TokenSeq<'a>,
{
    let decoded = abi::decode_params::<<T::SolType as SolType>::Token<'_>>(bytes);
    let token = decoded.map_err(|_| dirty("the call data does not decode"))?;
    check_size(&token, bytes)?;
    let value = T::abi_decode_params(bytes).map_err(|_| dirty("the call data does not decode"))?;
    if value.abi_encode_params() != bytes {
        return Err(dirty(
            "the call data is not the canonical encoding of what it says",
        ));
    }
    Ok(value)
}

/// Offsets that point at the same bytes over and over make little data large: it is refused before
/// any of it is copied. The encoding of what is there is never longer than the data, but for the one
/// word that leads to the whole.
fn check_size<'d>(token: &impl Token<'d>, data: &[u8]) -> Result<(), Denial> {
    let words = data.len() / 32;
    if token.total_words() > words.saturating_add(1) {
        return Err(dirty("parts of the call data stand for several things"));
    }
    Ok(())
}

pub(super) fn dirty(text: &str) -> Denial {
    Denial::new(Code::DirtyCalldata, text)
}
