//! Arbitrary lives of a guardian.

use holdfast_core::code::Code;
use holdfast_core::event::Stage;
use holdfast_core::guard::Guard;
use proptest::prelude::*;
use serde_json::json;

use super::{policy, signed_command, wallet, World, OTHER, STRICT, TERMS, USDC, VENDOR};

/// One thing that happens. `u8`s pick one of what there is at that moment.
#[derive(Clone, Debug)]
pub enum Step {
    Pay {
        agent: u8,
        to: u8,
        tenths: u8,
        key: Option<u8>,
        hint: Option<u8>,
        sign_only: bool,
    },
    PayToken {
        agent: u8,
        units: u8,
    },
    /// `approve`; of nothing it takes back what stands.
    Allow {
        agent: u8,
        to: u8,
        units: u8,
    },
    Say {
        agent: u8,
        words: u8,
    },
    Garbage {
        agent: u8,
    },
    Approve {
        request: u8,
        operator: u8,
        forged: bool,
    },
    Deny {
        request: u8,
        operator: u8,
    },
    Freeze {
        scope: u8,
    },
    Thaw {
        freeze: u8,
        forged: bool,
    },
    Time {
        ms: i32,
    },
    Tick,
    Authorise {
        request: u8,
        chain_nonce: Option<u8>,
    },
    Sign {
        request: u8,
    },
    Sent {
        request: u8,
        outcome: u8,
    },
    Settle {
        request: u8,
        outcome: u8,
        proved: bool,
    },
    Fail {
        request: u8,
    },
    Cancel {
        request: u8,
    },
    Delivered {
        request: u8,
    },
    Pending {
        request: u8,
    },
    Replace {
        request: u8,
        gap: bool,
        agent: bool,
        gwei: u8,
    },
    Replaced {
        request: u8,
        cancel: bool,
        gwei: u8,
    },
    HoldBack {
        request: u8,
    },
    Told {
        request: u8,
    },
    SetNonce {
        petty: bool,
        nonce: u8,
    },
    Grant {
        tenths: u8,
        once: bool,
        minutes: u8,
    },
    Revoke {
        grant: u8,
    },
    Load {
        strict: bool,
    },
    Restart,
    Snapshot,
    Forward {
        request: u8,
    },
}

pub fn step() -> impl Strategy<Value = Step> {
    let agent = 0..2u8;
    let request = any::<u8>();
    prop_oneof![
        8 => (agent.clone(), 0..3u8, 1..20u8, prop::option::weighted(0.2, 0..3u8),
              prop::option::weighted(0.2, 0..4u8), prop::bool::weighted(0.1))
            .prop_map(|(agent, to, tenths, key, hint, sign_only)| {
                Step::Pay { agent, to, tenths, key, hint, sign_only }
            }),
        2 => (agent.clone(), 1..4u8).prop_map(|(agent, units)| Step::PayToken { agent, units }),
        5 => (agent.clone(), 0..2u8, 0..6u8)
            .prop_map(|(agent, to, units)| Step::Allow { agent, to, units: units.saturating_sub(2) }),
        2 => (agent.clone(), 0..3u8).prop_map(|(agent, words)| Step::Say { agent, words }),
        1 => agent.prop_map(|agent| Step::Garbage { agent }),
        6 => (request, 0..2u8, prop::bool::weighted(0.2))
            .prop_map(|(request, operator, forged)| Step::Approve { request, operator, forged }),
        2 => (request, 0..2u8).prop_map(|(request, operator)| Step::Deny { request, operator }),
        2 => (0..5u8).prop_map(|scope| Step::Freeze { scope }),
        3 => (any::<u8>(), prop::bool::weighted(0.3))
            .prop_map(|(freeze, forged)| Step::Thaw { freeze, forged }),
        4 => (-600_000..4_000_000i32).prop_map(|ms| Step::Time { ms }),
        3 => Just(Step::Tick),
        6 => (request, prop::option::of(0..4u8))
            .prop_map(|(request, chain_nonce)| Step::Authorise { request, chain_nonce }),
        6 => request.prop_map(|request| Step::Sign { request }),
        4 => (request, 0..4u8).prop_map(|(request, outcome)| Step::Sent { request, outcome }),
        4 => (request, 0..3u8, prop::bool::weighted(0.7))
            .prop_map(|(request, outcome, proved)| Step::Settle { request, outcome, proved }),
        1 => request.prop_map(|request| Step::Fail { request }),
        1 => request.prop_map(|request| Step::Cancel { request }),
        2 => request.prop_map(|request| Step::Delivered { request }),
        2 => request.prop_map(|request| Step::Pending { request }),
        4 => (request, any::<bool>(), any::<bool>(), 2..9u8)
            .prop_map(|(request, gap, agent, gwei)| Step::Replace { request, gap, agent, gwei }),
        3 => (request, any::<bool>(), 2..9u8)
            .prop_map(|(request, cancel, gwei)| Step::Replaced { request, cancel, gwei }),
        3 => request.prop_map(|request| Step::HoldBack { request }),
        2 => request.prop_map(|request| Step::Told { request }),
        1 => (any::<bool>(), 0..4u8).prop_map(|(petty, nonce)| Step::SetNonce { petty, nonce }),
        2 => (1..40u8, any::<bool>(), 1..90u8)
            .prop_map(|(tenths, once, minutes)| Step::Grant { tenths, once, minutes }),
        1 => any::<u8>().prop_map(|grant| Step::Revoke { grant }),
        1 => any::<bool>().prop_map(|strict| Step::Load { strict }),
        1 => Just(Step::Restart),
        1 => Just(Step::Snapshot),
        16 => request.prop_map(|request| Step::Forward { request }),
    ]
}

