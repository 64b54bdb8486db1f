//! From a decision to the data of its record.

use crate::canonical::{sha256, INTEGER_MAX};
use crate::effects::{Effect, EffectKind};
use crate::event::{
    approval_digest, Decided, EffectRecord, Envelope, Id, LineRecord, ParamsDigest, Parts, Raw,
    SignedContent, Stage, WarningRecord,
};
use crate::guard::decision::evaluate::Evaluated;
use crate::guard::decision::facts_record;
use crate::guard::decision::shorten;
use crate::guard::WORDS_MAX;
use crate::policy::{Decision, Facts, Policy, Resolved, Verdict};
use crate::text::display_safe;

/// The data of `request.decided`, and the parts of it that are written already.
pub(in crate::guard) fn decided(
    id: Id,
    evaluated: Evaluated<'_>,
    decision: Decision,
    envelope: Option<Envelope>,
    facts: &Facts,
    params: &[u8],
    now: u64,
) -> (Box<Decided>, Parts) {
    let Evaluated {
        policy,
        policy_digest,
        mut resolved,
        wanted,
        match_key,
        relied,
        ..
    } = evaluated;
    let start = Start::of(decision.verdict, now);
    let facts = facts_record::written(facts, policy, &resolved.decoded.effects, &relied);
    let effects = effects(policy, &mut resolved);
    let Resolved {
        agent,
        request,
        decoded,
        ..
    } = resolved;
    let is_transaction = matches!(wanted, SignedContent::Transaction(_));
    let (fee, tip) = (resolved.fee_per_gas_max, resolved.priority_fee_per_gas_max);
    let mut data = Box::new(Decided {
        agent: agent.id.clone(),
        chain_id: resolved.chain.id,
        digest: Default::default(),
        display: decoded.display.into_iter().map(LineRecord::from).collect(),
        effects,
        envelope,
        expires_at: start.expires_at,
        facts: Raw::new(facts),
        fee_per_gas_max: is_transaction.then_some(fee),
        gas_max: is_transaction.then_some(resolved.gas_max),
        id,
        idempotency_key: request.idempotency_key,
        kind: wanted.kind(),
        left_out: None,
        match_key,
        matures_at: start.matures_at,
        merchant: request.merchant,
        method: request.method,
        note: request.note.map(|note| display_safe(&note, WORDS_MAX)),
        policy: policy_digest,
        priority_fee_per_gas_max: is_transaction.then_some(tip),
        reasons: decision.reasons,
        request: wanted,
        reservations: decision.reservations,
        released: decision.released,
        route: decision.route,
        spends: decision.spends,
        state: start.stage,
        verdict: decision.verdict,
        wallet: resolved.wallet,
        warnings: decoded
            .warnings
            .into_iter()
            .map(WarningRecord::from)
            .collect(),
    });
    if data.verdict == Verdict::Deny {
        denied(&mut data, params);
    }
    let parts = Parts::of(&data.effects, &data.request);
    data.digest = approval_digest(&data, &parts);
    (data, parts)
}

/// Keeps little of what is denied at once: an agent sends it for nothing, as often as it likes.
/// Nobody can join it, so its idempotency key stays free, too.
fn denied(data: &mut Decided, params: &[u8]) {
    data.idempotency_key = None;
    if shorten::size(data) <= shorten::DENIED.whole {
        return;
    }
    let mut left = shorten::shorten(data, &shorten::DENIED);
    left.params = Some(ParamsDigest {
        bytes: u64::try_from(params.len()).unwrap_or(u64::MAX),
        sha256: sha256(params),
    });
    data.left_out = Some(left);
}

/// Where a verdict puts a request, and until when.
pub(in crate::guard) struct Start {
    pub stage: Stage,
    pub expires_at: Option<u64>,
    pub matures_at: Option<u64>,
}

impl Start {
    pub fn of(verdict: Verdict, now: u64) -> Self {
        let after = |ms: u64| Some(now.saturating_add(ms).min(INTEGER_MAX));
        let (stage, expires_at, matures_at) = match verdict {
            Verdict::Instant | Verdict::Notify => (Stage::Authorising, None, None),
            Verdict::Delay { delay_ms } => (Stage::WaitingDelay, None, after(delay_ms)),
            Verdict::Approval { timeout_ms, .. } => {
                (Stage::WaitingApproval, after(timeout_ms), None)
            }
            Verdict::Deny => (Stage::Denied, None, None),
        };
        Self {
            stage,
            expires_at,
            matures_at,
        }
    }
}

/// What was decoded, and the most the fee can be.
pub(in crate::guard) fn effects(policy: &Policy, resolved: &mut Resolved<'_>) -> Vec<EffectRecord> {
    let mut effects = std::mem::take(&mut resolved.decoded.effects);
    if !resolved.fee_wei_max.is_zero() {
        let chain_id = resolved.chain.id;
        effects.push(Effect {
            kind: EffectKind::Fee,
            function: None,
            claim: None,
            doubted: None,
            chain_id,
            asset: policy.registry().native(chain_id).cloned(),
            from: resolved.wallet,
            to: None,
            amount: resolved.fee_wei_max,
            unlimited: false,
            expires: None,
            path: String::new(),
        });
    }
    effects.into_iter().map(EffectRecord::from).collect()
}
