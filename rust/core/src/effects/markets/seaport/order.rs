//! Orders of Seaport, whether they are signed as documents, put on chain or filled.

use alloy_primitives::{Address, B256, U256};

use crate::asset::Standard;
use crate::code::WarningCode;
use crate::display::{address_text, field, warning};
use crate::effects::common::order::{Leg, Order, Which};
use crate::effects::common::trade::Coin;
use crate::effects::context::{check_own_funds, Context};
use crate::effects::parts::Parts;
use crate::effects::Denial;

/// Open or restricted, in full or in part. What is above is made up by a contract on the way.
const ORDER_TYPE_MAX: u8 = 3;

/// What is offered or asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub kind: u8,
    pub token: Address,
    /// The number of the token, or the root of a list of numbers; 0 for any.
    pub number: U256,
    pub start: U256,
    pub end: U256,
    /// Nobody for what is offered.
    pub recipient: Address,
}

impl Item {
    /// The most it can be while the order is alive; it moves from one end to the other.
    pub(super) fn most(&self) -> U256 {
        self.start.max(self.end)
    }

    /// The least it can be while the order is alive.
    pub(super) fn least(&self) -> U256 {
        self.start.min(self.end)
    }

    /// What it is; `None` for a kind that is not known, or one that the registry says the contract is
    /// not.
    pub(super) fn leg(&self, amount: U256, context: &Context<'_>) -> Option<Leg> {
        let coin = match self.kind {
            0 => Coin::Native,
            1..=5 => Coin::Token(self.token),
            _ => return None,
        };
        let which = match self.kind {
            2 | 3 => Which::Number(self.number),
            4 | 5 if self.number.is_zero() => Which::Any,
            4 | 5 => Which::OfList,
            _ => Which::Alike,
        };
        let standard = match self.kind {
            0 => Standard::Native,
            1 => Standard::Erc20,
            2 | 4 => Standard::Erc721,
            _ => Standard::Erc1155,
        };
        let alike = coin
            .asset(context)
            .is_none_or(|asset| asset.standard == standard);
        // The contract refuses numbers where they say nothing, and a token for the coin.
        let numbered = self.kind >= 2 || self.number.is_zero();
        let addressed = self.kind != 0 || self.token.is_zero();
        let leg = Leg {
            coin,
            which,
            amount,
        };
        (alike && numbered && addressed).then_some(leg)
    }
}

/// What an order says.
#[derive(Debug)]
pub(super) struct Components {
    pub offerer: Address,
    pub zone: Address,
    pub offer: Vec<Item>,
    pub consideration: Vec<Item>,
    pub order_type: u8,
    /// Unix seconds.
    pub end: U256,
    pub conduit_key: B256,
}

impl Components {
    /// A leaf that only fills up the tree of a bulk order: nobody can have signed it.
    pub(super) fn is_filler(&self) -> bool {
        self.offerer.is_zero() && self.offer.is_empty() && self.consideration.is_empty()
    }

    /// Whether the terms are those of the order itself: contracts make theirs up on the way.
    pub(super) const fn is_fixed(&self) -> bool {
        self.order_type <= ORDER_TYPE_MAX
    }

    /// What the offerer can lose by it.
    ///
    /// # Errors
    /// `not_own_funds` for the order of another account.
    pub(super) fn parts(
        &self,
        through: Address,
        action: &'static str,
        context: &Context<'_>,
    ) -> Result<Option<Parts>, Denial> {
        check_own_funds(self.offerer, context)?;
        let Some(order) = self.order(through, action, context) else {
            return Ok(None);
        };
        let Some(mut parts) = order.parts(context) else {
            return Ok(None);
        };
        let loose = |leg: &Leg| matches!(leg.which, Which::Any | Which::OfList);
        if order.gives.iter().any(loose) {
            let text =
                "the account that fills the order chooses which tokens of the collection leave";
            parts.warnings.push(warning(WarningCode::AnyItem, text));
        }
        if !self.zone.is_zero() {
            let zone = address_text(self.zone);
            parts.display.push(field("Allowed by", zone));
        }
        if !self.conduit_key.is_zero() {
            let key = self.conduit_key.to_string();
            parts.display.push(field("Conduit", key));
        }
        Ok(Some(parts))
    }

    fn order(
        &self,
        through: Address,
        action: &'static str,
        context: &Context<'_>,
    ) -> Option<Order> {
        if !self.is_fixed() {
            return None;
        }
        let mut gives = Vec::with_capacity(self.offer.len());
        for item in &self.offer {
            // Nobody can take the coin of whoever only signs; such an order is odd.
            if item.kind == 0 {
                return None;
            }
            gives.push(item.leg(item.most(), context)?);
        }
        let mut gets = Vec::new();
        let mut others = Vec::new();
        for item in &self.consideration {
            let leg = item.leg(item.least(), context)?;
            if item.recipient == self.offerer {
                gets.push(leg);
            } else {
                others.push((item.recipient, leg));
            }
        }
        Some(Order {
            action,
            owner: self.offerer,
            gives,
            gets,
            others,
            through,
            until: Some(self.end),
            unsure: None,
        })
    }
}
