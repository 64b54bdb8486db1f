//! A call comes in: it joins a request, or is decided and put on record with what it sets aside.

use crate::canonical::sha256;
use crate::code::{Code, Detail, Recorded};
use crate::event::{Attached, Authorised, Body, Decided, Envelope, Id, Parts, Refused, Scope};
use crate::guard::commands::authorise;
use crate::guard::decision::answer::{self, Answered};
use crate::guard::decision::decision_record;
use crate::guard::decision::dedup::Match;
use crate::guard::decision::evaluate::{evaluate, reason, Call, Evaluated, Known, Rejection};
use crate::guard::{Applied, Guard, Refusal, WORDS_MAX};
use crate::json::Malformed;
use crate::policy::{Decision, Facts, Privacy, Verdict};
use crate::text::display_safe;

/// Calls in a minute of somebody no policy knows.
const RATE_UNKNOWN: u32 = 60;
const TOO_MANY: &str = "too many requests in a minute";

impl Guard {
    /// Parse, attach or decide, reserve. What an agent sends is never an error.
    ///
    /// # Errors
    /// Never in a guardian that was created.
    pub fn submit(
        &mut self,
        agent: &str,
        method: &str,
        params: &[u8],
        facts: &Facts,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let now = self.now(now_ms);
        let facts = self.given(facts, now);
        let call = Call {
            agent,
            method,
            params,
            signed: false,
        };
        self.take(call, None, &facts, now)
    }

    /// Records a call that was turned away before it could be decided; one that is `rate_limited`
    /// at most once a second.
    ///
    /// # Errors
    /// Never in a guardian that was created.
    pub fn refuse(
        &mut self,
        agent: &str,
        method: &str,
        params: &[u8],
        code: Code,
        text: &str,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let now = self.now(now_ms);
        let call = Call {
            agent,
            method,
            params,
            signed: false,
        };
        if let Some(applied) = self.frozen_flood(agent, now) {
            return Ok(applied);
        }
        if code == Code::RateLimited {
            return self.reject_flood(call, text, now);
        }
        if self.over_rate(agent, now) {
            return self.reject_flood(call, TOO_MANY, now);
        }
        // What the service finds malformed without reading it is too large.
        let large =
            (code == Code::Malformed).then(|| Malformed::new(Detail::JsonTooLarge, "", text));
        let answer = match &large {
            Some(fault) => answer::malformed(fault),
            None => answer::refused(code, text, None),
        };
        let text = &large.map_or_else(|| text.to_owned(), |fault| fault.to_string());
        self.record_rejection(
            call,
            RejectedCall {
                code: code.into(),
                path: "",
                text,
                status: "refused",
                answer,
            },
            now,
        )
    }

    pub(in crate::guard) fn take(
        &mut self,
        call: Call<'_>,
        envelope: Option<Envelope>,
        facts: &Facts,
        now: u64,
    ) -> Result<Applied, Refusal> {
        if let Some(applied) = self.frozen_flood(call.agent, now) {
            return Ok(applied);
        }
        let known = Known {
            facts,
            code: &self.code,
            now_ms: now,
        };
        let evaluated = match evaluate(&self.state, call, &known) {
            Ok(evaluated) => evaluated,
            Err(rejection) => return self.reject(call, &rejection, now),
        };
        if evaluated.calls > 1 {
            return self.batch(call, facts, now);
        }
        let fees = evaluated.fees();
        match evaluated.find_match(&self.state, now) {
            Match::This(id) => return self.join(id, envelope, now),
            Match::Conflict(id) => {
                let reasons = [reason(
                    Code::IdempotencyConflict,
                    Some(id.to_string()),
                    None,
                )];
                let privacy = evaluated.resolved.agent.privacy;
                let answer = answer::denied(None, &reasons, privacy, now);
                let text = &format!("the key belongs to {id}, which is another request");
                let why = RejectedCall {
                    code: Code::IdempotencyConflict.into(),
                    path: "",
                    text,
                    status: "denied",
                    answer,
                };
                return self.record_rejection(call, why, now);
            }
            Match::Replaces(id) => {
                let mut applied = self.join(id, envelope, now)?;
                applied.status = "replaces";
                applied.fees = Some(fees);
                return Ok(applied);
            }
            Match::NonceUsed(id) => {
                let nonce = evaluated.nonce().map(|nonce| nonce.to_string());
                let reasons = [reason(Code::NonceUsed, nonce, None)];
                let privacy = evaluated.resolved.agent.privacy;
                let answer = answer::denied(None, &reasons, privacy, now);
                let text = &format!("its nonce was used by {id}");
                let why = RejectedCall {
                    code: Code::NonceUsed.into(),
                    path: "",
                    text,
                    status: "denied",
                    answer,
                };
                return self.record_rejection(call, why, now);
            }
            Match::Nothing => {}
        }
        if self.over_rate(call.agent, now) {
            return self.reject_flood(call, TOO_MANY, now);
        }
        let decision = evaluated.decide(&self.state, call.method, facts, now);
        let privacy = evaluated.resolved.agent.privacy;
        let freeze = self.freeze_over(&evaluated, &decision);
        let id = Id(self.state.seq);
        let (data, parts) =
            decision_record::decided(id, evaluated, decision, envelope, facts, call.params, now);
        let mut applied = self.decided(data, &parts, privacy, now)?;
        if let Some((scope, reason)) = freeze {
            let body = self.freeze_of(scope, &reason, "policy");
            self.apply(now, body, &mut applied)?;
        }
        Ok(applied)
    }

