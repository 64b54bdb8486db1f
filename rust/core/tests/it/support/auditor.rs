//! A second opinion that knows nothing of the guardian but its records: it adds everything up anew,
//! slowly and simply, and panics when an event should not have been possible.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::hex;
use holdfast_core::verify;
use serde_json::Value;

use super::{operator_key, policy, Terms, STRICT, TERMS};

#[derive(Clone, Debug, PartialEq)]
pub enum Money {
    Held,
    Posted { at: u64, wei: u128, counted: bool },
    Void,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub agent: String,
    pub wallet: String,
    pub method: String,
    pub transaction: bool,
    pub digest: String,
    pub wei: u128,
    pub fee_max: u128,
    /// The same before there was an order, which names its fee.
    fee_decided: u128,
    /// What the order of its newest bytes costs, and the one that is on its way.
    fee_signed: u128,
    fee_ordered: u128,
    /// Who may take so much of the token; nothing takes it back.
    pub right: Option<(String, u128)>,
    /// Who gets something, once for each payment.
    pub recipients: Vec<String>,
    /// The grant it is paid under, and how much: no limit counts that.
    grant: Option<(u64, u128)>,
    /// It waits for people: of what others share it holds nothing.
    pub waits: bool,
    pub expires_at: Option<u64>,
    pub approvals: BTreeSet<String>,
    pub nonce: Option<u64>,
    pub signed: bool,
    pub sent: bool,
    pub held_by_freeze: bool,
    pub ends: Vec<String>,
    pub settled: bool,
    /// An operator took it back, and a start voided that.
    pub recalled: bool,
    /// Bytes of its own were.
    pub mined: bool,
    pub money: Money,
    /// What is on its way to take the place of its bytes.
    pub replacing: Option<Replacing>,
    /// Its newest bytes move nothing; and an operator commanded that.
    pub nothing: Option<bool>,
}

#[derive(Clone, Copy, Debug)]
pub struct Replacing {
    nothing: bool,
    commanded: bool,
    gap: bool,
}

/// A right over the wallet's token that stands. Transactions with nonce `before` or a higher one came
/// after it.
pub struct Right {
    pub agent: String,
    pub amount: u128,
    place: (String, String),
    before: u64,
}

#[derive(Default)]
pub struct Auditor {
    terms: Option<Terms>,
    pub requests: BTreeMap<String, Request>,
    pub rights: Vec<Right>,
    pub freezes: BTreeMap<u64, Value>,
    grants: BTreeMap<u64, Value>,
    revoked: BTreeSet<u64>,
    nonces: BTreeSet<(String, u64)>,
    /// What an operator set a wallet's nonces to: none below is given out again.
    next_min: BTreeMap<String, u64>,
    commands: BTreeSet<String>,
    seq: u64,
    at: u64,
}

/// What the limit on rights lets an agent give, in base units.
pub const RIGHTS_MAX: u128 = 10;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> u128 {
    text(value).parse().unwrap()
}

/// The most an order costs in fees.
fn fee_of(order: &Value) -> u128 {
    number(&order["max_fee_per_gas"]) * u128::from(order["gas"].as_u64().unwrap())
}

pub fn covers(scope: &Value, agent: &str, wallet: &str) -> bool {
    match text(&scope["kind"]) {
        "everything" => true,
        "agent" => text(&scope["id"]) == agent,
        _ => text(&scope["id"]) == wallet,
    }
}

impl Auditor {
    pub fn of(records: &[Vec<u8>]) -> Self {
        let mut auditor = Self::default();
        for record in records {
            auditor.read(record);
        }
        auditor
    }

