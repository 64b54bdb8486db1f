//! Swaps of ParaSwap (Augustus 6.2) through an executor of its own. The executor is not looked into:
//! the contract itself sees to it that enough comes back. Direct swaps and permits stay opaque.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

use crate::display::{address_text, field, warning};
use crate::effects::call::Call;
use crate::effects::common::holding::with_trailing;
use crate::effects::common::trade::{Coin, Trade};
use crate::effects::context::{check_not_token, check_recipient, Context};
use crate::effects::exchanges::router::flow::part_of;
use crate::effects::parts::Parts;
use crate::effects::registry::{Contract, Decoder};
use crate::effects::{abi, Denial, EffectKind};
use crate::protocol::Protocol;

const V6: Protocol = Protocol::named("paraswap-v6");

pub(in crate::effects) const DECODER: Decoder = Decoder {
    contracts: &[Contract::new(V6, "the router of ParaSwap, 6.2").calls(decode)],
    documents: &[],
};
use crate::code::WarningCode;

#[allow(missing_docs, reason = "the names are those of the ABI")]
mod calls {
    alloy_sol_types::sol! {
        struct GenericData { address srcToken; address destToken; uint256 fromAmount; uint256 toAmount; uint256 quotedAmount; bytes32 metadata; address beneficiary; }
        function swapExactAmountIn(address executor, GenericData swapData, uint256 partnerAndFee, bytes permit, bytes executorData);
        function swapExactAmountOut(address executor, GenericData swapData, uint256 partnerAndFee, bytes permit, bytes executorData);
    }
}

/// Stands for the coin of a chain.
const COIN: Address = Address::repeat_byte(0xee);
/// The partner stands in the upper 160 bits, what it takes in the lower 14.
const PARTNER_BITS: usize = 96;
const FEE_MASK: U256 = U256::from_limbs([0x3fff, 0, 0, 0]);
/// The contract takes no more than this, in hundredths of a percent.
const FEE_MAX: U256 = U256::from_limbs([200, 0, 0, 0]);
const WHOLE: U256 = U256::from_limbs([10_000, 0, 0, 0]);

/// What the call does; `None` for one that is not understood, or a token nobody registered.
///
/// # Errors
/// `dirty_calldata`, `recipient_forbidden`.
fn decode(call: &Call<'_>, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
    let Some((selector, arguments)) = call.split() else {
        return Ok(None);
    };
    let (swap, partner, has_permit, least, trailing) = match *selector {
        calls::swapExactAmountInCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::swapExactAmountInCall>(arguments)?;
            let swap = call.swapData;
            let fee = Fee::read(call.partnerAndFee);
            // Everything above the quote can be taken as a surplus, and then the fee.
            let sure = swap.toAmount.min(swap.quotedAmount);
            let least = sure.saturating_sub(part_of(sure, (fee.bips, WHOLE)));
            (swap, fee, !call.permit.is_empty(), least, trailing)
        }
        calls::swapExactAmountOutCall::SELECTOR => {
            let (call, trailing) = abi::prefix::<calls::swapExactAmountOutCall>(arguments)?;
            let (swap, fee) = (call.swapData, Fee::read(call.partnerAndFee));
            let least = swap.toAmount;
            (swap, fee, !call.permit.is_empty(), least, trailing)
        }
        _ => return Ok(None),
    };
    let from = coin(swap.srcToken);
    let sent = if from == Coin::Native {
        swap.fromAmount
    } else {
        U256::ZERO
    };
    if has_permit || call.value != sent || !from.is_measured(context) {
        return Ok(None);
    }
    // One base unit always stays in the contract.
    let least = least.saturating_sub(U256::ONE);
    let parts = traded(call, &swap, (from, least), &partner, context)?;
    Ok(with_trailing(parts, trailing))
}

/// Who takes a share of a swap, and how much of ten thousand.
struct Fee {
    partner: Address,
    bips: U256,
}

impl Fee {
    fn read(packed: U256) -> Self {
        let partner = packed.wrapping_shr(PARTNER_BITS);
        let partner = Address::from_word(partner.into());
        let bips = (packed & FEE_MASK).min(FEE_MAX);
        Self {
            bips: if partner.is_zero() { U256::ZERO } else { bips },
            partner,
        }
    }
}

fn traded(
    call: &Call<'_>,
    swap: &calls::GenericData,
    (from, least): (Coin, U256),
    fee: &Fee,
    context: &Context<'_>,
) -> Result<Option<Parts>, Denial> {
    let recipient = if swap.beneficiary.is_zero() {
        call.sender.unwrap_or(context.signer())
    } else {
        check_recipient(swap.beneficiary)?;
        swap.beneficiary
    };
    let to = coin(swap.destToken);
    for coin in [from, to] {
        if let Coin::Token(token) = coin {
            check_not_token(recipient, token)?;
        }
    }
    let share = part_of(swap.fromAmount, (fee.bips, WHOLE));
    let trade = Trade {
        kind: EffectKind::Swap,
        action: "swap",
        pays: &[(from, swap.fromAmount.saturating_sub(share))],
        gets: &[(to, least)],
        recipient: (recipient != call.to).then_some(recipient),
        through: call.to,
        expires: None,
    };
    let Some(mut parts) = trade.parts(context) else {
        return Ok(None);
    };
    if !share.is_zero() {
        check_recipient(fee.partner)?;
        let asset = from.asset(context);
        let partner = Some(fee.partner);
        let effect = context.effect(EffectKind::Transfer, asset, partner, share);
        parts.effects.push(effect);
        let text = format!(
            "{} to {}",
            from.text(share, context),
            address_text(fee.partner)
        );
        parts.display.push(field("Goes away", text));
        let text = "a share of the value goes to another account";
        parts.warnings.push(warning(WarningCode::ShareTaken, text));
    }
    Ok(Some(parts))
}

fn coin(token: Address) -> Coin {
    if token == COIN {
        Coin::Native
    } else {
        Coin::Token(token)
    }
}