    /// Who is frozen because of this decision, and why: the agent that went over a limit that says
    /// so, unless it is frozen already.
    fn freeze_over(&self, asked: &Evaluated<'_>, decision: &Decision) -> Option<(Scope, String)> {
        let over = asked.policy.freezing(&decision.reasons)?;
        let agent = &asked.resolved.agent.id;
        let frozen = self.state.frozen(agent, &asked.resolved.wallet);
        frozen.is_none().then(|| {
            let reason = answer::words(std::slice::from_ref(over), Privacy::Full);
            (Scope::Agent(agent.clone()), reason)
        })
    }

    /// Several calls at once: judged as their sum, told, and never a request.
    fn batch(&mut self, call: Call<'_>, facts: &Facts, now: u64) -> Result<Applied, Refusal> {
        if self.over_rate(call.agent, now) {
            return self.reject_flood(call, TOO_MANY, now);
        }
        let known = Known {
            facts,
            code: &self.code,
            now_ms: now,
        };
        let evaluated = match evaluate(&self.state, call, &known) {
            Ok(evaluated) => evaluated,
            Err(rejection) => return self.reject(call, &rejection, now),
        };
        let decision = evaluated.decide(&self.state, call.method, facts, now);
        let privacy = evaluated.resolved.agent.privacy;
        let answer = answer::batch(&decision.reasons, evaluated.effects(), privacy, now);
        let text = &answer::words(&decision.reasons, Privacy::Full);
        let code = decision
            .reasons
            .first()
            .map_or(Code::Batch.into(), |reason| reason.code.clone());
        let why = RejectedCall {
            code,
            path: "",
            text,
            status: "denied",
            answer,
        };
        self.record_rejection(call, why, now)
    }

    /// Puts a decision on record. If its amounts do not fit the windows, it is denied.
    fn decided(
        &mut self,
        data: Box<Decided>,
        parts: &Parts,
        privacy: Privacy,
        now: u64,
    ) -> Result<Applied, Refusal> {
        let id = data.id;
        let reasons = &data.reasons;
        let (status, answer) = match data.verdict {
            Verdict::Deny => ("denied", answer::denied(Some(id), reasons, privacy, now)),
            // Nobody waits for the words of this one.
            Verdict::Instant | Verdict::Notify => ("go", answer::going(id)),
            Verdict::Delay { .. } | Verdict::Approval { .. } => (
                "waiting",
                answer::pending(id, data.verdict, reasons, privacy),
            ),
        };
        let mut applied = Applied {
            request: Some(id),
            status,
            answer,
            ..Applied::default()
        };
        let order = authorise::order_at_once(&data);
        let digest = data.digest;
        self.apply_with(now, Body::RequestDecided(data), Some(parts), &mut applied)?;
        if let Some(order) = order {
            let authorised = Box::new(Authorised { digest, id, order });
            self.apply(now, Body::RequestAuthorised(authorised), &mut applied)?;
        }
        Ok(applied)
    }

    /// An identical request exists. A signed call uses up its nonce all the same.
    fn join(&mut self, id: Id, envelope: Option<Envelope>, now: u64) -> Result<Applied, Refusal> {
        let mut applied = Applied {
            request: Some(id),
            status: "attached",
            ..Applied::default()
        };
        if let Some(envelope) = envelope {
            let body = Body::RequestAttached(Attached { envelope, id });
            self.apply(now, body, &mut applied)?;
        }
        applied.answer = answer::refused(Code::Pending, &format!("joined request {id}"), None);
        if let Some(entry) = self.state.requests.get(&id.0) {
            let privacy = self.privacy(&entry.agent);
            applied.answer = match entry.stage {
                stage if stage.is_end() && !entry.end_reasons.is_empty() => {
                    answer::denied(Some(id), &entry.end_reasons, privacy, now)
                }
                _ => answer::going(id),
            };
        }
        Ok(applied)
    }

