//! Lido's staking, its wrapped token and its way out, and pools that pay rewards for a token
//! (Synthetix' StakingRewards and its copies).

use alloy_primitives::{address, Address, U256};
use alloy_sol_types::SolCall;

use crate::chain::ChainId;
use crate::display::field;
use crate::effects::call::Call;
use crate::effects::common::holding::{caller, held, unknown, Holding};
use crate::effects::common::opaque::trailing_bytes;
use crate::effects::common::trade::Coin;
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial, EffectKind};
use crate::protocol::Protocol;

const LIDO: Protocol = Protocol::named("lido");
const WRAPPED: Protocol = Protocol::named("wsteth");
const WITHDRAWALS: Protocol = Protocol::named("lido-withdrawal-queue");
const REWARDS: Protocol = Protocol::named("staking-rewards");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[
        Contract::new(LIDO, "stETH of Lido: stakes the coin")
            .calls(|call, context| decode(LIDO, call, context))
            .value(paid),
        Contract::new(WRAPPED, "stETH, wrapped")
            .calls(|call, context| decode(WRAPPED, call, context))
            .value(paid),
        Contract::new(WITHDRAWALS, "the way out of Lido")
            .calls(|call, context| decode(WITHDRAWALS, call, context))
            .arrives_later(),
        Contract::new(REWARDS, "a reward pool; `asset` names its asset")
            .calls(|call, context| decode(REWARDS, call, context)),
    ],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function submit(address referral);
        function wrap(uint256 stETHAmount);
        function unwrap(uint256 wstETHAmount);
        function requestWithdrawals(uint256[] amounts, address owner);
        function requestWithdrawalsWstETH(uint256[] amounts, address owner);
        function claimWithdrawal(uint256 requestId);
        function claimWithdrawals(uint256[] requestIds, uint256[] hints);
        function claimWithdrawalsTo(uint256[] requestIds, uint256[] hints, address recipient);
        function stake(uint256 amount);
        function withdraw(uint256 amount);
        function getReward();
    }
}

/// What the pinned contracts of Ethereum hold.
const STETH: Address = address!("0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84");
const WSTETH: Address = address!("0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0");

/// What the call does at a contract of this protocol; `None` for one that is not understood.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
fn decode(
    protocol: Protocol,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let found = match protocol {
        LIDO => lido(*selector, arguments, call, context)?,
        _ if !call.value.is_zero() => None,
        WRAPPED => wrapped(*selector, arguments, call, context)?,
        WITHDRAWALS => queue(*selector, arguments, call, context)?,
        REWARDS => rewards(*selector, arguments, call, context)?,
        _ => None,
    };
    Ok(found.map(|(mut parts, trailing)| {
        if trailing > 0 {
            parts.warnings.push(trailing_bytes(trailing));
        }
        parts
    }))
}

type Found = Result<Option<(Parts, usize)>, Denial>;

fn lido(selector: [u8; 4], arguments: &[u8], call: &Call<'_>, context: &Context<'_>) -> Found {
    if selector != calls::submitCall::SELECTOR {
        return Ok(None);
    }
    let (_, trailing) = abi::prefix::<calls::submitCall>(arguments)?;
    let holding = Holding {
        own: EffectKind::Deposit,
        action: "stake with Lido",
        coin: Coin::Native,
        amount: call.value,
        holder: caller(call, context),
        through: call.to,
    };
    Ok(holding.parts(context)?.map(|parts| (parts, trailing)))
}

/// Value sent without a call, which Lido's tokens stake.
///
/// # Errors
/// `recipient_forbidden`.
fn paid(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    if call.value.is_zero() {
        return Ok(None);
    }
    let holding = Holding {
        own: EffectKind::Deposit,
        action: "stake with Lido",
        coin: Coin::Native,
        amount: call.value,
        holder: caller(call, context),
        through: call.to,
    };
    holding.parts(context)
}