pub fn life(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..steps)
}

const AGENTS: [&str; 2] = ["shopper", "trader"];

impl World {
    /// A request among those that are known, open ones first.
    fn pick(&self, number: u8) -> Option<String> {
        let open = self.guard.open_requests();
        let ended = self
            .guard
            .state()
            .requests
            .keys()
            .map(|seq| holdfast_core::event::Id(*seq));
        let all: Vec<_> = open
            .iter()
            .copied()
            .chain(open.iter().copied())
            .chain(ended)
            .collect();
        let index = usize::from(number) % all.len().max(1);
        all.get(index).map(ToString::to_string)
    }

    /// One that is signed and not settled, or that left a gap; else any.
    fn pick_out(&self, number: u8) -> Option<String> {
        let unsettled = self.guard.unsettled();
        let gaps = self.guard.gaps();
        let out = unsettled.iter().map(|row| row.id);
        let out: Vec<_> = out.chain(gaps.iter().map(|gap| gap.0)).collect();
        let index = usize::from(number) % out.len().max(1);
        let found = out.get(index).map(ToString::to_string);
        found.or_else(|| self.pick(number))
    }

    fn stage(&self, id: &str) -> Option<Stage> {
        let id: holdfast_core::event::Id = id.parse().ok()?;
        self.guard
            .state()
            .requests
            .get(&id.0)
            .map(|entry| entry.stage)
    }

    /// Does one step; what is refused is refused.
    pub fn step(&mut self, step: &Step) {
        match step.clone() {
            Step::Pay {
                agent,
                to,
                tenths,
                key,
                hint,
                sign_only,
            } => {
                let to = [VENDOR, OTHER, USDC][usize::from(to)];
                let method = if sign_only {
                    "eth_signTransaction"
                } else {
                    "eth_sendTransaction"
                };
                let wei = u128::from(tenths) * 100_000_000_000_000_000;
                let mut tx = json!({"to": to, "value": super::quantity(wei)});
                if let Some(hint) = hint {
                    tx["nonce"] = json!(super::quantity(hint.into()));
                }
                let mut params = json!([tx]);
                if let (Some(key), Some(list)) = (key, params.as_array_mut()) {
                    list.push(json!({"idempotencyKey": format!("key{key}")}));
                }
                self.submit(AGENTS[usize::from(agent)], method, &params);
            }
            Step::PayToken { agent, units } => {
                let to = VENDOR.trim_start_matches("0x");
                let data = format!("0xa9059cbb000000000000000000000000{to}{units:064x}");
                let tx = json!([{"to": USDC, "data": data.to_lowercase()}]);
                self.submit(AGENTS[usize::from(agent)], "eth_sendTransaction", &tx);
            }
            Step::Allow { agent, to, units } => {
                let spender = [VENDOR, OTHER][usize::from(to)];
                let agent = AGENTS[usize::from(agent)];
                self.allow(agent, spender, units.into());
            }
            Step::Say { agent, words } => {
                let text = format!("0x{}", hex_words(words));
                let params = json!([text, wallet(0).to_string()]);
                self.submit(AGENTS[usize::from(agent)], "personal_sign", &params);
            }
            Step::Garbage { agent } => {
                let agent = AGENTS[usize::from(agent)];
                self.submit(agent, "eth_sendTransaction", &json!([{"to": "x"}]));
            }
            other => self.about(&other),
        }
    }