    pub fn read(&mut self, record: &[u8]) {
        let event: Value = serde_json::from_slice(record).unwrap();
        assert_eq!(event["seq"].as_u64(), Some(self.seq), "every number once");
        let at = event["at"].as_u64().unwrap();
        assert!(at >= self.at, "time runs forward");
        (self.seq, self.at) = (self.seq + 1, at);
        let data = &event["data"];
        match text(&event["kind"]) {
            "policy.loaded" => {
                let known = [TERMS, STRICT]
                    .into_iter()
                    .find(|t| policy(*t) == data["source"]);
                self.terms = Some(known.unwrap_or(TERMS));
            }
            "request.decided" => self.decided(data),
            "request.approved" => self.approved(data, at),
            "request.authorised" => self.authorised(data),
            "request.reopened" => self.reopened(text(&data["id"])),
            "request.signed" => self.signed(data, at),
            "request.sent" => self.sent(data),
            "request.replaced" => self.replaced(data),
            "request.held" => {
                let request = self.requests.get_mut(text(&data["id"])).unwrap();
                let pays = request.nothing.is_none();
                assert!(request.signed && pays && request.ends.is_empty());
                // Sent once, it waits for a person like what never was.
                request.sent = false;
                request.held_by_freeze = true;
                request.approvals.clear();
            }
            "nonce.set" => {
                assert_eq!(self.command(data)["action"], "nonce");
                let (wallet, next) = (text(&data["wallet"]).to_owned(), data["nonce"].as_u64());
                for right in self.rights.iter_mut().filter(|one| one.place.0 == wallet) {
                    right.before = right.before.min(next.unwrap());
                }
                let busy = self.requests.values().any(|request| {
                    let open = request.ends.is_empty() || request.replacing.is_some();
                    let open = open && !request.settled && request.wallet == wallet;
                    open && request.nonce == next
                });
                assert!(!busy, "nobody has the nonce that is set");
                self.next_min.insert(wallet.clone(), next.unwrap());
                self.nonces
                    .retain(|(one, nonce)| *one != wallet || Some(*nonce) < next);
            }
            "guardian.started" => {
                for request in self.requests.values_mut() {
                    let order = request.replacing;
                    let cancels = order.is_some_and(|order| order.nothing && order.commanded);
                    request.recalled |= cancels && request.signed && request.nothing.is_none();
                }
                self.void_orders(|_| true);
            }
            "request.settled" => self.settled(data, at),
            "request.denied" => self.denied(data),
            "request.expired" => {
                let expires_at = self.requests[text(&data["id"])].expires_at;
                assert!(
                    expires_at.is_some_and(|expires_at| expires_at <= at),
                    "in its own time"
                );
                self.ends_unsigned(text(&data["id"]), "expired");
            }
            "request.cancelled" => self.ends_unsigned(text(&data["id"]), "cancelled"),
            "request.failed" => self.ends_unsigned(text(&data["id"]), "failed"),
            "grant.given" => {
                let command = self.command(data);
                for name in [
                    "agent", "chain_id", "most", "once", "to", "until_ms", "wallet",
                ] {
                    assert_eq!(command[name], data[name], "{name}");
                }
                self.grants
                    .insert(data["grant"].as_u64().unwrap(), data.clone());
            }
            "grant.revoked" => {
                let command = self.command(data);
                assert_eq!(command["grant"], data["grant"]);
                self.revoked.insert(data["grant"].as_u64().unwrap());
            }
            "freeze.set" => self.frozen(data),
            "freeze.lifted" => self.lifted(data),
            _ => {}
        }
    }

