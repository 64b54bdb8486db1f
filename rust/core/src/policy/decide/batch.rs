//! Several calls at once (`wallet_sendCalls`, EIP-5792): one question with one answer, which is
//! about the sum of all effects.

use alloy_primitives::{Address, U256};

use crate::code::Code;
use crate::effects::{decode_all, decode_all_seen};
use crate::policy::decide::resolve::{doubting, resolve, warn_of_look_alikes, Resolved};
use crate::policy::decide::sight::Look;
use crate::policy::decide::verdict::{Decision, Reason, Verdict};
use crate::policy::model::{Released, Route};
use crate::policy::Policy;
use crate::request::{Batch, Body};

/// The batch as if it were one request: the effects and the fees of all its calls.
///
/// # Errors
/// A denial, if any of the calls is denied whatever the policy says.
pub fn resolve_batch<'p>(
    policy: &'p Policy,
    agent: &str,
    batch: &Batch,
    look: Look<'_>,
) -> Result<Resolved<'p>, Reason> {
    let none = || Reason::new(Code::NoGrant).found("no call");
    let first = batch.calls().first().cloned().ok_or_else(none)?;
    let mut sum = resolve(policy, agent, first, look)?;
    let bodies = batch.calls().iter().map(|call| &call.body);
    let transactions: Vec<_> = bodies
        .filter_map(|body| match body {
            Body::Transaction(transaction) => Some(transaction),
            Body::TypedData(_) | Body::Message(_) => None,
        })
        .collect();
    let registry = policy.registry();
    let wallet = sum.account();
    let read = |seen: Option<&dyn Fn(Address) -> bool>| match seen {
        None => decode_all(&transactions, wallet, registry),
        Some(seen) => decode_all_seen(&transactions, wallet, registry, seen),
    };
    (sum.decoded, sum.unseen) = doubting(policy, wallet.chain_id, look, read)?;
    warn_of_look_alikes(policy, &mut sum.decoded);
    // No call of a batch names gas or fees, so that all may cost the same.
    sum.fee_wei_max = sum
        .fee_wei_max
        .saturating_mul(U256::from(transactions.len()));
    Ok(sum)
}

impl Decision {
    /// The decision about the sum of a batch, as it is told: what the policy denies is denied, and
    /// what it does not is refused all the same, because nothing here sends several at once.
    #[must_use]
    pub fn of_batch(self, calls: usize) -> Self {
        if self.verdict == Verdict::Deny {
            return self;
        }
        let sum = self.verdict.as_str();
        let observed = format!("{calls} calls, in sum `{sum}`: send them one by one");
        let mut reasons = vec![Reason::new(Code::Batch).found(observed).allowed("1")];
        reasons.extend(self.reasons.into_iter().filter(|other| !other.lets_go_on()));
        Self {
            verdict: Verdict::Deny,
            reasons,
            reservations: Vec::new(),
            route: Route::Public,
            released: Released::Guardian,
            spends: None,
        }
    }
}