    fn about(&mut self, step: &Step) {
        match step.clone() {
            Step::Approve {
                request,
                operator,
                forged,
            } => {
                let Some(id) = self.pick(request) else { return };
                let digest = self.view(&id)["digest"].clone();
                let command = json!({"action": "approve", "request": id, "digest": digest});
                let (payload, mut signature) =
                    signed_command(operator, self.since_set(command), self.now);
                if forged {
                    signature[5] ^= 1;
                }
                let result = self.guard.command(payload.as_bytes(), &signature, self.now);
                assert!(!forged || result.is_err());
                drop(self.keep(result));
            }
            Step::Deny { request, operator } => {
                if let Some(id) = self.pick(request) {
                    drop(self.deny(operator, &id));
                }
            }
            Step::Freeze { scope } => {
                let scope = match scope {
                    0 => json!({"kind": "everything"}),
                    1 => json!({"kind": "agent", "id": "shopper"}),
                    2 => json!({"kind": "agent", "id": "trader"}),
                    3 => json!({"kind": "wallet", "id": "treasury"}),
                    _ => json!({"kind": "wallet", "id": wallet(1).to_string()}),
                };
                self.freeze(&scope);
            }
            Step::Thaw { freeze, forged } => {
                let freezes: Vec<u64> = self.guard.state().freezes.keys().copied().collect();
                let index = usize::from(freeze) % freezes.len().max(1);
                let Some(freeze) = freezes.get(index) else {
                    return;
                };
                let command = json!({"action": "thaw", "freeze": freeze});
                let (payload, mut signature) = signed_command(0, self.since_set(command), self.now);
                if forged {
                    signature[40] ^= 1;
                }
                let result = self.guard.command(payload.as_bytes(), &signature, self.now);
                assert!(!forged || result.is_err());
                drop(self.keep(result));
            }
            Step::Replaced {
                request,
                cancel,
                gwei,
            } => {
                let Some(id) = self.pick_out(request) else {
                    return;
                };
                let action = if cancel { "cancel" } else { "bump" };
                let wei = |gwei: u8| format!("{gwei}000000000");
                let command = json!({"action": action, "request": id,
                    "digest": self.view(&id)["digest"], "max_fee_per_gas": wei(gwei),
                    "max_priority_fee_per_gas": wei(gwei - 1)});
                drop(self.command(0, command));
            }
            Step::SetNonce { petty, nonce } => {
                let command = json!({"action": "nonce", "chain_id": super::CHAIN, "nonce": nonce,
                    "wallet": wallet(petty.into()).to_string()});
                drop(self.command(1, command));
            }
            Step::Grant {
                tenths,
                once,
                minutes,
            } => {
                let most = u128::from(tenths) * 100_000_000_000_000_000;
                let command = json!({"action": "grant", "agent": "shopper", "asset": "native",
                    "chain_id": super::CHAIN, "most": most.to_string(), "once": once,
                    "to": VENDOR, "until_ms": self.now + u64::from(minutes) * 60_000,
                    "wallet": wallet(0).to_string()});
                drop(self.command(0, command));
            }
            Step::Revoke { grant } => {
                let known: Vec<u64> = {
                    let all = self.guard.state().book.grants().all();
                    all.map(|(seq, _)| seq).collect()
                };
                if let Some(seq) = known.get(usize::from(grant) % known.len().max(1)) {
                    drop(self.command(1, json!({"action": "revoke", "grant": seq})));
                }
            }
            Step::Time { ms } => {
                self.now = self.now.saturating_add_signed(i64::from(ms)).max(1);
            }
            Step::Tick => drop(self.tick()),
            Step::Load { strict } => {
                let source = policy(if strict { STRICT } else { TERMS });
                drop(self.load_source(&source));
            }
            Step::Restart => {
                self.guard = Guard::replay(&self.records).unwrap();
                let result = self.guard.started("0.1.0", self.now);
                drop(self.keep(result));
            }
            Step::Snapshot => self.guard = Guard::restore(&self.guard.snapshot()).unwrap(),
            other => self.onward(&other),
        }
    }

