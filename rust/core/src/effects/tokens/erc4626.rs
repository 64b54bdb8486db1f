//! Vaults (ERC-4626). The operator declares the vault and the asset it holds; without the asset only
//! what is counted in shares is understood.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use crate::effects::call::Call;
use crate::effects::common::holding::{held, unknown, with_trailing, Holding};
use crate::effects::common::trade::Coin;
use crate::effects::context::{check_own_funds, Context};
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial, EffectKind};
use crate::protocol::Protocol;

const ERC4626: Protocol = Protocol::named("erc4626");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(ERC4626, "a vault; `asset` names its asset").calls(decode)],
    documents: &[],
};

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        function deposit(uint256 assets, address receiver);
        function mint(uint256 shares, address receiver);
        function withdraw(uint256 assets, address receiver, address owner);
        function redeem(uint256 shares, address receiver, address owner);
    }
}

/// What the call does; `None` for a function that is not one of these.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`, `not_own_funds`.
fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    if !call.value.is_zero() {
        return Ok(None);
    }
    let (own, action, coin, amount, receiver, trailing) = match *selector {
        calls::depositCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::depositCall>(arguments)?;
            let coin = held(call.to, context);
            let (own, action) = (EffectKind::Deposit, "deposit into a vault");
            (own, action, coin, one.assets, one.receiver, trailing)
        }
        calls::mintCall::SELECTOR => {
            // What the shares cost is not in the call.
            let (one, trailing) = abi::prefix::<calls::mintCall>(arguments)?;
            let own = EffectKind::Deposit;
            (own, "", None, one.shares, one.receiver, trailing)
        }
        calls::withdrawCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::withdrawCall>(arguments)?;
            check_own_funds(one.owner, context)?;
            let coin = held(call.to, context);
            let (own, action) = (EffectKind::Convert, "withdraw from a vault");
            (own, action, coin, one.assets, one.receiver, trailing)
        }
        calls::redeemCall::SELECTOR => {
            let (one, trailing) = abi::prefix::<calls::redeemCall>(arguments)?;
            check_own_funds(one.owner, context)?;
            let coin = Some(Coin::Token(call.to));
            let (own, action) = (EffectKind::Convert, "redeem shares of a vault");
            (own, action, coin, one.shares, one.receiver, trailing)
        }
        _ => return Ok(None),
    };
    let parts = understood(own, action, coin, amount, receiver, call, context)?
        .unwrap_or_else(|| unknown(call, receiver, context));
    Ok(with_trailing(Some(parts), trailing))
}

fn understood(
    own: EffectKind,
    action: &'static str,
    coin: Option<Coin>,
    amount: U256,
    receiver: Address,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let Some(coin) = coin else {
        return Ok(None);
    };
    Holding {
        own,
        action,
        coin,
        amount,
        holder: Some(receiver),
        through: call.to,
    }
    .parts(context)
}
