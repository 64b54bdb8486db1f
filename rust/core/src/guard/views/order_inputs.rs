//! What has to be found out for an order: what a node is asked, within which caps, and which contracts
//! are looked at again.

use alloy_primitives::{Address, U256};

use crate::chain::ChainId;
use crate::event::{Decided, SignedContent, TransactionContent};
use crate::guard::commands::authorise::{l1_fee_shown, old_facts};
use crate::guard::Guard;

/// Of a request whose details are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderInputs<'a> {
    /// Who signs.
    pub wallet: Address,
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// Contracts that the request names, that its effects name, and that it relied on when it was
    /// decided, each once.
    pub touched: Vec<Address>,
    /// `None` for typed data and messages, which need nothing of a node.
    pub transaction: Option<TransactionInputs<'a>>,
}

/// Of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionInputs<'a> {
    /// What the agent asked for.
    pub content: &'a TransactionContent,
    /// The most that may be signed.
    pub gas_max: u64,
    /// The most that may be signed, wei.
    pub fee_per_gas_max: u128,
    /// The most that may be signed, wei.
    pub priority_fee_per_gas_max: u128,
    /// The most for data on another chain, wei; 0 where the policy knows of no such fee.
    pub l1_fee_max: U256,
}

impl Guard {
    /// `None` for a request that is not known, or whose details are forgotten.
    pub fn order_inputs(&self, request_id: &str) -> Option<OrderInputs<'_>> {
        let entry = self.entry(request_id).ok()?;
        let decided = entry.decided.as_deref()?;
        let transaction = match &decided.request {
            SignedContent::Transaction(content) => Some(TransactionInputs {
                content,
                gas_max: decided.gas_max?,
                fee_per_gas_max: decided.fee_per_gas_max?,
                priority_fee_per_gas_max: decided.priority_fee_per_gas_max?,
                l1_fee_max: l1_fee_shown(decided),
            }),
            SignedContent::TypedData(_) | SignedContent::Message(_) => None,
        };
        Some(OrderInputs {
            wallet: entry.wallet,
            chain_id: entry.chain_id,
            touched: touched(decided),
            transaction,
        })
    }
}

fn touched(decided: &Decided) -> Vec<Address> {
    let facts = old_facts(decided).unwrap_or_default();
    let called = match &decided.request {
        SignedContent::Transaction(content) => content.to,
        SignedContent::TypedData(_) | SignedContent::Message(_) => None,
    };
    let effects = decided.effects.iter().flat_map(|effect| {
        let asset = effect.asset.as_ref().and_then(|asset| asset.address);
        asset.into_iter().chain(effect.to)
    });
    let mut found: Vec<Address> = Vec::new();
    for address in facts.contracts().chain(called).chain(effects) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}
