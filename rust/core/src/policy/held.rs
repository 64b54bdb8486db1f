//! Wallets that a policy names and the guardian has no key for.

use crate::code::PolicyCode;
use alloy_primitives::Address;

use crate::policy::fault::{Fault, PolicyErrors};
use crate::policy::Policy;

/// Wallets that a hint names; of more it says how many.
const NAMED_MAX: usize = 3;

impl Policy {
    /// A payment from such a wallet is granted, counted and asked about, and then nobody can sign it.
    ///
    /// # Errors
    /// `wallet_unknown` for each wallet that is not among `held`.
    pub fn check_held(&self, held: &[Address]) -> Result<(), PolicyErrors> {
        let without = self
            .wallets
            .iter()
            .filter(|wallet| !held.contains(&wallet.address));
        let faults: Vec<Fault> = without
            .map(|wallet| {
                let text = format!(
                    "this guardian holds no key for wallet `{}`, {}",
                    wallet.id, wallet.address
                );
                Fault::new(wallet.at, PolicyCode::WalletUnknown, text, holds(held))
            })
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        Err(PolicyErrors::new(faults))
    }
}

fn holds(held: &[Address]) -> String {
    let named: Vec<String> = held
        .iter()
        .take(NAMED_MAX)
        .map(Address::to_string)
        .collect();
    let more = match held.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("it holds keys for {}{more}", named.join(", "))
}
