//! What a call does, one file a protocol. A contract is known by (chain, address) in the registry;
//! everything else is opaque, and so is what is inside of it.

mod aave;
mod aave_debt;
mod account;
mod account_entry;
mod bridge_across;
mod bridge_arbitrum;
mod bridge_cctp;
mod bridge_oft;
mod bridge_op;
mod bridges;
mod compound;
mod compound_comet;
mod control;
mod cow;
mod disperse;
mod erc1155;
mod erc20;
mod erc4626;
mod erc721;
mod function;
mod holding;
mod multicall;
mod native;
mod oneinch;
mod opaque;
mod paraswap;
mod permit2;
mod permit2_signed;
mod router_flow;
mod router_multicall;
mod router_summary;
mod safe;
mod seaport;
mod seaport_abi;
pub(super) mod seaport_order;
mod staking;
mod trade;
mod uniswap_v2;
mod uniswap_v2_remove;
mod uniswap_v3;
mod uniswap_v3_positions;
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
pub(super) use safe::items as safe_items;
pub(super) use trade::{Coin, Trade};

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
pub(super) fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Parts, Denial> {
    // Contracts that a chain comes with are at such low addresses too (the way out of Arbitrum): a
    // call of one is like that of any other, but value alone never comes back.
    if call.data.is_empty() || is_precompile(call.to) {
        check_recipient(call.to)?;
    }
    let asset = context.registry.contract(context.chain_id, call.to);
    let named = context.named(call.to);
    if call.data.is_empty() {
        if matches!(named, Some(Protocol::Lido | Protocol::Wsteth)) {
            let seen = context.protocol(call.to);
            if let Some(parts) = seen.and_then(|one| staking::paid(one, call, context)) {
                return parts;
            }
        }
        if asset.is_some() && named != Some(Protocol::Weth) {
            check_not_token(call.to, call.to)?;
        }
        return Ok(native::send(call, context));
    }
    if named == Some(Protocol::CompoundV3Comet) && context.protocol(call.to) == named {
        // A token as well, but an allowance of it is a right over the whole position.
        if let Some(parts) = compound_comet::decode(call, context)? {
            return Ok(parts);
        }
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
        // The wallet's own code, if it has any.
        None | Some(Protocol::Unknown) if context.is_own(call.to) => {
            account::decode(call, context)?
        }
        None | Some(Protocol::Unknown) => None,
        // Orders are signed for the first two; nothing of their calls is understood here. The third
        // was read above.
        Some(Protocol::UniswapxReactor | Protocol::X402Proxy | Protocol::CompoundV3Comet) => None,
        Some(Protocol::Seaport) => seaport::decode(call, context)?,
        Some(Protocol::CowSettlement) => cow::decode(call, context)?,
        Some(Protocol::Multicall) => multicall::decode(call, context)?,
        Some(Protocol::Permit2) => permit2::decode(call, context)?,
        Some(Protocol::Weth) => weth::decode(call, context)?,
        Some(Protocol::Account) => account::decode(call, context)?,
        Some(Protocol::EntryPoint) => account_entry::decode(call, context)?,
        Some(Protocol::Disperse) => disperse::decode(call, context)?,
        Some(Protocol::Erc4626) => erc4626::decode(call, context)?,
        Some(Protocol::AaveV2Pool | Protocol::AaveV3Pool) => aave::pool(call, context)?,
        Some(Protocol::AaveGateway) => aave::gateway(call, context)?,
        Some(Protocol::AaveDebtToken) => aave_debt::decode(call, context)?,
        Some(Protocol::CompoundV2Ctoken) => compound::ctoken(call, context)?,
        Some(Protocol::CctpTokenMessenger) => bridge_cctp::decode(call, context)?,
        Some(Protocol::OpStandardBridge) => bridge_op::bridge(call, context)?,
        Some(Protocol::OpPortal) => bridge_op::portal(call, context)?,
        Some(Protocol::ArbitrumInbox) => bridge_arbitrum::inbox(call, context)?,
        Some(Protocol::ArbitrumGatewayRouter) => bridge_arbitrum::router(call, context)?,
        Some(Protocol::LayerzeroOft) => bridge_oft::decode(call, context)?,
        Some(Protocol::AcrossSpokePool) => bridge_across::decode(call, context)?,
        Some(
            staked @ (Protocol::Lido
            | Protocol::Wsteth
            | Protocol::LidoWithdrawalQueue
            | Protocol::StakingRewards),
        ) => staking::decode(staked, call, context)?,
        // Nobody calls MultiSend directly: it runs as the Safe.
        Some(Protocol::Safe | Protocol::SafeMultisend | Protocol::SafeMultisendCallOnly) => None,
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
        Some(Protocol::ParaswapV6) => paraswap::decode(call, context)?,
        Some(Protocol::UniswapV3Positions) => uniswap_v3_positions::decode(call, context)?,
    };
    if let Some(parts) = parts {
        return Ok(parts);
    }
    let known = asset.is_some() || protocol.is_some();
    if let Some(parts) = safe::decode(call, known, context)? {
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
