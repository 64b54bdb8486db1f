//! What asks for a person, or denies, whatever rules grant.

use alloy_primitives::U256;

use crate::amount::{percent_text, Percent};
use crate::code::Code;
use crate::effects::{Effect, EffectKind};
use crate::policy::decide::facts::Facts;
use crate::policy::decide::minimum_return::Returns;
use crate::policy::decide::verdict::Reason;
use crate::policy::decide::{words, Ladder, Subject};
use crate::policy::parse::APPROVAL;
use crate::policy::Policy;
use crate::request::Method;

/// How long a payment signed as a document may be collected without a person's word.
const AUTHORISED_MS_MAX: u64 = 3_600_000;
/// How long an order may be filled without a person's word: as long as the longest window of a
/// limit. A market has moved by then, and whoever fills it picks the moment.
const ORDER_MS_MAX: u64 = 31 * 86_400_000;
/// What must come back in any case, of what leaves, where both have a price: prices move, and pinned
/// ones are old.
const RETURN_MIN: Percent = Percent::HALF;

impl Ladder {
    /// A swap or an order whose return may be worth less than the rule asks for, or nobody knows how
    /// much, needs a person.
    pub(super) fn returns(
        &mut self,
        (percent, rule): (Percent, &str),
        returns: &Returns,
        effect: &Effect,
    ) {
        match returns.percent(effect) {
            None => self.add(
                APPROVAL,
                Code::PriceUnknown,
                Some(rule),
                Some(words(effect)),
            ),
            Some(found) => self.low_return(found, percent, Some(rule)),
        }
    }

    /// Without a word of any rule, less than half of what leaves is next to nothing.
    pub(super) fn fair(&mut self, returns: &Returns) {
        if let Some(found) = returns.worst() {
            self.low_return(found, RETURN_MIN, None);
        }
    }

    pub(super) fn low_return(&mut self, found: U256, percent: Percent, rule: Option<&str>) {
        if found >= U256::from(percent.hundredths()) {
            return;
        }
        let mut reason = Reason::new(Code::LowReturn)
            .found(format!("{}%", percent_text(found)))
            .allowed(format!("{percent}%"));
        reason.rule = rule.map(str::to_owned);
        self.steps.push((APPROVAL, reason));
    }

    /// What is not understood, and what changes who is in charge, needs a person, whatever a rule
    /// says. What the operator vouches for is understood by rules that name it, and by no others.
    pub(super) fn opaque(&mut self, effect: &Effect, vouched: bool) {
        if effect.kind.is_opaque() && !(vouched && effect.function.is_some()) {
            self.add(APPROVAL, Code::Opaque, None, Some(words(effect)));
        }
        if effect.kind == EffectKind::Control {
            self.add(APPROVAL, Code::Control, None, Some(words(effect)));
        }
    }

    /// A payment signed as a document lies in somebody's hands until it is collected, an order until
    /// it is filled, a sign-in until it expires. Beyond an hour, or a month, a person must want that.
    pub(super) fn lifetime(&mut self, effect: &Effect, method: Method, now_ms: u64) {
        let longest = match effect.kind {
            EffectKind::Transfer if method == Method::SignTypedData => AUTHORISED_MS_MAX,
            EffectKind::Order => ORDER_MS_MAX,
            // Only a sign-in has an end.
            EffectKind::Message if effect.expires.is_some() => ORDER_MS_MAX,
            _ => return,
        };
        let end = now_ms.saturating_add(longest);
        if effect.expires.is_none_or(|expires| expires > end) {
            self.add(APPROVAL, Code::LongLived, None, Some(words(effect)));
        }
    }

    /// A document that could be used until a time that is over can only be meant otherwise: by a
    /// mistake of the agent, or for a chain whose time is another. A person must want that.
    pub(super) fn expired(&mut self, effect: &Effect, method: Method, now_ms: u64) {
        let signed = matches!(method, Method::SignTypedData | Method::SignMessage);
        let until = match effect.kind {
            EffectKind::Transfer | EffectKind::Order | EffectKind::Message => effect.expires,
            EffectKind::Allowance => {
                let submit = effect.claim.and_then(|claim| claim.submit_until);
                // Permit2 reads an end of 0 as that of the block it is submitted in.
                submit
                    .into_iter()
                    .chain(effect.expires.filter(|end| *end > 0))
                    .min()
            }
            _ => None,
        };
        if signed && until.is_some_and(|until| until <= now_ms) {
            self.add(APPROVAL, Code::AlreadyExpired, None, Some(words(effect)));
        }
    }

    /// An agent that says whom it pays must pay one of that merchant's addresses: it was told another
    /// by somebody else. What no list claims is a word like any other.
    pub(super) fn merchant(&mut self, policy: &Policy, subject: &Subject<'_>, now_ms: u64) {
        let Some(host) = subject.merchant else { return };
        let claimed = policy.lists_of_host(host);
        if claimed.is_empty() {
            return;
        }
        let pays = |effect: &&Effect| EffectKind::COSTLY.contains(&effect.kind);
        for effect in subject.effects.iter().filter(pays) {
            let hits = effect.to.map(|to| policy.lists.of(to)).unwrap_or_default();
            let is_paid = hits
                .iter()
                .any(|hit| claimed.contains(&hit.list) && hit.counts(subject.chain_id, now_ms));
            if !is_paid {
                let observed = format!("{host}: {}", words(effect));
                self.add(APPROVAL, Code::MerchantMismatch, None, Some(observed));
            }
        }
    }

    /// What a contract does is known only where its code was seen: a person must look.
    pub(super) fn unseen(&mut self, subject: &Subject<'_>) {
        for (at, why) in subject.unseen {
            let observed = format!("{}: {}", at.to_checksum(None), why.as_str());
            self.add(APPROVAL, Code::UnknownContract, None, Some(observed));
        }
    }

    /// An address that looks like a known one, and a contract whose code is not known to be what the
    /// operator looked at: a person must look again.
    pub(super) fn identity(
        &mut self,
        policy: &Policy,
        effect: &Effect,
        facts: &Facts,
        now_ms: u64,
    ) {
        if let Some(known) = effect.to.and_then(|to| policy.imitated(to)) {
            let like = format!("like {}", known.to_checksum(None));
            self.add(
                APPROVAL,
                Code::LookAlike,
                None,
                Some(format!("{} {like}", words(effect))),
            );
        }
        for (address, pin) in policy.pinned(effect) {
            let code = match facts.code(address, now_ms) {
                None => Code::CodeUnknown,
                Some(found) if found != pin => Code::CodeChanged,
                Some(_) => continue,
            };
            self.add(APPROVAL, code, None, Some(address.to_checksum(None)));
        }
    }
}
