//! What a call does, one file a protocol. A contract is known by (chain, address) in the registry;
//! everything else is opaque, and so is what is inside of it.

mod control;
mod erc1155;
mod erc20;
mod erc721;
mod multicall;
mod native;
mod oneinch;
mod opaque;
mod permit2;
mod router_flow;
mod router_multicall;
mod router_summary;
mod safe;
mod trade;
mod uniswap_v2;
mod uniswap_v3;
mod universal_router;
mod universal_router_permit;
mod universal_router_v4;
mod weth;
mod zeroex;

use alloy_primitives::{Address, U256};

use super::context::{check_not_token, check_recipient, Context};
use super::parts::Parts;
use super::Denial;
use crate::asset::Standard;
use crate::protocol::Protocol;

pub(super) use native::push_value;

/// Calls inside of calls are followed this deep; deeper ones are refused.
pub(super) const DEPTH_MAX: u8 = 4;

/// One call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'c> {
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
    pub(super) fn inner<'i>(
        &self,
        sender: Option<Address>,
        to: Address,
        value: U256,
        data: &'i [u8],
    ) -> Result<Call<'i>, Denial> {
        let depth = self.depth.saturating_add(1);
        if depth > DEPTH_MAX {
            let text = format!("calls inside of calls, deeper than {DEPTH_MAX}");
            return Err(Denial::new("nesting", text));
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
    pub(super) fn split(&self) -> Option<(&[u8; 4], &[u8])> {
        self.data.split_first_chunk::<4>()
    }
}

/// What the call can do in the worst case. Inner calls count as if the wallet made them: what a
/// wrapper cannot take from the wallet, it will not have.
///
/// # Errors
/// [`Denial`] for what no policy and no approval may allow.
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Parts, Denial> {
    check_recipient(call.to)?;
    let asset = context.registry.contract(context.chain_id, call.to);
    if call.data.is_empty() {
        if asset.is_some() && context.protocol(call.to) != Some(Protocol::Weth) {
            check_not_token(call.to, call.to)?;
        }
        return Ok(native::send(call, context));
    }
    if let Some(asset) = asset {
        let parts = match asset.standard {
            Standard::Native => None,
            Standard::Erc20 => erc20::decode(call, asset, context)?,
            Standard::Erc721 => erc721::decode(call, asset, context)?,
            Standard::Erc1155 => erc1155::decode(call, asset, context)?,
        };
        if let Some(parts) = parts {
            return Ok(parts);
        }
    }
    let protocol = context.protocol(call.to);
    let parts = match protocol {
        None | Some(Protocol::Unknown) => None,
        Some(Protocol::Multicall) => multicall::decode(call, context)?,
        Some(Protocol::Permit2) => permit2::decode(call, context)?,
        Some(Protocol::Weth) => weth::decode(call, context)?,
        Some(
            version @ (Protocol::UniversalRouter
            | Protocol::UniversalRouterV2
            | Protocol::UniversalRouterV21),
        ) => universal_router::decode(call, version, context)?,
        Some(Protocol::UniswapV2Router) => uniswap_v2::decode(call, context)?,
        Some(version @ (Protocol::UniswapV3Router | Protocol::UniswapV3Router02)) => {
            uniswap_v3::decode(call, version, context)?
        }
        Some(version @ (Protocol::OneInchV5 | Protocol::OneInchV6)) => {
            oneinch::decode(call, version, context)?
        }
        Some(Protocol::ZeroEx) => zeroex::decode(call, context)?,
    };
    if let Some(parts) = parts {
        return Ok(parts);
    }
    safe::check(call.data)?;
    let mut parts = opaque::call(call, asset.is_some() || protocol.is_some(), context);
    control::add(call, &mut parts, context);
    Ok(parts)
}