    fn decided(&mut self, data: &Value) {
        let effects = data["effects"].as_array().unwrap();
        let of = |kind: &'static str| effects.iter().filter(move |e| text(&e["effect"]) == kind);
        let right = of("allowance").chain(of("revoke")).next();
        let native = |e: &&Value| e["asset"]["standard"] == "native";
        let denied = data["state"] == "denied";
        let request = Request {
            agent: text(&data["agent"]).to_owned(),
            wallet: text(&data["wallet"]).to_owned(),
            method: text(&data["method"]).to_owned(),
            transaction: data["kind"] == "transaction",
            digest: text(&data["digest"]).to_owned(),
            wei: of("transfer")
                .filter(native)
                .map(|e| number(&e["amount"]))
                .sum(),
            fee_max: of("fee").map(|e| number(&e["amount"])).sum(),
            fee_decided: of("fee").map(|e| number(&e["amount"])).sum(),
            fee_signed: 0,
            fee_ordered: 0,
            right: right.map(|e| (text(&e["to"]).to_owned(), number(&e["amount"]))),
            recipients: of("transfer")
                .chain(of("allowance"))
                .map(|e| text(&e["to"]).to_owned())
                .collect(),
            grant: None,
            waits: data["state"] == "waiting-approval",
            expires_at: data["expires_at"].as_u64(),
            approvals: BTreeSet::new(),
            nonce: None,
            signed: false,
            sent: false,
            held_by_freeze: false,
            ends: if denied {
                vec!["denied".to_owned()]
            } else {
                Vec::new()
            },
            settled: false,
            mined: false,
            recalled: false,
            money: if denied { Money::Void } else { Money::Held },
            replacing: None,
            nothing: None,
        };
        let mut request = request;
        if let Some(seq) = data["spends"]["grant"].as_u64() {
            let amount = std::mem::take(&mut request.wei);
            assert_eq!(
                std::mem::take(&mut request.recipients),
                [text(&self.grants[&seq]["to"])]
            );
            self.within_grant(seq, &request, amount);
            request.grant = Some((seq, amount));
        }
        let id = text(&data["id"]).to_owned();
        if !denied {
            self.not_frozen(&request);
        }
        assert!(
            self.requests.insert(id.clone(), request).is_none(),
            "decided once"
        );
        if !denied {
            self.within_limits(&id);
        }
    }

    /// A grant is for its agent, its time and its amount, and it was not taken back.
    fn within_grant(&self, seq: u64, request: &Request, amount: u128) {
        let grant = &self.grants[&seq];
        assert_eq!(
            (text(&grant["agent"]), text(&grant["wallet"])),
            (&*request.agent, &*request.wallet)
        );
        assert!(!self.revoked.contains(&seq) && self.at < grant["until_ms"].as_u64().unwrap());
        let counts = |other: &&Request| match other.money {
            Money::Held => true,
            Money::Posted { counted, .. } => counted,
            Money::Void => false,
        };
        let others = self.requests.values().filter(counts);
        let others = others.filter_map(|other| other.grant.filter(|(of, _)| *of == seq));
        let used: Vec<u128> = others.map(|(_, amount)| amount).collect();
        assert!(grant["once"] == false || used.is_empty(), "used once");
        let sum = used.iter().sum::<u128>() + amount;
        assert!(
            amount > 0 && sum <= number(&grant["most"]),
            "never more than was granted"
        );
    }

    /// Everything that counts for this request's agent and recipients, itself included, is within
    /// the limits in force.
    fn within_limits(&self, id: &str) {
        let terms = self.terms.unwrap();
        let request = &self.requests[id];
        let (used, held) = self.wei(&request.agent, self.at);
        let counts = request.wei + request.fee_max > 0;
        assert!(
            !counts || used + held <= terms.wei_max,
            "the limit of the hour holds"
        );
        let (used, held) = self.standing(&request.agent);
        let gives = request
            .right
            .as_ref()
            .is_some_and(|(_, amount)| *amount > 0);
        assert!(
            !gives || used + held <= RIGHTS_MAX,
            "what stands is within its limit"
        );
        for to in &request.recipients {
            let (used, held) = self.payments(to, self.at);
            let mine = request.recipients.iter().filter(|one| *one == to).count() as u128;
            let held = held + if request.waits { mine } else { 0 };
            assert!(
                used + held <= u128::from(terms.count_max),
                "the limit of the day holds"
            );
        }
    }

    fn not_frozen(&self, request: &Request) {
        let frozen = self
            .freezes
            .values()
            .any(|s| covers(s, &request.agent, &request.wallet));
        assert!(!frozen, "nothing moves in a frozen scope");
    }

    fn command(&mut self, data: &Value) -> Value {
        let (by, payload) = (text(&data["by"]), text(&data["command"]));
        let operator: u8 = by.trim_start_matches("op").parse().unwrap();
        let key = operator_key(operator).verifying_key().to_bytes();
        let signature: [u8; 64] = hex::decode(text(&data["signature"]))
            .unwrap()
            .try_into()
            .unwrap();
        assert!(
            verify::operator_command(&key, payload.as_bytes(), &signature),
            "signed"
        );
        assert!(
            self.commands.insert(payload.to_owned()),
            "each carried out once"
        );
        let command: Value = serde_json::from_str(payload).unwrap();
        assert_eq!(text(&command["key"]), by);
        command
    }

