//! What the sender asks: which requests go on to an order, a signature, the nodes or their end.

use alloy_primitives::{Address, B256};

use crate::chain::{Account, ChainId};
use crate::event::{Id, RequestKind, SettleOutcome, Stage};
use crate::guard::fold::replace::current;
use crate::guard::state::Entry;
use crate::guard::Guard;
use crate::request::key_of_batch;

/// A signed transaction whose end is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled<'a> {
    /// Request id.
    pub id: Id,
    /// Who signed.
    pub wallet: Address,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// Transaction hash.
    pub hash: B256,
    /// Its nonce.
    pub nonce: u64,
    /// Its bytes.
    pub raw: &'a [u8],
    /// `signed`, `sent`, `held`, `released`, or `denied` while it was held: its bytes exist and must
    /// not go out. `cancelling` where the bytes move nothing.
    pub state: &'static str,
    /// Hashes of earlier bytes with the same nonce, each of which can be mined instead.
    pub earlier: Vec<B256>,
    /// Wei per gas.
    pub max_fee_per_gas: u128,
    /// Wei per gas.
    pub max_priority_fee_per_gas: u128,
    /// When the bytes were signed, approved again or sent first, ms.
    pub signed_at: u64,
    /// Its agent alone sends these bytes.
    pub agent_alone: bool,
}

impl Guard {
    /// The request of a batch by the name it was sent with, while its outcome is kept.
    pub fn named(&self, agent: &str, batch_id: &str) -> Option<Id> {
        let key = (agent.to_owned(), key_of_batch(batch_id));
        self.state.by_key.get(&key).copied().map(Id)
    }

    /// Ids that are not at an end, oldest first.
    pub fn open_requests(&self) -> Vec<Id> {
        self.state.open_entries().map(|entry| entry.id).collect()
    }

    /// Ids that may go on to an order, oldest first.
    pub fn authorising(&self) -> Vec<Id> {
        let open = self.state.open_entries();
        open.filter(|entry| entry.stage == Stage::Authorising)
            .map(|entry| entry.id)
            .collect()
    }

    /// Orders without a signature, with the seq of their `request.authorised`, oldest first.
    pub fn to_sign(&self) -> Vec<(Id, u64)> {
        let open = self.state.open_entries();
        let ordered = open.filter(|entry| entry.stage == Stage::Authorised);
        ordered
            .filter_map(|entry| {
                entry
                    .ordered
                    .as_ref()
                    .map(|ordered| (entry.id, ordered.seq))
            })
            .collect()
    }

    /// Signed transactions whose nonce is not provably consumed, in the order in which the chain can
    /// mine those of a wallet: by nonce, and of one nonce the oldest first. What takes rights back
    /// is settled after what gave them, so that it frees them at once.
    pub fn unsettled(&self) -> Vec<Unsettled<'_>> {
        let entries = self
            .state
            .unsettled
            .iter()
            .filter_map(|seq| self.state.request(*seq));
        let mut rows: Vec<Unsettled<'_>> = entries.filter_map(unsettled).collect();
        rows.sort_by_key(|row| row.nonce);
        rows
    }

    /// Transactions that were mined and are kept, oldest first: a reorganisation can undo that, and
    /// then their bytes are sent again. Not those that were undone by their contract: their amount is
    /// free again.
    pub fn mined(&self) -> Vec<Unsettled<'_>> {
        let recent = self.state.recent.iter();
        let entries = recent.filter_map(|seq| self.state.request(*seq));
        let mined = entries.filter(|entry| {
            let mined = [SettleOutcome::Confirmed, SettleOutcome::Cancelled];
            let outcome = entry.outcome.filter(|outcome| mined.contains(outcome));
            outcome.is_some() && entry.kind == RequestKind::Transaction
        });
        // An operator who set the ledger back gave its nonce to others.
        let has_nonce = |row: &Unsettled<'_>| {
            let book = self.state.nonces.get(&row.chain_id.at(row.wallet));
            book.is_some_and(|book| book.owner(row.nonce) == Some(row.id.0))
        };
        let kept = mined.filter_map(unsettled);
        kept.filter(|row| !row.raw.is_empty() && has_nonce(row))
            .collect()
    }

    /// Gaps: nonces that were given back below others that are out, as (request that left it, wallet,
    /// nonce).
    pub fn gaps(&self) -> Vec<(Id, Account, u64)> {
        let books = self.state.nonces.iter();
        let free = books.flat_map(|(wallet, book)| {
            book.free()
                .map(move |(nonce, owner)| (Id(owner), *wallet, nonce))
        });
        free.collect()
    }

    /// The request that has a nonce now, while that is known: longer than its details are.
    pub fn nonce_owner(&self, wallet: &str, chain_id: ChainId, nonce: u64) -> Option<Id> {
        let wallet = wallet.parse().ok()?;
        let book = self.state.nonces.get(&chain_id.at(wallet))?;
        book.owner(nonce).map(Id)
    }

    /// What the nonce ledger would give out next; `None` until a nonce of the chain was seen.
    pub fn next_nonce(&self, wallet: &str, chain_id: ChainId) -> Option<u64> {
        let wallet = wallet.parse().ok()?;
        Some(self.state.nonces.get(&chain_id.at(wallet))?.peek(None))
    }
}

fn unsettled(entry: &Entry) -> Option<Unsettled<'_>> {
    let signed = entry.signed.as_ref()?;
    let order = current(entry)?;
    Some(Unsettled {
        id: entry.id,
        wallet: entry.wallet,
        chain_id: entry.chain_id,
        hash: signed.hash,
        nonce: order.nonce,
        raw: &signed.payload,
        state: match entry.stage {
            _ if signed.moves_nothing => "cancelling",
            stage => stage.as_str(),
        },
        earlier: entry.earlier.iter().map(|bytes| bytes.hash).collect(),
        max_fee_per_gas: order.max_fee_per_gas,
        max_priority_fee_per_gas: order.max_priority_fee_per_gas,
        signed_at: match entry.stage {
            // A person who approved it again began anew.
            Stage::Signed | Stage::Sent => signed.at.max(entry.since),
            _ => signed.at,
        },
        agent_alone: entry.agent_alone(),
    })
}
