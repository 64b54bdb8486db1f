//! Who asks for what: the subject of one decision.

use alloy_primitives::{Address, U256};

use crate::chain::ChainId;
use crate::effects::{Effect, EffectKind, Exchange};
use crate::policy::decide::sight::Unseen;
use crate::spend::{Reservation, SpendAsset};
use crate::window::{Book, Payment};

/// What is asked, decoded: everything a decision depends on besides policy, windows, facts and
/// time.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Agent id.
    pub agent: &'a str,
    /// The wallet that would sign.
    pub wallet: Address,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// JSON-RPC spelling of the method.
    pub method: &'a str,
    /// Effects without the fee.
    pub effects: &'a [Effect],
    /// How many payments each of them is the sum of; empty where each is one.
    pub times: &'a [u32],
    /// What comes back for swaps and orders among them.
    pub exchanges: &'a [Exchange],
    /// The host that the agent says it pays.
    pub merchant: Option<&'a str>,
    /// Contracts it relies on that do not count as what they are known for.
    pub unseen: &'a [(Address, Unseen)],
    /// Something else may come to the wallet meanwhile: what is measured by its balance is not sure.
    pub owed: bool,
    /// The most the fee can be; zero for signatures.
    pub fee_wei_max: U256,
    /// What this very request holds already, so that deciding it again does not count it twice;
    /// empty the first time.
    pub own: &'a [Reservation],
    /// Who was paid before, and what operators granted; without it every payee is new.
    pub book: Option<&'a Book>,
    /// The request, where it was decided before: of grants only the one it holds counts.
    pub again: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// The same, knowing who was paid before and what is granted.
    #[must_use]
    pub fn after(self, book: &'a Book) -> Self {
        Self {
            book: Some(book),
            ..self
        }
    }

    /// The same of a request that was decided before.
    #[must_use]
    pub fn again(self, request: &'a str) -> Self {
        Self {
            again: Some(request),
            ..self
        }
    }

    /// The one-off grant that covers it: for one transfer, and nothing but its fee beside it.
    pub(super) fn granted(&self, now_ms: u64) -> Option<u64> {
        let book = self.book?;
        let [effect] = self.effects else { return None };
        if effect.kind != EffectKind::Transfer || effect.asset.is_none() {
            return None;
        }
        let payment = Payment {
            agent: self.agent,
            wallet: self.chain_id.at(self.wallet),
            asset: SpendAsset::of(effect.kind, effect.asset.as_ref()),
            to: effect.to?,
            amount: u128::try_from(effect.amount).ok()?,
        };
        let Some(request) = self.again else {
            return book.grants().covering(&payment, now_ms);
        };
        let seq = book.spends(request)?.grant?;
        let covers = book.grants().still_covers(seq, &payment, request, now_ms);
        covers.then_some(seq)
    }

    /// When the agent last paid this recipient from the wallet, ms.
    pub(super) fn paid_ms(&self, to: Option<Address>) -> Option<u64> {
        let to = self.chain_id.at(to?);
        let ledger = self.book?.ledger();
        ledger.last_paid(self.agent, self.wallet, to)
    }
}