    fn approved(&mut self, data: &Value, at: u64) {
        let command = self.command(data);
        let id = text(&data["id"]);
        let request = &self.requests[id];
        assert_eq!(
            (&command["action"], &command["request"]),
            (&"approve".into(), &data["id"])
        );
        assert_eq!(
            text(&command["digest"]),
            request.digest,
            "bound to the digest"
        );
        assert!(command["expires_at"].as_u64().unwrap() > at);
        self.not_frozen(request);
        assert!(request.ends.is_empty(), "nothing is approved after its end");
        let held = request.held_by_freeze && !request.sent;
        let open = request.expires_at.is_some_and(|expires_at| at < expires_at);
        assert!(held || open, "late approvals do not count");
        let request = self.requests.get_mut(id).unwrap();
        assert!(
            request.approvals.insert(text(&data["by"]).to_owned()),
            "a key counts once"
        );
        assert_eq!(
            data["approvals"].as_u64(),
            Some(request.approvals.len() as u64)
        );
        if data["approvals"] == data["quorum"] {
            request.waits = false;
            request.recalled = false;
            if held {
                request.held_by_freeze = false;
            }
        }
    }

    fn authorised(&mut self, data: &Value) {
        let id = text(&data["id"]);
        let request = &self.requests[id];
        assert!(request.ends.is_empty() && !request.signed && request.nonce.is_none());
        assert!(!request.waits, "not before its last approval");
        assert_eq!(text(&data["digest"]), request.digest);
        self.not_frozen(request);
        self.within_limits(id);
        if request.transaction {
            let nonce = data["order"]["nonce"].as_u64().unwrap();
            let wallet = request.wallet.clone();
            let next_min = self.next_min.get(&wallet).copied().unwrap_or_default();
            assert!(nonce >= next_min, "an operator set it higher");
            assert!(self.nonces.insert((wallet, nonce)), "a nonce is out once");
            let request = self.requests.get_mut(id).unwrap();
            request.nonce = Some(nonce);
            request.fee_ordered = fee_of(&data["order"]);
            request.fee_max = request.fee_max.min(request.fee_ordered);
        }
    }

    fn reopened(&mut self, id: &str) {
        let request = self.requests.get_mut(id).unwrap();
        assert!(
            !request.signed && request.ends.is_empty(),
            "only what is not signed"
        );
        request.fee_max = request.fee_decided;
        if let Some(nonce) = request.nonce.take() {
            let wallet = request.wallet.clone();
            self.nonces.remove(&(wallet, nonce));
        }
    }

    /// Another order for the same nonce: it moves the same, or nothing.
    fn replaced(&mut self, data: &Value) {
        let id = text(&data["id"]);
        let (order, why) = (&data["order"], text(&data["why"]));
        let commanded = data["command"].is_string();
        if commanded {
            let command = self.command(data);
            assert_eq!(command["request"], data["id"]);
            assert_eq!(
                text(&command["action"]),
                if why == "fee" { "bump" } else { "cancel" }
            );
        } else {
            let request = &self.requests[id];
            if request.nothing != Some(true) {
                self.not_frozen(request);
            }
            assert!(why == "fee" || why == "gap");
            assert!(!request.recalled, "an operator took it back");
            let waiting = request.replacing;
            assert!(!waiting.is_some_and(|order| order.commanded));
        }
        let (wallet, nonce) = (text(&order["wallet"]).to_owned(), order["nonce"].as_u64());
        let request = self.requests.get_mut(id).unwrap();
        assert!(!request.settled && request.transaction);
        assert_eq!(text(&data["digest"]), request.digest);
        let fee = fee_of(order);
        if why == "gap" {
            assert!(!request.ends.is_empty(), "only what ended leaves a gap");
            if request.money == Money::Void {
                // Only the fee of what closes the gap counts.
                (request.wei, request.fee_max) = (0, fee);
                request.recipients.clear();
                request.right = None;
                request.waits = false;
                request.money = Money::Held;
            }
            request.nonce = nonce;
        } else {
            assert!(request.signed, "there is something to replace");
            assert_eq!(request.nonce, nonce, "of the same nonce");
        }
        if data["fee_wei_max"].is_string() {
            request.fee_max = request.fee_max.max(number(&data["fee_wei_max"]));
        }
        assert!(fee <= request.fee_max, "no more than is set aside");
        let nothing = order["to"] == order["wallet"] && order["value"] == "0";
        assert_eq!(nothing, why != "fee" || request.nothing.is_some());
        request.fee_ordered = fee;
        let was_free = self.nonces.insert((wallet, nonce.unwrap()));
        assert!(was_free || why != "gap", "it was free");
        let before = request.replacing;
        request.replacing = Some(Replacing {
            nothing,
            commanded: commanded || request.nothing == Some(true),
            gap: was_free || before.is_some_and(|order| order.gap),
        });
    }

