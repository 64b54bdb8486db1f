//! Orders: whoever signs one lets anybody take what is offered, up to all of it, against what is
//! asked. What counts is the worst moment of the order's life: the most that leaves, and the least
//! that surely comes to the wallet.

use alloy_primitives::{Address, U256};

use super::trade::{Coin, Trade};
use crate::code::WarningCode;
use crate::display::{address_text, field, moment, warning, DisplayLine, Warning};
use crate::effects::context::{until_ms, Context};
use crate::effects::parts::Parts;
use crate::effects::EffectKind;

/// Lines for one side of an order; the rest is counted.
const LINES_MAX: usize = 24;

/// Which token of a contract it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::effects) enum Which {
    /// All are alike.
    Alike,
    /// This one.
    Number(U256),
    /// Any of the collection; whoever fills the order chooses.
    Any,
    /// Any of a list that only its hash is known of.
    OfList,
}

/// An amount of something.
#[derive(Clone, Copy, Debug)]
pub(in crate::effects) struct Leg {
    pub coin: Coin,
    pub which: Which,
    pub amount: U256,
}

impl Leg {
    pub(in crate::effects) const fn plain(coin: Coin, amount: U256) -> Self {
        Self {
            coin,
            which: Which::Alike,
            amount,
        }
    }

    /// `1 APE number 7`
    pub(in crate::effects) fn text(&self, context: &Context<'_>) -> String {
        let mut text = self.coin.text(self.amount, context);
        match self.which {
            Which::Alike => {}
            Which::Number(id) => text.push_str(&format!(" number {id}")),
            Which::Any => text.push_str(", any of the collection"),
            Which::OfList => text.push_str(", any of a list not shown here"),
        }
        text
    }

    const fn pair(&self) -> (Coin, U256) {
        (self.coin, self.amount)
    }
}

/// An order the wallet signs.
#[derive(Debug)]
pub(in crate::effects) struct Order {
    pub action: &'static str,
    /// Whoever signs it; the wallet, where that is known.
    pub owner: Address,
    /// The most that leaves.
    pub gives: Vec<Leg>,
    /// The least that comes to the wallet.
    pub gets: Vec<Leg>,
    /// The least that comes to somebody else.
    pub others: Vec<(Address, Leg)>,
    /// The contract that settles it.
    pub through: Address,
    /// Unix seconds; `None` for no end.
    pub until: Option<U256>,
    /// Why nothing of what comes back can be relied on, if so.
    pub unsure: Option<&'static str>,
}

impl Order {
    /// The effects, worst case: an order if the wallet surely gets a registered asset, otherwise a
    /// transfer. `None` where nothing is offered, or something nobody registered.
    pub(in crate::effects) fn parts(&self, context: &Context<'_>) -> Option<Parts> {
        if self.gives.is_empty() {
            return None;
        }
        // Whoever signs the order is its owner.
        let context = &Context {
            wallet: Some(self.owner),
            ..*context
        };
        let pays: Vec<(Coin, U256)> = self.gives.iter().map(Leg::pair).collect();
        let mut gets: Vec<(Coin, U256)> = self.gets.iter().map(Leg::pair).collect();
        if self.unsure.is_some() {
            gets.clear();
        }
        let somebody_else = self.others.first().filter(|_| self.gets.is_empty());
        let recipient = somebody_else.map_or(self.owner, |(recipient, _)| *recipient);
        let trade = Trade {
            kind: EffectKind::Order,
            action: self.action,
            pays: &pays,
            gets: &gets,
            recipient: Some(recipient),
            through: self.through,
            expires: self.until.and_then(until_ms),
        };
        let mut parts = trade.parts(context)?;
        for found in &mut parts.warnings {
            if found.code == WarningCode::UnknownOutput && gets.is_empty() {
                *found = self.nothing_back();
            }
        }
        parts.display = self.display(context);
        Some(parts)
    }

    fn nothing_back(&self) -> Warning {
        match self.unsure {
            Some(why) => warning(WarningCode::UnsureReturn, why),
            None => warning(
                WarningCode::NoMinimum,
                "nothing needs to come back for what is given",
            ),
        }
    }

    fn display(&self, context: &Context<'_>) -> Vec<DisplayLine> {
        let mut display = vec![field("Action", self.action)];
        lines("Give at most", &self.gives, &mut display, |leg| {
            leg.text(context)
        });
        if self.gets.is_empty() {
            display.push(field("Get at least", "nothing"));
        }
        lines("Get at least", &self.gets, &mut display, |leg| {
            let text = leg.text(context);
            match self.unsure {
                Some(_) => format!("{text}, not sure"),
                None => text,
            }
        });
        lines("Others get", &self.others, &mut display, |(other, leg)| {
            format!("{} to {}", leg.text(context), address_text(*other))
        });
        if !self.gets.is_empty() {
            let own = if self.owner.is_zero() {
                "the account that signs".to_owned()
            } else {
                format!("this wallet {}", address_text(self.owner))
            };
            display.push(field("Recipient", own));
        }
        display.push(field("Through", context.contract_text(self.through)));
        let until = self.until.map_or_else(|| "no end".to_owned(), moment);
        display.push(field("Valid until", until));
        display
    }
}

fn lines<T>(
    label: &'static str,
    items: &[T],
    display: &mut Vec<DisplayLine>,
    text: impl Fn(&T) -> String,
) {
    for item in items.iter().take(LINES_MAX) {
        display.push(field(label, text(item)));
    }
    let more = items.len().saturating_sub(LINES_MAX);
    if more > 0 {
        display.push(field(label, format!("{more} more, not shown")));
    }
}
