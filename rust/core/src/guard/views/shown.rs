//! A request view read again by whoever is about to sign for it: nothing in it is believed.

use alloy_primitives::Address;
use serde_json::{Map, Value};

use crate::chain::Account;
use crate::code::{Code, WarningCode};
use crate::event::{Decided, LineRecord, WarningRecord};
use crate::guard::commands::authorise::rebuild_request;
use crate::guard::decision::decision_record::effects;
use crate::guard::Refusal;
use crate::policy::{self, Policy, Unseen};

/// The members of a decision; a view has more beside them.
const MEMBERS: [&str; 27] = [
    "agent",
    "chain_id",
    "digest",
    "display",
    "effects",
    "envelope",
    "expires_at",
    "facts",
    "fee_per_gas_max",
    "gas_max",
    "id",
    "idempotency_key",
    "kind",
    "match_key",
    "matures_at",
    "method",
    "note",
    "policy",
    "priority_fee_per_gas_max",
    "reasons",
    "request",
    "reservations",
    "spends",
    "state",
    "verdict",
    "wallet",
    "warnings",
];

/// What the decoders of this program make of the request in a view, under the policy that decided
/// it: canonical JSON `{"display","effects","warnings"}`, the fee among the effects. Pure: needs no
/// state, so a console can hold a guardian's words against it.
///
/// # Errors
/// [`Refusal`] `malformed` when the view is not whole, or the code of a denial when the policy does
/// not know its agent, wallet or chain.
pub fn decode_again(view: &[u8], policy: &Policy) -> Result<Vec<u8>, Refusal> {
    let unfit = |error: serde_json::Error| Refusal::new(Code::Malformed, format!("view: {error}"));
    let mut view: Map<String, Value> = serde_json::from_slice(view).map_err(unfit)?;
    view.retain(|name, _| MEMBERS.contains(&name.as_str()));
    let view = serde_json::to_vec(&view).map_err(unfit)?;
    let mut decided: Decided = serde_json::from_slice(&view).map_err(unfit)?;
    let denied = |reason: policy::Reason| {
        let text = reason.observed.unwrap_or_default();
        let text = format!("the request cannot be decoded again: {text}");
        Refusal::new(reason.code.known().unwrap_or(Code::Internal), text)
    };
    let request = rebuild_request(&decided, policy).map_err(denied)?;
    let doubts = std::mem::take(&mut decided.warnings);
    let look = |contract: Account| doubted(&doubts, contract.address);
    let mut resolved = policy::resolve(policy, &decided.agent, request, &look).map_err(denied)?;
    decided.effects = effects(policy, &mut resolved);
    let decoded = resolved.decoded;
    decided.display = decoded.display.into_iter().map(LineRecord::from).collect();
    let warnings = decoded.warnings.into_iter();
    decided.warnings = warnings.map(WarningRecord::from).collect();
    let mut found: Map<String, Value> =
        serde_json::from_slice(&decided.to_json()).map_err(unfit)?;
    found.retain(|name, _| matches!(name.as_str(), "display" | "effects" | "warnings"));
    serde_json::to_vec(&found).map_err(unfit)
}

/// Why a contract did not count when the request was decided, as its warning says. What was seen of
/// code is the guardian's; where a warning is missing or made up, the effects come out different.
fn doubted(warnings: &[WarningRecord], at: Address) -> Option<Unseen> {
    let here = format!(" {} on chain ", at.to_checksum(None));
    let about = |warning: &&WarningRecord| {
        warning.code == WarningCode::UnknownContract && warning.text.contains(&here)
    };
    let warning = warnings.iter().find(about)?;
    let all = [Unseen::Unknown, Unseen::Absent, Unseen::Other];
    all.into_iter()
        .find(|why| warning.text.contains(why.as_str()))
}
