//! Value that goes into a contract for somebody's account there, or comes back from one.

use alloy_primitives::{Address, U256};

use super::native::unregistered;
use super::opaque::{self, trailing_bytes};
use super::trade::Coin;
use crate::code::WarningCode;
use crate::display::{address_text, field, warning};
use crate::effects::call::Call;
use crate::effects::context::{check_not_token, check_payee, Context};
use crate::effects::parts::Parts;
use crate::effects::{Denial, EffectKind};

/// What goes where, and whose it is then. An amount of 2^256-1 is everything there is.
#[derive(Clone, Copy, Debug)]
pub(in crate::effects) struct Holding {
    /// What it is when it stays the wallet's: `Deposit` or `Convert`.
    pub own: EffectKind,
    /// The words of the screen.
    pub action: &'static str,
    pub coin: Coin,
    pub amount: U256,
    /// Who has it afterwards, or the claim on it; `None` is the wallet.
    pub holder: Option<Address>,
    /// The contract.
    pub through: Address,
}

impl Holding {
    /// The effect: of the kind `own` if the wallet is the holder, otherwise a transfer to whoever
    /// is. Everything that is paid in is as much as the wallet has, so it is opaque; everything that
    /// goes to somebody else is opaque besides. `None` for a token nobody registered.
    ///
    /// # Errors
    /// `recipient_forbidden`.
    pub(in crate::effects) fn parts(&self, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
        let asset = match self.coin {
            Coin::Native => context.registry.native(context.chain_id),
            Coin::Token(token) => {
                if let Some(holder) = self.holder {
                    check_not_token(holder, token)?;
                }
                context.token(token)
            }
        };
        if let Some(holder) = self.holder {
            check_payee(holder, context)?;
        }
        let is_own = self.holder.is_none_or(|holder| context.is_own(holder));
        let everything = self.amount == U256::MAX;
        let paid_in = is_own && self.own == EffectKind::Deposit;
        if asset.is_none() && self.coin != Coin::Native {
            return Ok(None);
        }
        let mut parts = Parts::default();
        let amount = if everything {
            "everything".to_owned()
        } else {
            self.coin.text(self.amount, context)
        };
        parts.display.push(field("Action", self.action));
        parts.display.push(field("Amount", amount));
        let (kind, to, holder) = match self.holder {
            Some(holder) if !is_own => {
                let text = "what comes back goes to another account";
                parts
                    .warnings
                    .push(warning(WarningCode::ForeignRecipient, text));
                (EffectKind::Transfer, holder, address_text(holder))
            }
            Some(holder) => {
                let text = format!("this wallet {}", address_text(holder));
                (self.own, self.through, text)
            }
            None => (self.own, self.through, "this wallet".to_owned()),
        };
        parts.display.push(field("Recipient", holder));
        let through = context.contract_text(self.through);
        parts.display.push(field("Through", through));
        if !(everything && paid_in) {
            let effect = context.effect(kind, asset, Some(to), self.amount);
            parts.effects.push(effect);
        }
        if everything && (paid_in || !is_own) {
            let text = "the amount is 2^256-1, which the contract reads as everything there is";
            parts
                .warnings
                .push(warning(WarningCode::WholeBalance, text));
            let through = Some(self.through);
            let effect = context.effect(EffectKind::Call, None, through, U256::ZERO);
            parts.effects.push(effect);
        }
        if self.coin == Coin::Native {
            parts.warnings.extend(unregistered(self.amount, context));
        }
        Ok(Some(parts))
    }
}

/// What the wallet owes afterwards. `None` for a token nobody registered.
pub(in crate::effects) fn debt(
    call: &Call<'_>,
    coin: Coin,
    amount: U256,
    context: &Context<'_>,
) -> Option<Parts> {
    let asset = coin.asset(context);
    if asset.is_none() && coin != Coin::Native {
        return None;
    }
    let display = vec![
        field("Action", "borrow"),
        field("Amount", coin.text(amount, context)),
        field("Through", context.contract_text(call.to)),
    ];
    let effect = context.effect(EffectKind::Debt, asset, Some(call.to), amount);
    Some(Parts::new(vec![effect], display, Vec::new()))
}

/// A call whose amount nobody here knows; who gets what comes of it is shown.
pub(in crate::effects) fn unknown(
    call: &Call<'_>,
    holder: Address,
    context: &Context<'_>,
) -> Parts {
    let mut parts = opaque::call(call, true, context);
    let shown = address_text(holder);
    parts.display.push(field("Recipient", shown));
    if !context.is_own(holder) {
        let text = "what comes back goes to another account";
        parts
            .warnings
            .push(warning(WarningCode::ForeignRecipient, text));
    }
    parts
}

/// The asset the operator says the contract holds, as a coin.
pub(in crate::effects) fn held(contract: Address, context: &Context<'_>) -> Option<Coin> {
    let asset = context.registry.holding(context.at(contract))?;
    Some(asset.address.map_or(Coin::Native, Coin::Token))
}

/// Somebody who may do with the position what the wallet may.
pub(in crate::effects) fn manager(
    call: &Call<'_>,
    manager: Address,
    approve: bool,
    context: &Context<'_>,
) -> Parts {
    if approve {
        return control(call, manager, context);
    }
    let effect = context.effect(EffectKind::Revoke, None, Some(manager), U256::ZERO);
    let display = vec![
        field("Action", "take back the right over the position"),
        field("Manager", address_text(manager)),
    ];
    Parts::new(vec![effect], display, Vec::new())
}

/// The whole position is given into somebody's hands, for good.
fn control(call: &Call<'_>, manager: Address, context: &Context<'_>) -> Parts {
    let mut parts = opaque::call(call, true, context);
    parts.display.push(field("Manager", address_text(manager)));
    let effect = context.effect(EffectKind::Control, None, Some(call.to), U256::ZERO);
    parts.effects.push(effect);
    let text = "gives another account full control of the wallet's position";
    parts.warnings.push(warning(WarningCode::Control, text));
    parts
}

/// Value of an account at the contract moves, and the contract takes whoever calls for its owner. In
/// a wrapper that is not the wallet: it counts as if it was, and a person looks at it.
pub(in crate::effects) fn by_owner(
    parts: Option<Parts>,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Option<Parts> {
    let mut parts = parts?;
    if call.sender != context.wallet {
        let effect = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
        parts.effects.push(effect);
        let text = "the contract around this call acts here, not this wallet";
        parts.warnings.push(warning(WarningCode::OtherCaller, text));
    }
    Some(parts)
}

/// Says how many bytes follow the call, if any do.
pub(in crate::effects) fn with_trailing(parts: Option<Parts>, trailing: usize) -> Option<Parts> {
    parts.map(|mut parts| {
        if trailing > 0 {
            parts.warnings.push(trailing_bytes(trailing));
        }
        parts
    })
}

/// Whoever calls, as a holder: what a contract credits to its caller.
pub(in crate::effects) fn caller(call: &Call<'_>, context: &Context<'_>) -> Option<Address> {
    call.sender.filter(|_| call.sender != context.wallet)
}