fn wrapped(selector: [u8; 4], arguments: &[u8], call: &Call<'_>, context: &Context<'_>) -> Found {
    let (action, coin, amount, trailing) = match selector {
        calls::wrapCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::wrapCall>(arguments)?;
            let inner = held(call.to, context).or_else(|| pinned(call.to, context));
            let Some(coin) = inner else {
                return Ok(None);
            };
            ("wrap", coin, one.stETHAmount, trailing)
        }
        calls::unwrapCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::unwrapCall>(arguments)?;
            ("unwrap", Coin::Token(call.to), one.wstETHAmount, trailing)
        }
        _ => return Ok(None),
    };
    let holding = Holding {
        own: EffectKind::Convert,
        action,
        coin,
        amount,
        holder: caller(call, context),
        through: call.to,
    };
    Ok(holding.parts(context)?.map(|parts| (parts, trailing)))
}

/// The asset of the pinned wrapped token.
fn pinned(contract: Address, context: &Context<'_>) -> Option<Coin> {
    (context.chain_id == ChainId::ETHEREUM && contract == WSTETH).then_some(Coin::Token(STETH))
}

fn queue(selector: [u8; 4], arguments: &[u8], call: &Call<'_>, context: &Context<'_>) -> Found {
    let (token, amounts, owner, trailing) = match selector {
        calls::requestWithdrawalsCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::requestWithdrawalsCall>(arguments)?;
            (STETH, one.amounts, one.owner, trailing)
        }
        calls::requestWithdrawalsWstETHCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::requestWithdrawalsWstETHCall>(arguments)?;
            (WSTETH, one.amounts, one.owner, trailing)
        }
        calls::claimWithdrawalCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::claimWithdrawalCall>(arguments)?;
            let parts = claimed(call, caller(call, context), context);
            return Ok(Some((parts, trailing)));
        }
        calls::claimWithdrawalsCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::claimWithdrawalsCall>(arguments)?;
            let parts = claimed(call, caller(call, context), context);
            return Ok(Some((parts, trailing)));
        }
        calls::claimWithdrawalsToCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::claimWithdrawalsToCall>(arguments)?;
            let foreign = Some(one.recipient).filter(|to| !context.is_own(*to));
            return Ok(Some((claimed(call, foreign, context), trailing)));
        }
        _ => return Ok(None),
    };
    let sum = amounts.into_iter().fold(U256::ZERO, U256::saturating_add);
    let holding = Holding {
        own: EffectKind::Deposit,
        action: "ask to withdraw from Lido",
        coin: Coin::Token(token),
        amount: sum,
        // Nobody named is whoever calls.
        holder: if owner.is_zero() {
            caller(call, context)
        } else {
            Some(owner)
        },
        through: call.to,
    };
    Ok(holding.parts(context)?.map(|parts| (parts, trailing)))
}

fn rewards(selector: [u8; 4], arguments: &[u8], call: &Call<'_>, context: &Context<'_>) -> Found {
    let (own, action, amount, trailing) = match selector {
        calls::stakeCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::stakeCall>(arguments)?;
            (EffectKind::Deposit, "stake", one.amount, trailing)
        }
        calls::withdrawCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::withdrawCall>(arguments)?;
            let own = EffectKind::Convert;
            (own, "take a stake back", one.amount, trailing)
        }
        calls::getRewardCall::SELECTOR => {
            let (_, trailing) = abi::prefix::<calls::getRewardCall>(arguments)?;
            let parts = claimed(call, caller(call, context), context);
            return Ok(Some((parts, trailing)));
        }
        _ => return Ok(None),
    };
    let Some(coin) = held(call.to, context) else {
        return Ok(None);
    };
    let holding = Holding {
        own,
        action,
        coin,
        amount,
        holder: caller(call, context),
        through: call.to,
    };
    Ok(holding.parts(context)?.map(|parts| (parts, trailing)))
}

/// What is there for the caller comes back; how much is not in the call. To somebody else it can be
/// anything.
fn claimed(call: &Call<'_>, foreign: Option<Address>, context: &Context<'_>) -> Parts {
    if let Some(foreign) = foreign {
        return unknown(call, foreign, context);
    }
    let effect = context.effect(EffectKind::Convert, None, Some(call.to), U256::ZERO);
    let display = vec![
        field("Action", "claim what is there"),
        field("Recipient", "this wallet"),
        field("Through", context.contract_text(call.to)),
    ];
    Parts::new(vec![effect], display, Vec::new())
}