    pub(in crate::guard) fn reject(
        &mut self,
        call: Call<'_>,
        rejection: &Rejection,
        now: u64,
    ) -> Result<Applied, Refusal> {
        if self.over_rate(call.agent, now) {
            return self.reject_flood(call, TOO_MANY, now);
        }
        match rejection {
            Rejection::Malformed(fault) => {
                let Malformed { code, path, text } = fault;
                let text = &format!("{code}: {text}");
                let answer = answer::malformed(fault);
                let why = RejectedCall {
                    code: Code::Malformed.into(),
                    path,
                    text,
                    status: "refused",
                    answer,
                };
                self.record_rejection(call, why, now)
            }
            Rejection::Denied(reason) => {
                let reasons = std::slice::from_ref(reason);
                let answer = answer::denied(None, reasons, self.privacy(call.agent), now);
                let text = &answer::words(reasons, Privacy::Full);
                let code = reason.code.clone();
                self.record_rejection(
                    call,
                    RejectedCall {
                        code,
                        path: "",
                        text,
                        status: "denied",
                        answer,
                    },
                    now,
                )
            }
        }
    }

    pub(in crate::guard) fn over_rate(&self, agent: &str, now: u64) -> bool {
        let known = self.state.policy().and_then(|policy| policy.agent(agent));
        let max = known.map_or(RATE_UNKNOWN, |agent| agent.requests_per_minute);
        let rate = self.state.rates.get(agent);
        rate.is_some_and(|rate| rate.calls(now) >= u64::from(max))
    }

    /// A frozen agent's calls are looked at once a second, so that it learns what became of an
    /// earlier request; the others are refused unread and leave no record.
    pub(in crate::guard) fn frozen_flood(&self, agent: &str, now: u64) -> Option<Applied> {
        if self.state.freezes.is_empty() || !self.state.rates.get(agent)?.called_this_second(now) {
            return None;
        }
        // In the second of the freeze itself every call is looked at: its agent does not know yet.
        let just_now = |at: u64| at / 1000 == now / 1000;
        if self
            .state
            .freezes
            .values()
            .any(|freeze| just_now(freeze.at))
        {
            return None;
        }
        let wallets = &self.state.policy()?.agent(agent)?.wallets;
        let frozen = |wallet| self.state.frozen(agent, wallet);
        let freeze = wallets.first().and_then(frozen)?;
        if !wallets.iter().all(|wallet| frozen(wallet).is_some()) {
            return None;
        }
        let reasons = [reason(Code::Frozen, Some(format!("freeze {freeze}")), None)];
        Some(Applied {
            status: "denied",
            answer: answer::denied(None, &reasons, self.privacy(agent), now),
            ..Applied::default()
        })
    }

    /// Over the rate: refused, and put on record at most once a second.
    fn reject_flood(&mut self, call: Call<'_>, text: &str, now: u64) -> Result<Applied, Refusal> {
        let answer = answer::refused(Code::RateLimited, text, Some(1));
        let rate = self.state.rates.get(call.agent);
        if rate.is_some_and(|rate| !rate.may_record_flood(now)) {
            return Ok(Applied {
                status: "refused",
                answer,
                ..Applied::default()
            });
        }
        let why = RejectedCall {
            code: Code::RateLimited.into(),
            path: "",
            text,
            status: "refused",
            answer,
        };
        self.record_rejection(call, why, now)
    }

    fn record_rejection(
        &mut self,
        call: Call<'_>,
        why: RejectedCall<'_>,
        now: u64,
    ) -> Result<Applied, Refusal> {
        let RejectedCall { status, answer, .. } = why;
        let mut applied = Applied {
            status,
            answer,
            ..Applied::default()
        };
        let refused = Refused {
            agent: display_safe(call.agent, 64),
            code: why.code,
            method: display_safe(call.method, 64),
            path: why.path.to_owned(),
            sha256: sha256(call.params),
            text: display_safe(why.text, WORDS_MAX),
        };
        self.apply(now, Body::RequestRefused(refused), &mut applied)?;
        Ok(applied)
    }
}

/// Why a call is turned away, for the record and for the agent.
struct RejectedCall<'a> {
    code: Recorded<Code>,
    path: &'a str,
    text: &'a str,
    status: &'static str,
    answer: Answered,
}