    fn onward(&mut self, step: &Step) {
        let (Step::Authorise { request, .. }
        | Step::Sign { request }
        | Step::Sent { request, .. }
        | Step::Settle { request, .. }
        | Step::Fail { request }
        | Step::Cancel { request }
        | Step::Delivered { request }
        | Step::Pending { request }
        | Step::Replace { request, .. }
        | Step::HoldBack { request }
        | Step::Told { request }
        | Step::Forward { request }) = *step
        else {
            return;
        };
        let found = match step {
            Step::Replace { .. } | Step::HoldBack { .. } | Step::Settle { .. } => {
                self.pick_out(request)
            }
            _ => self.pick(request),
        };
        let Some(id) = found else { return };
        let result = match *step {
            Step::Authorise { chain_nonce, .. } => self.authorise(&id, chain_nonce.map(u64::from)),
            Step::Sign { .. } => self.try_sign(&id),
            Step::Sent { outcome, .. } => {
                let words = ["accepted", "known", "rejected", "unknown"];
                self.sent(&id, words[usize::from(outcome)])
            }
            Step::Settle {
                outcome, proved, ..
            } => {
                let words = ["confirmed", "reverted", "dropped"];
                self.ends(&id, words[usize::from(outcome)], proved)
            }
            Step::Fail { .. } => {
                let result = self.guard.fail(&id, Code::WouldFail, "no funds", self.now);
                self.keep(result)
            }
            Step::Cancel { .. } => {
                let result = self.guard.cancel(&id, "test", self.now);
                self.keep(result)
            }
            Step::Delivered { .. } => {
                let result = self.guard.delivered(&id, self.now);
                self.keep(result)
            }
            Step::Pending { .. } => {
                let result = self.guard.mark_pending_answer(&id, self.now);
                self.keep(result)
            }
            Step::Replace {
                gap, agent, gwei, ..
            } => {
                let by = if agent && !gap { "agent" } else { "guardian" };
                let why = if gap { "gap" } else { "fee" };
                let gwei = u64::from(gwei);
                self.replace(&id, by, (why, gwei, gwei - 1))
            }
            Step::HoldBack { .. } => {
                let result = self.guard.hold(&id, "old", self.now);
                self.keep(result)
            }
            Step::Told { .. } => {
                let result = self.guard.answers_delivered(&[id], self.now);
                self.keep(result)
            }
            // Of one end in three only one node tells.
            _ => self.forward(&id, request % 3 != 0),
        };
        drop(result);
    }

    /// Signs with the right key whatever order the request ever had.
    fn try_sign(
        &mut self,
        id: &str,
    ) -> Result<holdfast_core::guard::Applied, holdfast_core::guard::Refusal> {
        let ordered = self.records.iter().any(|record| {
            let text = String::from_utf8_lossy(record);
            (text.contains("request.authorised") || text.contains("request.replaced"))
                && text.contains(&format!("\"id\":\"{id}\""))
        });
        if ordered {
            self.sign(id)
        } else {
            self.guard.signed(id, &[0; 65], self.now)
        }
    }

    /// The next step of an honest life.
    fn forward(
        &mut self,
        id: &str,
        proved: bool,
    ) -> Result<holdfast_core::guard::Applied, holdfast_core::guard::Refusal> {
        match self.stage(id) {
            Some(Stage::Authorising) => self.authorise(id, Some(0)),
            Some(Stage::Authorised) => self.try_sign(id),
            Some(Stage::Signed) => self.sent(id, "accepted"),
            _ if self.waits_for_its_replacement(id) => self.try_sign(id),
            _ => self.ends(id, "confirmed", proved),
        }
    }
}

impl World {
    fn waits_for_its_replacement(&self, id: &str) -> bool {
        let again = self.guard.to_sign_again();
        again.iter().any(|(one, _)| one.to_string() == id)
    }
}

fn hex_words(words: u8) -> String {
    format!("hello {words}")
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
