//! What a call does. A contract is known by (chain, address) in the registry of assets; everything
//! else is opaque, and so is what is inside of it. Decoders are found in `registry`.

use alloy_primitives::{Address, U256};

use crate::asset::{Asset, Standard};
use crate::code::Code;
use crate::effects::accounts::{account, safe};
use crate::effects::common::{native, opaque};
use crate::effects::context::{check_not_token, check_recipient, Context};
use crate::effects::parts::Parts;
use crate::effects::registry::{self, Contract};
use crate::effects::tokens::{erc1155, erc20, erc721};
use crate::effects::{control, function, Denial};
use crate::protocol::Protocol;

/// Calls inside of calls are followed this deep; deeper ones are refused.
pub(in crate::effects) const DEPTH_MAX: u8 = 4;

/// One call.
#[derive(Clone, Copy, Debug)]
pub(in crate::effects) struct Call<'c> {
    /// Whom the contract sees: the wallet, or the contract around this call. Unknown only in a
    /// decode without a wallet.
    pub sender: Option<Address>,
    pub to: Address,
    /// Native value sent along.
    pub value: U256,
    pub data: &'c [u8],
    /// 0 for the call of the transaction itself.
    pub depth: u8,
}

impl Call<'_> {
    /// A call this one makes, as `sender`.
    ///
    /// # Errors
    /// `nesting` beyond [`DEPTH_MAX`].
    pub(in crate::effects) fn inner<'i>(
        &self,
        sender: Option<Address>,
        to: Address,
        value: U256,
        data: &'i [u8],
    ) -> Result<Call<'i>, Denial> {
        let depth = self.depth.saturating_add(1);
        if depth > DEPTH_MAX {
            let text = format!("calls inside of calls, deeper than {DEPTH_MAX}");
            return Err(Denial::new(Code::Nesting, text));
        }
        Ok(Call {
            sender,
            to,
            value,
            data,
            depth,
        })
    }

    /// The selector and what follows it.
    pub(in crate::effects) fn split(&self) -> Option<(&[u8; 4], &[u8])> {
        self.data.split_first_chunk::<4>()
    }
}

/// The zero address, and the places every chain has its precompiles at: they compute, and keep what
/// is sent to them.
fn is_precompile(address: Address) -> bool {
    let rest = address.strip_prefix(&[0; 18]);
    matches!(rest, Some([0, 0..=0x1f] | [1, 0]))
}

/// What the call can do in the worst case. Inner calls count as if the wallet made them: what a
/// wrapper cannot take from the wallet, it will not have.
///
/// # Errors
/// [`Denial`] for what no policy and no approval may allow.
pub(in crate::effects) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Parts, Denial> {
    // Contracts that a chain comes with are at such low addresses too (the way out of Arbitrum): a
    // call of one is like that of any other, but value alone never comes back.
    if call.data.is_empty() || is_precompile(call.to) {
        check_recipient(call.to)?;
    }
    let asset = context.registry.contract(context.at(call.to));
    let named = context.named(call.to).and_then(registry::contract);
    if call.data.is_empty() {
        return value_alone(call, asset, named, context);
    }
    if let Some(first) = named.filter(|contract| contract.is_before_tokens()) {
        if context.protocol(call.to).is_some() {
            if let Some(parts) = first.call(call, context)? {
                return Ok(parts);
            }
        }
    }
    if let Some(asset) = asset {
        if let Some(parts) = token(call, asset, context)? {
            return Ok(parts);
        }
    }
    let protocol = context.protocol(call.to);
    let parts = match named.filter(|_| protocol.is_some()) {
        // The wallet's own code, if it has any.
        None if context.is_own(call.to) => account::decode(call, context)?,
        None => None,
        Some(contract) if contract.is_before_tokens() => None,
        Some(contract) => contract.call(call, context)?,
    };
    if let Some(parts) = parts {
        return Ok(parts);
    }
    let known = asset.is_some() || protocol.is_some();
    if let Some(parts) = safe::call::decode(call, known, context)? {
        return Ok(parts);
    }
    // What is understood of a contract is never vouched away, nor is what the wallet's own code does.
    if !known && !context.is_own(call.to) {
        if let Some(parts) = function::decode(call, context)? {
            return Ok(parts);
        }
    }
    let mut parts = opaque::call(call, known, context);
    control::add(call, &mut parts, context);
    Ok(parts)
}

/// A call without data: what the contract makes of value alone, or a plain transfer.
fn value_alone(
    call: &Call<'_>,
    asset: Option<&Asset>,
    named: Option<&'static Contract>,
    context: &Context<'_>,
) -> Result<Parts, Denial> {
    if let Some(contract) = named.filter(|contract| contract.takes_value()) {
        if context.protocol(call.to).is_some() {
            if let Some(parts) = contract.value_alone(call, context)? {
                return Ok(parts);
            }
        }
    }
    if asset.is_some() && context.named(call.to) != Some(Protocol::WETH) {
        check_not_token(call.to, call.to)?;
    }
    Ok(native::send(call, context))
}

fn token(call: &Call<'_>, asset: &Asset, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    match asset.standard {
        Standard::Native => Ok(None),
        Standard::Erc20 => erc20::decode(call, asset, context),
        Standard::Erc721 => erc721::decode(call, asset, context),
        Standard::Erc1155 => erc1155::decode(call, asset, context),
    }
}
