//! Pieces of a decoded request, put together from calls inside of calls.

use std::collections::HashMap;

use alloy_primitives::Address;

use super::{Claim, Decoded, Effect, EffectKind, Exchange, UNLIMITED_FROM};
use crate::chain::ChainId;
use crate::display::{DisplayLine, Warning};

/// What one call or document does, when it is known.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub effects: Vec<Effect>,
    pub display: Vec<DisplayLine>,
    pub warnings: Vec<Warning>,
    pub exchanges: Vec<Exchange>,
}

impl Parts {
    /// The same in the order of use at the decoders.
    pub(super) const fn new(
        effects: Vec<Effect>,
        display: Vec<DisplayLine>,
        warnings: Vec<Warning>,
    ) -> Self {
        Self {
            effects,
            display,
            warnings,
            exchanges: Vec::new(),
        }
    }

    /// Says that what comes back is measured by the wallet's balance, if it is.
    pub(super) fn measure(&mut self, measured: bool) {
        for exchange in &mut self.exchanges {
            exchange.measured |= measured;
        }
    }

    /// Adds what an inner call does; it is found by its number.
    pub(super) fn nest(&mut self, number: usize, inner: Self) {
        for mut effect in inner.effects {
            effect.path = if effect.path.is_empty() {
                number.to_string()
            } else {
                format!("{number}.{}", effect.path)
            };
            // A wrapper acts for itself and may let an inner call fail: it takes nothing back for
            // sure, and replaces nothing.
            effect.claim = match effect.kind {
                EffectKind::Revoke => None,
                _ => effect.claim.map(|claim| Claim {
                    adds: true,
                    ..claim
                }),
            };
            self.effects.push(effect);
        }
        self.display.extend(inner.display);
        self.exchanges.extend(inner.exchanges);
        for warning in inner.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// The whole request: effects of the same value to the same party are one of their sum. Split
    /// into many, each below what a rule allows at once, they would still move it all.
    pub(super) fn decoded(self) -> Decoded {
        let (effects, times) = summed(self.effects);
        let opaque = effects.iter().any(Effect::is_opaque);
        Decoded {
            effects,
            times,
            display: self.display,
            warnings: self.warnings,
            exchanges: self.exchanges,
            opaque,
            relies_on: Vec::new(),
        }
    }
}

type Identity = (
    EffectKind,
    Option<(ChainId, Option<Address>)>,
    Option<Address>,
);

fn identity(effect: &Effect) -> Identity {
    let asset = effect.asset.as_ref();
    let asset = asset.map(|asset| asset.identity());
    (effect.kind, asset, effect.to)
}

/// Effects of the same value to the same party as one, and how many of them there were where that is
/// more than one anywhere.
fn summed(effects: Vec<Effect>) -> (Vec<Effect>, Vec<u32>) {
    if effects.len() < 2 {
        return (effects, Vec::new());
    }
    let mut places: HashMap<Identity, usize> = HashMap::new();
    let mut sums: Vec<Effect> = Vec::with_capacity(effects.len());
    let mut times: Vec<u32> = Vec::with_capacity(effects.len());
    let all = effects.len();
    for effect in effects {
        if !effect.kind.adds_up() {
            sums.push(effect);
            times.push(1);
            continue;
        }
        let place = places.entry(identity(&effect)).or_insert(sums.len());
        match (sums.get_mut(*place), times.get_mut(*place)) {
            (Some(sum), Some(times)) => {
                add(sum, &effect);
                if effect.kind.is_counted() {
                    *times = times.saturating_add(1);
                }
            }
            _ => {
                sums.push(effect);
                times.push(1);
            }
        }
    }
    if sums.len() == all {
        times.clear();
    }
    (sums, times)
}

fn add(sum: &mut Effect, effect: &Effect) {
    sum.amount = sum.amount.saturating_add(effect.amount);
    sum.unlimited |= effect.unlimited;
    if sum.kind == EffectKind::Allowance {
        sum.unlimited |= sum.amount >= UNLIMITED_FROM;
    }
    sum.expires = match (sum.expires, effect.expires) {
        (Some(one), Some(other)) => Some(one.max(other)),
        _ => None,
    };
    if sum.claim != effect.claim {
        sum.claim = None;
    }
}