    /// Orders that nobody signed are void; the nonce of a gap is free again.
    fn void_orders(&mut self, covers: impl Fn(&Request) -> bool) {
        for request in self.requests.values_mut() {
            let Some(order) = request.replacing.filter(|_| covers(request)) else {
                continue;
            };
            request.replacing = None;
            if order.gap {
                self.nonces
                    .remove(&(request.wallet.clone(), request.nonce.unwrap()));
            }
            if request.signed {
                request.fee_max = request.fee_max.min(request.fee_signed);
            } else {
                request.money = Money::Void;
            }
        }
    }

    fn signed(&mut self, data: &Value, at: u64) {
        let id = text(&data["id"]);
        if let Some(order) = self.requests[id].replacing {
            if !order.commanded {
                self.not_frozen(&self.requests[id]);
            }
            let request = self.requests.get_mut(id).unwrap();
            request.recalled = false;
            request.replacing = None;
            request.signed = true;
            request.fee_signed = request.fee_ordered;
            request.nothing = order.nothing.then_some(order.commanded);
            return;
        }
        let request = &self.requests[id];
        assert!(
            request.ends.is_empty() && !request.signed,
            "signed once, and before its end"
        );
        self.not_frozen(request);
        let request = self.requests.get_mut(id).unwrap();
        request.signed = true;
        request.fee_signed = request.fee_ordered;
        if !request.transaction {
            request.money = Money::Posted {
                at,
                wei: 0,
                counted: true,
            };
        }
        if request.method != "eth_sendTransaction" {
            request.ends.push("released".to_owned());
        }
    }

    fn sent(&mut self, data: &Value) {
        let request = self.requests.get_mut(text(&data["id"])).unwrap();
        assert!(request.signed && !request.settled);
        if data["outcome"] != "rejected" {
            request.sent = true;
        }
    }

    fn settled(&mut self, data: &Value, at: u64) {
        let id = text(&data["id"]);
        if data["outcome"] == "dropped" && data["proved"] != true {
            let past = &self.requests[id];
            let mine = (&past.wallet, past.nonce);
            let others = self.requests.values();
            let used = others.filter(|one| one.mined && (&one.wallet, one.nonce) == mine);
            assert_eq!(past.ends, ["denied"]);
            assert_eq!(used.count(), 1, "another of ours was mined with its nonce");
        }
        let request = self.requests.get_mut(id).unwrap();
        assert!(request.signed && request.transaction && !request.settled);
        assert_eq!(request.money, Money::Held, "settled once");
        let outcome = text(&data["outcome"]);
        if outcome != "dropped" {
            assert_eq!(request.nothing.is_some(), outcome == "cancelled");
        }
        request.replacing = None;
        request.mined = outcome != "dropped";
        if request.mined {
            let spot = (request.wallet.clone(), request.nonce.unwrap());
            self.nonces.insert(spot);
        }
        let fee = data["fee_wei"]
            .as_str()
            .map_or(request.fee_max, |_| number(&data["fee_wei"]));
        let fee = fee.min(request.fee_max);
        let proved = data["proved"] == true;
        let before = request.nonce.unwrap() + 1;
        if let Some((spender, amount)) = request.right.clone() {
            let place = (request.wallet.clone(), spender);
            if outcome == "confirmed" && proved {
                self.rights
                    .retain(|one| one.place != place || one.before >= before);
            }
            // On one node's word a right may be there, and none is gone.
            if amount > 0 && (outcome == "confirmed" || !proved) {
                let agent = request.agent.clone();
                self.rights.push(Right {
                    agent,
                    amount,
                    place,
                    before,
                });
            }
        }
        request.money = match outcome {
            "dropped" if proved => Money::Void,
            "reverted" | "cancelled" | "dropped" if !proved => Money::Posted {
                at,
                wei: request.wei + request.fee_max,
                counted: true,
            },
            "confirmed" => Money::Posted {
                at,
                wei: request.wei + fee,
                counted: true,
            },
            "reverted" | "cancelled" => Money::Posted {
                at,
                wei: fee,
                counted: false,
            },
            other => panic!("{other}"),
        };
        request.settled = true;
        if request.ends.is_empty() {
            request.ends.push(text(&data["outcome"]).to_owned());
        }
    }

