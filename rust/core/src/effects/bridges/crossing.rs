//! Bridges: value leaves this chain. It stays the wallet's if the wallet gets it on the other chain
//! and what it becomes there is known; otherwise it is a transfer to whoever gets it.

use alloy_primitives::{Address, B256, U256};

use crate::asset::Asset;
use crate::code::WarningCode;
use crate::display::{address_text, amount_text, field, warning, Warning};
use crate::effects::accounts::account::ACCOUNT;
use crate::effects::accounts::safe::SAFE;
use crate::effects::call::Call;
use crate::effects::common::native::unregistered;
use crate::effects::common::opaque;
use crate::effects::common::trade::Coin;
use crate::effects::context::{check_not_token, check_recipient, Context};
use crate::effects::parts::Parts;
use crate::effects::{Denial, EffectKind, Exchange};

/// What comes out on the other side.
#[derive(Clone, Debug)]
pub(in crate::effects) enum Arrives {
    /// The same amount of the same asset.
    Same,
    /// At least this.
    AtLeast(Asset, U256),
    /// Perhaps nothing.
    Nothing,
    /// Something nobody registered.
    Unregistered(String),
}

/// Value on its way to another chain.
#[derive(Debug)]
pub(in crate::effects) struct Crossing {
    pub coin: Coin,
    pub amount: U256,
    pub arrives: Arrives,
    /// Who gets it there; `None` is whoever calls, and that is the wallet.
    pub recipient: Option<Address>,
    /// Where, for the screen.
    pub destination: String,
    /// The contract.
    pub through: Address,
}

impl Crossing {
    /// The effect. `None` for a token nobody registered and for an amount that can mean everything.
    ///
    /// # Errors
    /// `recipient_forbidden`.
    pub(in crate::effects) fn parts(&self, context: &Context<'_>) -> Result<Option<Parts>, Denial> {
        if let Some(recipient) = self.recipient {
            check_recipient(recipient)?;
            if let Coin::Token(token) = self.coin {
                check_not_token(recipient, token)?;
            }
        }
        let asset = match self.coin {
            Coin::Native => context.registry.native(context.chain_id),
            Coin::Token(token) => context.token(token),
        };
        if self.coin != Coin::Native && (asset.is_none() || self.amount == U256::MAX) {
            return Ok(None);
        }
        let (kind, to, doubt) = self.worst(context);
        let mut parts = Parts::default();
        let paid = self.coin.text(self.amount, context);
        let shown = [
            ("Action", "bridge to another chain".to_owned()),
            ("Pay at most", paid),
        ];
        for (label, value) in shown {
            parts.display.push(field(label, value));
        }
        match &self.arrives {
            Arrives::AtLeast(asset, least) => {
                let text = amount_text(asset, *least);
                parts.display.push(field("Get at least", text));
            }
            Arrives::Unregistered(text) => {
                parts.display.push(field("Get at least", text.clone()));
            }
            Arrives::Nothing => parts.display.push(field("Get at least", "nothing")),
            Arrives::Same => {}
        }
        let recipient = match self.recipient {
            Some(one) => context.party_text(one),
            None => "this wallet".to_owned(),
        };
        parts.display.push(field("Recipient", recipient));
        let destination = self.destination.clone();
        parts.display.push(field("Destination", destination));
        let through = context.contract_text(self.through);
        parts.display.push(field("Through", through));
        let effect = context.effect(kind, asset, Some(to), self.amount);
        parts.effects.push(effect);
        if let (EffectKind::Deposit, Arrives::AtLeast(got, least), Some(paid)) =
            (kind, &self.arrives, asset)
        {
            parts.exchanges.push(Exchange {
                kind,
                pays: vec![(Some(paid.clone()), self.amount)],
                gets: vec![(got.clone(), *least)],
                measured: false,
            });
        }
        if self.coin == Coin::Native {
            parts.warnings.extend(unregistered(self.amount, context));
        }
        parts.warnings.extend(doubt);
        Ok(Some(parts))
    }

