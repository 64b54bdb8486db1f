//! One request as the operator protocol shows it.

use alloy_primitives::{hex, B256};
use serde::Serialize;

use crate::address::checksum;
use crate::chain::ChainId;
use crate::effects::EffectKind;
use crate::event::{Decided, RequestKind, Stage};
use crate::guard::decision::answer::bytes;
use crate::guard::decision::shorten;
use crate::guard::state::Entry;
use crate::guard::views::progress::Progress;
use crate::guard::views::summary::Summary;
use crate::guard::Guard;
use crate::policy::{method_name, LimitView, Reason, Released, Route};

/// Limits, reservations and spends of one request in a list.
const LISTED_LIMITS_MAX: usize = 16;

/// What every request view has on top of its decision.
#[derive(Serialize)]
struct Shown<'a> {
    delivered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_reasons: Option<&'a [Reason]>,
    limits: Vec<LimitView>,
    /// Set where the view leaves something out that `request` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<bool>,
    #[serde(flatten)]
    progress: Progress,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
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
    more: Shown<'a>,
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
        let more = self.shown(entry);
        Some(match entry.decided.as_deref() {
            Some(decided) => view(decided, entry, &more),
            None => remains(entry, more),
        })
    }

    /// The same for a list: of a large request only its beginning, with `left_out` and `partial`,
    /// and never signed bytes.
    pub fn request_listed(&self, request_id: &str) -> Option<Vec<u8>> {
        let entry = self.entry(request_id).ok()?;
        let mut more = self.shown(entry);
        (more.raw, more.signature) = (None, None);
        let Some(decided) = entry.decided.as_deref() else {
            return Some(remains(entry, more));
        };
        if shorten::size(decided) <= shorten::LISTED.whole {
            return Some(view(decided, entry, &more));
        }
        let mut short = decided.clone();
        short.left_out = Some(shorten::shorten(&mut short, &shorten::LISTED));
        short.reservations.truncate(LISTED_LIMITS_MAX);
        if let Some(spends) = &mut short.spends {
            spends.items.truncate(LISTED_LIMITS_MAX);
        }
        more.limits.truncate(LISTED_LIMITS_MAX);
        more.partial = Some(true);
        Some(view(&short, entry, &more))
    }

    /// The state a request is in, while it is known.
    pub fn stage(&self, request_id: &str) -> Option<Stage> {
        Some(self.entry(request_id).ok()?.stage)
    }

    fn shown<'a>(&'a self, entry: &'a Entry) -> Shown<'a> {
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
        Shown {
            delivered: entry.delivered_at.is_some(),
            end_reasons: Some(entry.end_reasons.as_slice()).filter(|reasons| !reasons.is_empty()),
            limits: limits.unwrap_or_default(),
            partial: None,
            progress: Progress::of(&self.state, entry),
            raw,
            signature,
            summary: decided.map(|decided| self.summarise(decided)),
            usd: decided.and_then(usd).map(|usd| usd.to_string()),
        }
    }
}

fn remains(entry: &Entry, more: Shown<'_>) -> Vec<u8> {
    bytes(&Remains {
        agent: &entry.agent,
        chain_id: entry.chain_id,
        decided_at: entry.decided_at,
        digest: entry.digest,
        id: entry.id.to_string(),
        kind: entry.kind,
        match_key: entry.match_key,
        method: method_name(entry.method),
        more,
        released: entry.released,
        route: entry.route,
        state: entry.stage,
        wallet: checksum(entry.wallet).to_string(),
    })
}

/// One object of the decision's members, with the `state` it is in now, and those of its progress.
fn view(decided: &Decided, entry: &Entry, more: &Shown<'_>) -> Vec<u8> {
    let mut view = decided.to_json_in(entry.stage, entry.released);
    let more = bytes(more);
    // Both are objects with members: the first loses its end, the second its beginning.
    view.pop();
    view.push(b',');
    view.extend(more.iter().skip(1));
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