    fn denied(&mut self, data: &Value) {
        let id = text(&data["id"]);
        if data["by"] != "policy" {
            let command = self.command(data);
            assert_eq!(
                (&command["action"], &command["request"]),
                (&"deny".into(), &data["id"])
            );
            assert_eq!(text(&command["digest"]), self.requests[id].digest);
        }
        let request = self.requests.get_mut(id).unwrap();
        if !request.signed {
            return self.ends_unsigned(id, "denied");
        }
        // Signed and held: the bytes exist, so the money stays held.
        assert!(request.held_by_freeze && !request.sent && request.ends.is_empty());
        let order = request.replacing.take();
        let taken_back = order.is_some_and(|order| order.nothing) || request.nothing.is_some();
        assert!(!taken_back, "the nonce is that of what takes it back");
        if order.is_some() {
            request.fee_max = request.fee_max.min(request.fee_signed);
        }
        request.ends.push("denied".to_owned());
        let nonce = request.nonce.unwrap();
        let wallet = request.wallet.clone();
        self.nonces.remove(&(wallet, nonce));
    }

    fn ends_unsigned(&mut self, id: &str, end: &str) {
        let request = self.requests.get_mut(id).unwrap();
        assert!(!request.signed, "what is signed does not just end");
        assert!(request.ends.is_empty(), "one end");
        assert_eq!(request.money, Money::Held, "void once");
        request.money = Money::Void;
        request.ends.push(end.to_owned());
        if let Some(nonce) = request.nonce {
            let wallet = request.wallet.clone();
            self.nonces.remove(&(wallet, nonce));
        }
    }

    fn frozen(&mut self, data: &Value) {
        let scope = &data["scope"];
        let names = |name: &str| -> BTreeSet<String> {
            data[name]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| text(id).to_owned())
                .collect()
        };
        let (ended, held) = (names("ended"), names("held"));
        let in_scope = |request: &&Request| covers(scope, &request.agent, &request.wallet);
        for (id, request) in &self.requests {
            let open = request.ends.is_empty() && in_scope(&request);
            let was_held = request.held_by_freeze && !request.sent;
            assert_eq!(ended.contains(id), open && !request.signed, "{id} ends");
            let stays = open && request.signed && !request.sent && !was_held;
            assert_eq!(held.contains(id), stays, "{id} is held");
        }
        for id in ended {
            self.ends_unsigned(&id, "frozen");
        }
        for id in held {
            let request = self.requests.get_mut(&id).unwrap();
            request.held_by_freeze = true;
            request.approvals.clear();
        }
        self.void_orders(|request| {
            let order = request.replacing;
            order.is_some_and(|order| !order.commanded)
                && covers(scope, &request.agent, &request.wallet)
        });
        self.freezes
            .insert(data["freeze"].as_u64().unwrap(), scope.clone());
    }

    fn lifted(&mut self, data: &Value) {
        let command = self.command(data);
        assert_eq!(command["action"], "thaw");
        assert_eq!(command["freeze"], data["freeze"], "a thaw names its freeze");
        let freeze = data["freeze"].as_u64().unwrap();
        assert!(self.freezes.remove(&freeze).is_some(), "lifted once");
    }
}
