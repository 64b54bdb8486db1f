//! One-off grants, with what is left of each.

use serde::Serialize;

use crate::guard::decision::answer::bytes;
use crate::guard::Guard;
use crate::spend::SpendAsset;

/// Amounts are decimal strings in base units.
#[derive(Serialize)]
struct GrantView<'a> {
    agent: &'a str,
    /// The policy's name of the asset, where it has one.
    asset: Option<&'a str>,
    address: Option<String>,
    chain_id: u64,
    decimals: Option<u8>,
    grant: u64,
    held: String,
    label: Option<&'a str>,
    left: String,
    most: String,
    once: bool,
    spent: String,
    /// `open`, `used`, `over` or `revoked`.
    state: &'static str,
    symbol: Option<&'a str>,
    times: u32,
    to: String,
    until_ms: u64,
    wallet: String,
}

impl Guard {
    /// Every one-off grant that is open, or ended less than 32 days ago, by its seq.
    pub fn grants(&self, now_ms: u64) -> Vec<u8> {
        let now = self.now(now_ms);
        let policy = self.state.policy();
        let all = self.state.book.grants().all();
        let views: Vec<GrantView<'_>> = all
            .map(|(seq, given)| {
                let terms = &given.terms;
                let chain_id = terms.wallet.chain_id;
                let address = match terms.asset {
                    SpendAsset::Token(address) => Some(address),
                    SpendAsset::Native | SpendAsset::None => None,
                };
                let entry = policy.and_then(|policy| {
                    let mut assets = policy.assets().iter();
                    assets.find(|entry| {
                        (entry.asset.chain_id, entry.asset.address) == (chain_id, address)
                    })
                });
                let held = given.held.values();
                let held = held.fold(0u128, |sum, amount| sum.saturating_add(*amount));
                let left = given.left("");
                GrantView {
                    agent: &terms.agent,
                    asset: entry.map(|entry| entry.asset.id.as_str()),
                    address: address.map(|address| address.to_checksum(None)),
                    chain_id: chain_id.get(),
                    decimals: entry.map(|entry| entry.asset.decimals),
                    grant: seq,
                    held: held.to_string(),
                    label: policy.and_then(|policy| policy.label(chain_id.at(terms.to), now)),
                    left: left.to_string(),
                    most: terms.most.to_string(),
                    once: terms.once,
                    spent: given.spent.to_string(),
                    state: match (given.revoked, given.counts(now), left) {
                        (true, ..) => "revoked",
                        (false, false, _) => "over",
                        (false, true, 0) => "used",
                        (false, true, _) => "open",
                    },
                    symbol: entry.map(|entry| entry.asset.symbol.as_str()),
                    times: given.times,
                    to: terms.to.to_checksum(None),
                    until_ms: terms.until_ms,
                    wallet: terms.wallet.address.to_checksum(None),
                }
            })
            .collect();
        bytes(&views)
    }
}
