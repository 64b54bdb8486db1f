//! What a plan of a router does in the end: effects, and lines a person understands at a glance.

use alloy_primitives::{Address, U256};

use super::flow::{part_of, Flow, Lot};
use crate::code::WarningCode;
use crate::display::{address_text, field, moment, warning, Warning};
use crate::effects::call::Call;
use crate::effects::common::native::unregistered;
use crate::effects::common::opaque::push_data;
use crate::effects::common::trade::{exchange, Coin};
use crate::effects::context::until_ms;
use crate::effects::parts::Parts;
use crate::effects::EffectKind;

const SHARE: &str = "a share of the value goes to another account";

type Amounts = Vec<(Coin, U256)>;

/// The lines, sorted by what they say.
#[derive(Default)]
struct Sums {
    /// What is given for something that surely comes back.
    swapped: Amounts,
    pays: Amounts,
    back: Amounts,
    goes: Vec<(Coin, U256, Address)>,
    warnings: Vec<Warning>,
}

impl Sums {
    fn warn(&mut self, code: WarningCode, text: &str) {
        let warning = warning(code, text);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl Flow<'_, '_> {
    /// The plan as it ends; `until` is its deadline in Unix seconds.
    pub fn finish(mut self, call: &Call<'_>, until: Option<U256>) -> Parts {
        self.mark_left();
        let mut sums = Sums::default();
        for lot in std::mem::take(&mut self.lots) {
            self.settle(&lot, &mut sums);
        }
        for (coin, amount, to, share) in std::mem::take(&mut self.sends) {
            self.push(EffectKind::Transfer, coin, amount, to);
            sums.goes.push((coin, amount, to));
            if share {
                sums.warn(WarningCode::ShareTaken, SHARE);
            }
        }
        let value = call.value;
        sums.warnings.extend(unregistered(value, self.context));
        self.show(sums, until);
        if let Some(until) = until {
            self.end(until);
        }
        if self.unknown {
            let effect = self
                .context
                .effect(EffectKind::Call, None, Some(self.router), U256::ZERO);
            self.parts.effects.push(effect);
            push_data(call, &mut self.parts.display);
        } else if self.parts.effects.is_empty() {
            // A plan that moves nothing says so.
            let nothing = self.context.native_transfer(Some(self.router), U256::ZERO);
            self.parts.effects.push(nothing);
        }
        if self.parts.effects.len() > 1 {
            for (number, effect) in self.parts.effects.iter_mut().enumerate() {
                effect.path = number.to_string();
            }
        }
        self.parts
    }

    /// Swaps and what they pay others happen until the deadline, or not at all; an allowance has an
    /// end of its own.
    fn end(&mut self, until: U256) {
        let effects = self.parts.effects.iter_mut();
        for effect in effects.filter(|one| one.kind != EffectKind::Allowance) {
            effect.expires = until_ms(until);
        }
    }

    /// The effect of one lot.
    fn settle(&mut self, lot: &Lot, sums: &mut Sums) {
        let collection = lot.coin.asset(self.context).is_some();
        let collection = collection && !lot.coin.is_measured(self.context);
        // Of a collection the amount is the number of a token, which can be zero.
        if lot.amount.is_zero() && !collection {
            return;
        }
        if !lot.coin.is_measured(self.context) {
            self.unknown = true;
            add(&mut sums.pays, lot.coin, lot.amount);
            let text = "a token that leaves is not registered: its cost is unknown";
            sums.warn(WarningCode::UnknownInput, text);
            return;
        }
        if !lot.to.is_empty() {
            for (to, share) in &lot.to {
                self.push(EffectKind::Transfer, lot.coin, lot.amount, *to);
                sums.goes.push((lot.coin, lot.amount, *to));
                if *share {
                    sums.warn(WarningCode::ShareTaken, SHARE);
                } else {
                    let text = "what comes back goes to another account";
                    sums.warn(WarningCode::ForeignRecipient, text);
                }
            }
        }
        let mut rest = lot.amount;
        for (to, part, whole) in &lot.shares {
            let share = part_of(lot.amount, (*part, *whole));
            rest = rest.saturating_sub(share);
            self.push(EffectKind::Transfer, lot.coin, share, *to);
            sums.goes.push((lot.coin, share, *to));
            sums.warn(WarningCode::ShareTaken, SHARE);
        }
        // Who gets it all may be another one than who gets a share.
        if rest.is_zero() || !lot.to.is_empty() {
            return;
        }
        let kind = self.judge(lot, sums);
        self.push(kind, lot.coin, rest, self.router);
        let sum = match kind {
            EffectKind::Convert => &mut sums.back,
            _ => &mut sums.pays,
        };
        add(sum, lot.coin, rest);
        if kind == EffectKind::Swap {
            add(&mut sums.swapped, lot.coin, rest);
        }
    }

    fn judge(&self, lot: &Lot, sums: &mut Sums) -> EffectKind {
        if self.unknown {
            return EffectKind::Transfer;
        }
        if lot.left {
            let text = "value stays in the contract, where anyone can take it";
            sums.warn(WarningCode::Leftover, text);
            return EffectKind::Transfer;
        }
        if lot.back {
            return EffectKind::Convert;
        }
        if lot.got {
            return EffectKind::Swap;
        }
        if lot.got_unknown {
            let text = "what comes back is not registered: it can be worth nothing";
            sums.warn(WarningCode::UnknownOutput, text);
        } else {
            let text = "nothing needs to come back: no least amount is sure";
            sums.warn(WarningCode::NoMinimum, text);
        }
        EffectKind::Transfer
    }

    fn push(&mut self, kind: EffectKind, coin: Coin, amount: U256, to: Address) {
        let asset = coin.fungible(self.context);
        let effect = self.context.effect(kind, asset, Some(to), amount);
        self.parts.effects.push(effect);
    }

    fn show(&mut self, sums: Sums, until: Option<U256>) {
        let mut lines = Vec::new();
        let action = if self.unknown {
            "carry out a plan that is not completely understood"
        } else if !sums.swapped.is_empty() {
            "swap"
        } else if sums.pays.is_empty() && sums.goes.is_empty() && !sums.back.is_empty() {
            "wrap or unwrap"
        } else {
            "pay through a router"
        };
        lines.push(field("Action", action));
        for (coin, amount) in &sums.pays {
            lines.push(field("Pay at most", coin.text(*amount, self.context)));
        }
        let mut gets = Amounts::new();
        for (coin, amount) in &self.gets {
            add(&mut gets, *coin, *amount);
        }
        if !sums.swapped.is_empty() {
            let kind = EffectKind::Swap;
            let mut exchange = exchange(kind, &sums.swapped, &gets, self.context);
            exchange.measured = self.measured;
            self.parts.exchanges.push(exchange);
        }
        for (coin, amount) in &gets {
            lines.push(field("Get at least", coin.text(*amount, self.context)));
        }
        if !gets.is_empty() {
            let wallet = self.context.wallet.map(address_text).unwrap_or_default();
            lines.push(field("Recipient", format!("this wallet {wallet}")));
        }
        for (coin, amount) in &sums.back {
            lines.push(field("Stays yours", coin.text(*amount, self.context)));
        }
        for (coin, amount, to) in &sums.goes {
            let amount = coin.text(*amount, self.context);
            let text = format!("{amount} to {}", address_text(*to));
            lines.push(field("Goes away", text));
        }
        lines.push(field("Through", self.context.contract_text(self.router)));
        if let Some(until) = until {
            lines.push(field("Until", moment(until)));
        }
        lines.append(&mut self.parts.display);
        self.parts.display = lines;
        self.parts.warnings.extend(sums.warnings);
    }
}

fn add(amounts: &mut Amounts, coin: Coin, amount: U256) {
    match amounts.iter_mut().find(|(one, _)| *one == coin) {
        Some((_, sum)) => *sum = sum.saturating_add(amount),
        None => amounts.push((coin, amount)),
    }
}