    /// What it is in the worst case, and who has the value then.
    fn worst(&self, context: &Context<'_>) -> (EffectKind, Address, Option<Warning>) {
        let recipient = self.recipient.or(context.wallet);
        let doubt = |code, text| Some(warning(code, text));
        match recipient {
            Some(one) if !context.is_own(one) => {
                let text = "what comes back goes to another account";
                return (
                    EffectKind::Transfer,
                    one,
                    doubt(WarningCode::ForeignRecipient, text),
                );
            }
            Some(one) if has_code(one, context) => {
                let text = "an account with code can have another owner on another chain";
                return (
                    EffectKind::Transfer,
                    one,
                    doubt(WarningCode::ForeignRecipient, text),
                );
            }
            _ => {}
        }
        match self.arrives {
            Arrives::Same | Arrives::AtLeast(..) => (EffectKind::Deposit, self.through, None),
            Arrives::Nothing => {
                let text = "nothing needs to come back: the least amount is zero";
                (
                    EffectKind::Transfer,
                    self.through,
                    doubt(WarningCode::NoMinimum, text),
                )
            }
            Arrives::Unregistered(_) => {
                let text = "what comes back is not registered: it can be worth nothing";
                (
                    EffectKind::Transfer,
                    self.through,
                    doubt(WarningCode::UnknownOutput, text),
                )
            }
        }
    }
}

/// Accounts whose address says nothing on another chain.
fn has_code(address: Address, context: &Context<'_>) -> bool {
    matches!(context.named(address), Some(ACCOUNT | SAFE))
}

/// An address in 32 bytes; `None` if it is none.
pub(in crate::effects) fn address_in(word: B256) -> Option<Address> {
    let (padding, _) = word.split_first_chunk::<12>()?;
    (*padding == [0; 12]).then(|| Address::from_word(word))
}

impl Arrives {
    /// At least this of the same coin.
    pub(in crate::effects) fn at_least(coin: Coin, least: U256, context: &Context<'_>) -> Self {
        match coin.asset(context) {
            _ if least.is_zero() => Self::Nothing,
            Some(asset) => Self::AtLeast(asset.clone(), least),
            // The coin of a chain has no price then, but it is known what it is.
            None if coin == Coin::Native => Self::Same,
            None => Self::Unregistered(coin.text(least, context)),
        }
    }
}

/// Adds that something is not understood besides, and why.
pub(in crate::effects) fn and_more(
    parts: &mut Parts,
    reason: Warning,
    call: &Call<'_>,
    context: &Context<'_>,
) {
    let effect = context.effect(EffectKind::Call, None, Some(call.to), U256::ZERO);
    parts.effects.push(effect);
    parts.warnings.push(reason);
    opaque::push_data(call, &mut parts.display);
}

/// Adds what is paid for the way; what of it is not needed goes to `refund`, or is the wallet's.
///
/// # Errors
/// `recipient_forbidden`.
pub(in crate::effects) fn fee(
    parts: &mut Parts,
    value: U256,
    refund: Option<Address>,
    call: &Call<'_>,
    context: &Context<'_>,
) -> Result<(), Denial> {
    if value.is_zero() {
        return Ok(());
    }
    let foreign = refund.filter(|one| !context.is_own(*one));
    if let Some(refund) = foreign {
        check_recipient(refund)?;
        let text = "the excess payment goes to another account";
        parts
            .warnings
            .push(warning(WarningCode::ForeignRecipient, text));
        parts.display.push(field("Refund to", address_text(refund)));
    }
    let to = foreign.unwrap_or(call.to);
    parts.effects.push(context.native_transfer(Some(to), value));
    let shown = context.native_amount(value);
    parts.display.push(field("Fee at most", shown));
    parts.warnings.extend(unregistered(value, context));
    Ok(())
}

/// A chain by its id.
pub(in crate::effects) fn chain_text(id: U256) -> String {
    const NAMES: [(u64, &str); 12] = [
        (1, "Ethereum"),
        (10, "OP Mainnet"),
        (56, "BNB Smart Chain"),
        (100, "Gnosis"),
        (130, "Unichain"),
        (137, "Polygon PoS"),
        (324, "ZKsync Era"),
        (480, "World Chain"),
        (8453, "Base"),
        (42161, "Arbitrum One"),
        (43114, "Avalanche"),
        (59144, "Linea"),
    ];
    let mut names = NAMES.iter();
    match names.find(|(one, _)| id == U256::from(*one)) {
        Some((_, name)) => format!("{name} ({id})"),
        None => format!("chain {id}"),
    }
}
