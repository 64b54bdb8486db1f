//! Value given for value: what a swap, an order or a deposit costs in the worst case.

use alloy_primitives::{Address, U256};

use super::native::unregistered;
use crate::asset::Asset;
use crate::code::WarningCode;
use crate::display::{address_text, amount_text, field, warning, DisplayLine, Warning};
use crate::effects::context::Context;
use crate::effects::parts::Parts;
use crate::effects::{EffectKind, Exchange};

/// What is given or got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::effects) enum Coin {
    /// The chain's own coin.
    Native,
    /// The token at this address, whether it is registered or not.
    Token(Address),
}

impl Coin {
    /// The registered asset.
    pub fn asset<'r>(self, context: &Context<'r>) -> Option<&'r Asset> {
        match self {
            Self::Native => context.registry.native(context.chain_id),
            Self::Token(address) => context.registry.contract(context.at(address)),
        }
    }

    /// The same, if it is the coin or a fungible token: for contracts that move amounts, a single
    /// token of a collection would be an amount of its number.
    pub fn fungible<'r>(self, context: &Context<'r>) -> Option<&'r Asset> {
        match self {
            Self::Native => context.registry.native(context.chain_id),
            Self::Token(address) => context.token(address),
        }
    }

    /// Whether it is the coin, or a fungible token somebody registered.
    pub fn is_measured(self, context: &Context<'_>) -> bool {
        self == Self::Native || self.fungible(context).is_some()
    }

    /// `1.5 ETH`, or base units of an address nobody registered.
    pub fn text(self, amount: U256, context: &Context<'_>) -> String {
        match (self, self.asset(context)) {
            (_, Some(asset)) => amount_text(asset, amount),
            (Self::Native, None) => context.native_amount(amount),
            (Self::Token(address), None) => {
                format!("{amount} base units of {}", address_text(address))
            }
        }
    }
}

/// What is given for what.
#[derive(Debug)]
pub(in crate::effects) struct Trade<'t> {
    /// `Swap`, `Order` or `Deposit`: what it is if the wallet surely gets something for it.
    pub kind: EffectKind,
    /// The word of the screen: `swap`.
    pub action: &'static str,
    /// The most that leaves the wallet.
    pub pays: &'t [(Coin, U256)],
    /// The least that comes to the recipient.
    pub gets: &'t [(Coin, U256)],
    /// Who gets it; `None` when it stays with nobody.
    pub recipient: Option<Address>,
    /// The contract it goes through.
    pub through: Address,
    /// Until when, ms; `None`: at once, or for good.
    pub expires: Option<u64>,
}

impl Trade<'_> {
    /// The effects: of the kind of the trade if the wallet surely gets a registered asset for it,
    /// otherwise a transfer of everything to whoever gets it. `None` if a token that is paid is not
    /// registered: then nobody can say what it costs.
    pub fn parts(&self, context: &Context<'_>) -> Option<Parts> {
        let (kind, to, warning) = self.worst(context);
        let mut parts = Parts::default();
        parts.display.push(field("Action", self.action));
        for (coin, amount) in self.pays {
            let asset = coin.asset(context);
            if asset.is_none() && *coin != Coin::Native {
                return None;
            }
            let mut effect = context.effect(kind, asset, Some(to), *amount);
            effect.expires = self.expires;
            parts.effects.push(effect);
            parts
                .display
                .push(self.line("Pay at most", *coin, *amount, context));
            if *coin == Coin::Native {
                parts.warnings.extend(unregistered(*amount, context));
            }
        }
        for (coin, amount) in self.gets {
            parts
                .display
                .push(self.line("Get at least", *coin, *amount, context));
        }
        if let Some(recipient) = self.recipient {
            let text = context.party_text(recipient);
            parts.display.push(field("Recipient", text));
        }
        parts
            .display
            .push(field("Through", context.contract_text(self.through)));
        parts.warnings.extend(warning);
        if kind != EffectKind::Transfer {
            parts
                .exchanges
                .push(exchange(kind, self.pays, self.gets, context));
        }
        Some(parts)
    }

    fn line(
        &self,
        label: &'static str,
        coin: Coin,
        amount: U256,
        context: &Context<'_>,
    ) -> DisplayLine {
        field(label, coin.text(amount, context))
    }

    /// What it is in the worst case, and who has the value then.
    fn worst(&self, context: &Context<'_>) -> (EffectKind, Address, Option<Warning>) {
        match self.recipient {
            Some(recipient) if context.is_own(recipient) => {}
            Some(recipient) => {
                let text = "what comes back goes to another account";
                let warning = warning(WarningCode::ForeignRecipient, text);
                return (EffectKind::Transfer, recipient, Some(warning));
            }
            None => {
                let text = "what comes back stays in the contract, where anyone can take it";
                let warning = warning(WarningCode::Leftover, text);
                return (EffectKind::Transfer, self.through, Some(warning));
            }
        }
        let surely =
            |(coin, amount): &(Coin, U256)| !amount.is_zero() && coin.asset(context).is_some();
        if self.gets.iter().any(surely) {
            return (self.kind, self.through, None);
        }
        let known = self
            .gets
            .iter()
            .any(|(coin, _)| coin.asset(context).is_some());
        let warning = if known {
            let text = "nothing needs to come back: the least amount is zero";
            warning(WarningCode::NoMinimum, text)
        } else {
            let text = "what comes back is not registered: it can be worth nothing";
            warning(WarningCode::UnknownOutput, text)
        };
        (EffectKind::Transfer, self.through, Some(warning))
    }
}

/// What comes back for what leaves, as far as it is registered.
pub(in crate::effects) fn exchange(
    kind: EffectKind,
    pays: &[(Coin, U256)],
    gets: &[(Coin, U256)],
    context: &Context<'_>,
) -> Exchange {
    let asset = |coin: &Coin| coin.asset(context).cloned();
    let gets = gets
        .iter()
        .filter_map(|(coin, amount)| Some((asset(coin)?, *amount)));
    Exchange {
        kind,
        pays: pays
            .iter()
            .map(|(coin, amount)| (asset(coin), *amount))
            .collect(),
        gets: gets.collect(),
        measured: false,
    }
}

/// Says of a trade that none of what is asked for is sure to come back.
pub(in crate::effects) fn doubt(
    parts: &mut Parts,
    (coin, asked): (Coin, U256),
    context: &Context<'_>,
) {
    let mut lines = parts.display.iter_mut();
    if let Some(line) = lines.find(|line| line.label == "Get at least") {
        let asked = coin.text(asked, context);
        line.value = format!("nothing for sure; {asked} is asked for");
    }
    parts.warnings.push(measured_return());
}

/// What comes back is measured by the balance of whoever gets it, and code that nobody knows runs in
/// between: something else that arrives then counts as the return.
pub(in crate::effects) fn measured_return() -> Warning {
    let text = "what comes back is only measured by the balance of who gets it, and unknown \
                code runs in between: none of it is certain";
    warning(WarningCode::MeasuredReturn, text)
}
