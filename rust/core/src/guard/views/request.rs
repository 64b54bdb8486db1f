//! One request as the operator protocol shows it.

use alloy_primitives::{hex, B256};
use serde::Serialize;

use crate::address::checksum;
use crate::chain::ChainId;
use crate::effects::EffectKind;
use crate::event::{Decided, RequestKind, Stage};
use crate::guard::decision::answer::bytes;
use crate::guard::decision::shorten;
use crate::guard::fold::replace::current;
use crate::guard::state::Entry;
use crate::guard::views::summary::Summary;
use crate::guard::Guard;
use crate::policy::{method_name, LimitView, Reason, Released, Route};

/// Limits, reservations and spends of one request in a list.
const LISTED_LIMITS_MAX: usize = 16;

/// What every request view has on top of its decision.
#[derive(Serialize)]
struct Progress<'a> {
    approvals: &'a [String],
    /// The bytes that were signed last move nothing: they take the payment back, or close a gap.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cancelling: bool,
    delivered: bool,
    /// Hashes of earlier bytes with the same nonce.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_reasons: Option<&'a [Reason]>,
    /// Wei per gas that the order names.
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_per_gas: Option<String>,
    hash: Option<B256>,
    limits: Vec<LimitView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
    outcome: Option<crate::event::SettleOutcome>,
    /// Set where the view leaves something out that `request` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_fee_per_gas: Option<String>,
    quorum: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    /// When it came into its state, ms.
    since: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
    usd: Option<String>,
}

/// What is left of a request whose details were forgotten.
#[derive(Serialize)]
struct Remains<'a> {
    agent: &'a str,
    chain_id: ChainId,
    decided_at: u64,
    digest: B256,
    id: String,
    kind: RequestKind,
    match_key: B256,
    method: &'a str,
    #[serde(flatten)]
    progress: Progress<'a>,
    #[serde(skip_serializing_if = "Released::is_guardian")]
    released: Released,
    #[serde(skip_serializing_if = "Route::is_public")]
    route: Route,
    state: Stage,
    wallet: String,
}

impl Guard {
    /// A request as the operator protocol shows it, without `history`.
    pub fn request(&self, request_id: &str) -> Option<Vec<u8>> {
        let entry = self.entry(request_id).ok()?;
        let progress = self.progress(entry);
        Some(match entry.decided.as_deref() {
            Some(decided) => shown(decided, entry, &progress),
            None => remains(entry, progress),
        })
    }

    /// The same for a list: of a large request only its beginning, with `left_out` and `partial`,
    /// and never signed bytes.
    pub fn request_listed(&self, request_id: &str) -> Option<Vec<u8>> {
        let entry = self.entry(request_id).ok()?;
        let mut progress = self.progress(entry);
        (progress.raw, progress.signature) = (None, None);
        let Some(decided) = entry.decided.as_deref() else {
            return Some(remains(entry, progress));
        };
        if shorten::size(decided) <= shorten::LISTED.whole {
            return Some(shown(decided, entry, &progress));
        }
        let mut short = decided.clone();
        short.left_out = Some(shorten::shorten(&mut short, &shorten::LISTED));
        short.reservations.truncate(LISTED_LIMITS_MAX);
        if let Some(spends) = &mut short.spends {
            spends.items.truncate(LISTED_LIMITS_MAX);
        }
        progress.limits.truncate(LISTED_LIMITS_MAX);
        progress.partial = Some(true);
        Some(shown(&short, entry, &progress))
    }

    /// The state a request is in, while it is known.
    pub fn stage(&self, request_id: &str) -> Option<Stage> {
        Some(self.entry(request_id).ok()?.stage)
    }

    fn progress<'a>(&'a self, entry: &'a Entry) -> Progress<'a> {
        let name = entry.id.to_string();
        let (book, now) = (&self.state.book, self.state.last_at);
        let limits = self.state.policy().map(|policy| {
            let fee = book
                .spends(&name)
                .map(|spends| policy.reservations(&spends.fee_only(None)));
            let fee = fee.unwrap_or_default();
            policy.reserved_views(book.windows(), book.reservations(&name), &fee, now)
        });
        let payload = entry
            .signed
            .as_ref()
            .map(|signed| hex::encode_prefixed(&signed.payload));
        let (raw, signature) = match entry.kind {
            RequestKind::Transaction => (payload, None),
            RequestKind::TypedData | RequestKind::Message => (None, payload),
        };
        let decided = entry.decided.as_deref();
        let order = current(entry);
        Progress {
            approvals: &entry.approvals,
            cancelling: entry
                .signed
                .as_ref()
                .is_some_and(|bytes| bytes.moves_nothing),
            earlier: entry.earlier.iter().map(|bytes| bytes.hash).collect(),
            delivered: entry.delivered_at.is_some(),
            end_reasons: Some(entry.end_reasons.as_slice()).filter(|reasons| !reasons.is_empty()),
            fee_per_gas: order.map(|order| order.max_fee_per_gas.to_string()),
            hash: entry.signed.as_ref().map(|signed| signed.hash),
            limits: limits.unwrap_or_default(),
            nonce: order.map(|order| order.nonce),
            outcome: entry.outcome,
            partial: None,
            priority_fee_per_gas: order.map(|order| order.max_priority_fee_per_gas.to_string()),
            quorum: entry.quorum,
            raw,
            signature,
            since: entry.since,
            summary: decided.map(|decided| self.summarise(decided)),
            usd: decided.and_then(usd).map(|usd| usd.to_string()),
        }
    }
}

fn remains(entry: &Entry, progress: Progress<'_>) -> Vec<u8> {
    bytes(&Remains {
        agent: &entry.agent,
        chain_id: entry.chain_id,
        decided_at: entry.decided_at,
        digest: entry.digest,
        id: entry.id.to_string(),
        kind: entry.kind,
        match_key: entry.match_key,
        method: method_name(entry.method),
        progress,
        released: entry.released,
        route: entry.route,
        state: entry.stage,
        wallet: checksum(entry.wallet).to_string(),
    })
}

/// One object of the decision's members, with the `state` it is in now, and those of its progress.
fn shown(decided: &Decided, entry: &Entry, progress: &Progress<'_>) -> Vec<u8> {
    let mut view = decided.to_json_in(entry.stage, entry.released);
    let progress = bytes(progress);
    // Both are objects with members: the first loses its end, the second its beginning.
    view.pop();
    view.push(b',');
    view.extend(progress.iter().skip(1));
    view
}

/// Micro-USD of everything it can move except the fee; `None` when any of it is unknown.
fn usd(decided: &Decided) -> Option<u128> {
    let items = decided.spends.as_ref()?.items.iter();
    let moved = items.filter(|item| item.kind != EffectKind::Fee);
    moved
        .map(|item| item.usd)
        .try_fold(0, |sum: u128, usd| Some(sum.saturating_add(usd?)))
}
