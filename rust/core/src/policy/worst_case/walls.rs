//! What keeps a rule from letting everything pass that it names: a forbid, or a rule that asks for a
//! person. The strictest of all tables that match counts.

use alloy_primitives::U256;

use crate::effects::EffectKind;
use crate::policy::conditions::{Assets, Conditions, NotTo};
use crate::policy::model::{Bits, Matcher};
use crate::policy::worst_case::groups::SENT;
use crate::policy::worst_case::scene::rest;

/// From which amount on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Above {
    /// Base units.
    Base(U256),
    /// Micro-USD.
    Usd(U256),
}

/// A table that nothing passes without a person that matches it.
pub(super) struct Wall<'p> {
    pub kinds: Bits,
    pub assets: Option<&'p Assets>,
    /// What an effect must be besides; who asks and where was looked at before.
    pub rest: Conditions,
    /// Which table it is.
    pub place: u32,
    /// `None`: whatever the amount. Above it an effect needs a person, and so does everything that is
    /// above it together in one request.
    pub above: Option<Above>,
}

impl<'p> Wall<'p> {
    /// `None` for one that lets an amount pass above another: that bounds nothing.
    pub fn of(matcher: &'p Matcher, place: u32) -> Option<Self> {
        let range = &matcher.range;
        let capped = range.amount_max.is_some() || range.usd_max.is_some();
        let above = match (range.amount_above, range.usd_above) {
            _ if capped => return None,
            (None, None) => None,
            (Some(base), None) => Some(Above::Base(base)),
            (None, Some(usd)) => Some(Above::Usd(U256::from(usd.0))),
            (Some(_), Some(_)) => return None,
        };
        Some(Self {
            kinds: matcher.kinds,
            assets: matcher.assets.as_ref(),
            rest: rest(&matcher.conditions),
            place,
            above,
        })
    }

    pub fn is_about(&self, kind: EffectKind, asset: Option<u32>) -> bool {
        let named = |all: &&Assets| asset.is_some_and(|asset| all.contains(&asset));
        self.kinds.has(kind as u8) && self.assets.is_none_or(|all| named(&all))
    }

    /// Those it spares, if it shuts out every other recipient of all that these conditions let pass.
    pub fn fence(&self, kinds: Bits, assets: Option<&[u32]>, rest: &Conditions) -> Option<&NotTo> {
        let spared = self.rest.not_to.as_ref()?;
        let moved = kinds.0 & Bits::kinds(&SENT).0;
        let named =
            |all: &&Assets| assets.is_some_and(|some| some.iter().all(|one| all.contains(one)));
        let open = Conditions {
            not_to: None,
            ..self.rest.clone()
        };
        let shuts = self.above.is_none()
            && moved & !self.kinds.0 == 0
            && self.assets.is_none_or(|all| named(&all))
            && rest.within(&open);
        shuts.then_some(spared)
    }
}
