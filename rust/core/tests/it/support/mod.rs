//! A guardian with real keys, and everything around it that tests need.

pub mod auditor;
pub mod calls;
pub mod clear;
pub mod commands;
mod facts;
pub mod known_contracts;
pub mod orders;
pub mod seen;
pub mod sums;
pub mod typed;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use alloy_primitives::{hex, Address, B256};
use ed25519_dalek::Signer as _;
pub use facts::{facts, order_facts};
use holdfast_core::canonical::sha256;
use holdfast_core::chain::ChainId;
use holdfast_core::event::{Body, Event, Genesis, Operator, SigningOrder};
use holdfast_core::guard::{Applied, Authority, Guard, LoadError, Refusal, Replacement, Told};
use holdfast_core::policy::Facts;
use orders::sign_order;
use serde_json::{json, Value};

pub const T0: u64 = 1_700_000_000_000;
pub const CHAIN: ChainId = ChainId::new(31337);
pub const VENDOR: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
pub const OTHER: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
pub const USDC: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

/// The tables of a folder of `data` by name (`calls/erc20`), in their order: a new file is found by
/// itself.
pub fn tables(folder: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let files = fs::read_dir(path.join(folder)).unwrap();
    let named = files.map(|file| {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let source = fs::read_to_string(&path).unwrap();
        (format!("{folder}/{name}"), source)
    });
    named.collect()
}

/// The Rust sources below a folder of the core, each by its path from there.
pub fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut open = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let inside = fs::read_dir(&path).unwrap();
            open.extend(inside.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            found.push((name.to_owned(), fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// A wallet's key.
pub fn wallet_key(number: u8) -> k256::ecdsa::SigningKey {
    k256::ecdsa::SigningKey::from_slice(&[number + 1; 32]).unwrap()
}

pub fn wallet(number: u8) -> Address {
    Address::from_public_key(wallet_key(number).verifying_key())
}

pub fn operator_key(number: u8) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[100 + number; 32])
}

pub fn agent_key() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[200; 32])
}

pub fn log_key() -> B256 {
    B256::from(
        ed25519_dalek::SigningKey::from_bytes(&[50; 32])
            .verifying_key()
            .to_bytes(),
    )
}

pub fn genesis() -> Genesis {
    let operator = |number: u8| Operator {
        id: format!("op{number}"),
        public_key: B256::from(operator_key(number).verifying_key().to_bytes()),
    };
    Genesis {
        log_key: log_key(),
        operators: vec![operator(0), operator(1)],
        origin: "holdfast/test".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

/// The kinds of the events that were made.
pub fn kinds(applied: &Applied) -> Vec<&'static str> {
    let event = |record: &Vec<u8>| Event::from_record(record).unwrap().body.kind();
    applied.records.iter().map(event).collect()
}

/// What of the policy differs from test to test.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Most wei of all an agent moves in an hour, fees included.
    pub wei_max: u128,
    /// Most payments to one recipient in a day.
    pub count_max: u64,
    /// Payments above this many wei need two approvals.
    pub approval_above: &'static str,
    pub requests_per_minute: u32,
    pub waiting_max: u32,
}

pub const TERMS: Terms = Terms {
    wei_max: 3_000_000_000_000_000_000,
    count_max: 6,
    approval_above: "1",
    requests_per_minute: 6000,
    waiting_max: 16,
};

pub const STRICT: Terms = Terms {
    wei_max: 1_000_000_000_000_000_000,
    count_max: 3,
    approval_above: "0.2",
    ..TERMS
};

pub fn policy(terms: Terms) -> String {
    let Terms {
        wei_max,
        count_max,
        approval_above,
        requests_per_minute,
        waiting_max,
    } = terms;
    let eth = holdfast_core::amount::format_units(alloy_primitives::U256::from(wei_max), 18);
    let (a, b) = (wallet(0), wallet(1));
    let key = hex::encode_prefixed(agent_key().verifying_key().to_bytes());
    [
        ("{CHAIN}", CHAIN.to_string()),
        ("{USDC}", USDC.to_owned()),
        ("{a}", a.to_string()),
        ("{b}", b.to_string()),
        ("{key}", key),
        ("{eth}", eth),
        ("{count_max}", count_max.to_string()),
        ("{approval_above}", approval_above.to_owned()),
        ("{requests_per_minute}", requests_per_minute.to_string()),
        ("{waiting_max}", waiting_max.to_string()),
    ]
    .iter()
    .fold(
        include_str!("../../data/guard_policy.toml").to_owned(),
        |text, (name, value)| text.replace(name, value),
    )
}

/// A guardian, the records of its life, and its clock.
#[derive(Clone)]
pub struct World {
    pub guard: Guard,
    pub records: Vec<Vec<u8>>,
    pub now: u64,
}

impl World {
    pub fn new() -> Self {
        Self::with(TERMS)
    }

    pub fn with(terms: Terms) -> Self {
        let mut world = Self::without_policy();
        world.load(terms);
        world
    }

    pub fn without_policy() -> Self {
        let (guard, first) = Guard::create(genesis(), T0).unwrap();
        let mut world = Self {
            guard,
            records: vec![first],
            now: T0,
        };
        let started = world.guard.started("0.1.0", world.now);
        world.keep(started).unwrap();
        world
    }

    pub fn load(&mut self, terms: Terms) {
        self.load_source(&policy(terms)).unwrap();
    }

    /// Puts a policy in force with the signature of the first operator.
    pub fn load_source(&mut self, source: &str) -> Result<Applied, LoadError> {
        let applied = load_signed(&mut self.guard, source, self.now)?;
        self.records.extend(applied.records.iter().cloned());
        Ok(applied)
    }

    /// The same without any signature.
    pub fn load_unsigned(&mut self, source: &str) -> Result<Applied, LoadError> {
        let applied = self.guard.load_policy(source, "test", None, self.now)?;
        self.records.extend(applied.records.iter().cloned());
        Ok(applied)
    }

    /// Keeps the records of what was done.
    pub fn keep(&mut self, result: Result<Applied, Refusal>) -> Result<Applied, Refusal> {
        if let Ok(applied) = &result {
            self.records.extend(applied.records.iter().cloned());
        }
        result
    }

    /// Every contract of the chain that a request may rely on is there.
    pub fn see_everything(&mut self) {
        let some = format!("0x{}", "11".repeat(32));
        let believed: Vec<Value> = serde_json::from_slice(&self.guard.code_believed()).unwrap();
        let code = believed.iter().map(|one| {
            let hash = one["hash"].as_str().unwrap_or(&some);
            let seen = json!({"hash": hash, "implementation": null, "at": self.now});
            (one["address"].as_str().unwrap().to_owned(), seen)
        });
        let code: serde_json::Map<String, Value> = code.collect();
        self.guard.see_code(CHAIN, &facts(&json!({"code": code})));
    }

    pub fn submit(&mut self, agent: &str, method: &str, params: &Value) -> Applied {
        let params = params.to_string();
        // Multicall is the one known contract that these tests go through.
        if params.to_lowercase().contains("0xca11bde05977") {
            self.see_everything();
        }
        let result = self
            .guard
            .submit(agent, method, params.as_bytes(), &Facts::none(), self.now);
        self.keep(result).unwrap()
    }

    /// Sends `wei` to the vendor.
    pub fn pay(&mut self, agent: &str, wei: u128) -> Applied {
        self.submit(
            agent,
            "eth_sendTransaction",
            &json!([{"to": VENDOR, "value": quantity(wei)}]),
        )
    }

    /// Lets a spender take so many units of the token; none takes it back.
    pub fn allow(&mut self, agent: &str, spender: &str, units: u64) -> Applied {
        let spender = spender.trim_start_matches("0x");
        let data = format!("0x095ea7b3{spender:0>64}{units:064x}").to_lowercase();
        let params = json!([{"to": USDC, "data": data}]);
        self.submit(agent, "eth_sendTransaction", &params)
    }

    pub fn authorise(&mut self, id: &str, chain_nonce: Option<u64>) -> Result<Applied, Refusal> {
        let mut facts = json!({
            "gas": 21000, "max_fee_per_gas": "2000000000", "max_priority_fee_per_gas": "1000000000",
        });
        if let Some(nonce) = chain_nonce {
            facts["chain_nonce"] = json!(nonce);
        }
        let result = self.guard.authorise(id, &order_facts(&facts), self.now);
        self.keep(result)
    }

    /// The order of a request as its record says it.
    pub fn order(&self, id: &str) -> SigningOrder {
        let bodies = self
            .records
            .iter()
            .rev()
            .map(|record| Event::from_record(record).unwrap());
        bodies
            .filter_map(|event| match event.body {
                Body::RequestAuthorised(data) if data.id.to_string() == id => Some(data.order),
                Body::RequestReplaced(data) if data.id.to_string() == id => {
                    Some(SigningOrder::Transaction(data.order))
                }
                _ => None,
            })
            .next()
            .unwrap()
    }

    pub fn sign(&mut self, id: &str) -> Result<Applied, Refusal> {
        let payload = sign_order(&self.order(id));
        let result = self.guard.signed(id, &payload, self.now);
        self.keep(result)
    }

    pub fn sent(&mut self, id: &str, outcome: &str) -> Result<Applied, Refusal> {
        let result = self.guard.sent(id, outcome, "", self.now);
        self.keep(result)
    }

    pub fn settle(&mut self, id: &str, outcome: &str) -> Result<Applied, Refusal> {
        self.ends(id, outcome, true)
    }

    /// The end of a transaction, proved or by the word of one node.
    pub fn ends(&mut self, id: &str, outcome: &str, proved: bool) -> Result<Applied, Refusal> {
        let fee = 21000u64 * 1_500_000_000;
        let given = json!({"outcome": outcome, "gas_used": 21000, "fee_wei": fee.to_string(),
            "proved": proved});
        self.settle_as(id, &given)
    }

    pub fn settle_as(&mut self, id: &str, given: &Value) -> Result<Applied, Refusal> {
        let result = self
            .guard
            .settle(id, given.to_string().as_bytes(), self.now);
        self.keep(result)
    }

    /// From `go` to `sent`.
    pub fn carry_out(&mut self, id: &str) {
        self.authorise(id, Some(0)).unwrap();
        self.sign(id).unwrap();
        self.sent(id, "accepted").unwrap();
    }

    /// A replacement with these fees, in gwei.
    pub fn replace(
        &mut self,
        id: &str,
        by: &str,
        (why, fee, tip): (&str, u64, u64),
    ) -> Result<Applied, Refusal> {
        let wei = |gwei: u64| Told::Number(u128::from(gwei) * 1_000_000_000);
        let wanted = Replacement {
            why: serde_json::from_value(json!(why)).unwrap(),
            max_fee_per_gas: wei(fee),
            max_priority_fee_per_gas: wei(tip),
            gas: (why == "gap").then_some(Told::Number(21000)),
        };
        let result = self.guard.replace(id, &wanted, by, self.now);
        self.keep(result)
    }

    pub fn freeze(&mut self, scope: &Value) -> u64 {
        let result = self
            .guard
            .freeze(scope.to_string().as_bytes(), "why", "test", self.now);
        let applied = self.keep(result).unwrap();
        match Event::from_record(&applied.records[0]).unwrap().body {
            Body::FreezeSet(data) => data.freeze,
            other => panic!("{other:?}"),
        }
    }

    pub fn command(&mut self, operator: u8, command: Value) -> Result<Applied, Refusal> {
        let (payload, signature) = signed_command(operator, self.since_set(command), self.now);
        let result = self.guard.command(payload.as_bytes(), &signature, self.now);
        self.keep(result)
    }

    /// A command that knows of the last `clock.set`.
    pub fn since_set(&self, mut command: Value) -> Value {
        let status: Value = serde_json::from_slice(&self.guard.status(self.now)).unwrap();
        if status["clock_set"] != 0 {
            command["clock"] = status["clock_set"].clone();
        }
        command
    }

    pub fn approve(&mut self, operator: u8, id: &str) -> Result<Applied, Refusal> {
        let digest = self.view(id)["digest"].clone();
        self.command(
            operator,
            json!({"action": "approve", "request": id, "digest": digest}),
        )
    }

    pub fn deny(&mut self, operator: u8, id: &str) -> Result<Applied, Refusal> {
        let digest = self.view(id)["digest"].clone();
        self.command(
            operator,
            json!({"action": "deny", "request": id, "digest": digest}),
        )
    }

    pub fn thaw(&mut self, freeze: u64) -> Result<Applied, Refusal> {
        self.command(0, json!({"action": "thaw", "freeze": freeze}))
    }

    pub fn tick(&mut self) -> Applied {
        let result = self.guard.tick(self.now);
        self.keep(result).unwrap()
    }

    pub fn view(&self, id: &str) -> Value {
        serde_json::from_slice(&self.guard.request(id).unwrap()).unwrap()
    }

    pub fn state(&self, id: &str) -> String {
        self.view(id)["state"].as_str().unwrap().to_owned()
    }

    /// (used, reserved) of one limit and key.
    pub fn limit(&self, limit: &str, key: &str) -> (u128, u128) {
        let rows: Value = serde_json::from_slice(&self.guard.limits(None, self.now)).unwrap();
        let number = |row: &Value, name: &str| row[name].as_str().unwrap().parse().unwrap();
        let rows = rows.as_array().unwrap().iter();
        rows.filter(|row| row["limit"] == limit && row["key"] == key)
            .map(|row| (number(row, "used"), number(row, "reserved")))
            .next()
            .unwrap_or_default()
    }
}

/// The same records as a program wrote them that knew only this version.
pub fn of_version(records: &[Vec<u8>], version: u64) -> Vec<Vec<u8>> {
    let old = format!(r#","v":{version}}}"#);
    let end = format!(r#","v":{}}}"#, holdfast_core::event::VERSION);
    let texts = records
        .iter()
        .map(|record| String::from_utf8(record.clone()).unwrap());
    texts
        .map(|text| format!("{}{old}", text.strip_suffix(&end).unwrap()).into_bytes())
        .collect()
}

pub fn id_of(applied: &Applied) -> String {
    applied.request.unwrap().to_string()
}

pub fn quantity(value: u128) -> String {
    format!("0x{value:x}")
}

/// What an operator signs for a policy or the settings: canonical JSON and the signature.
pub fn signed_authority(
    operator: u8,
    (action, digest): (&str, B256),
    revision: u64,
) -> (String, Vec<u8>) {
    let payload = json!({"action": action, "digest": digest, "guardian": log_key().to_string(),
        "key": format!("op{operator}"), "revision": revision})
    .to_string();
    let message = [b"holdfast operator command v1\n", payload.as_bytes()].concat();
    let signature = operator_key(operator).sign(&message).to_bytes().to_vec();
    (payload, signature)
}

/// Loads a policy with the signature of the first operator.
pub fn load_signed(guard: &mut Guard, source: &str, now: u64) -> Result<Applied, LoadError> {
    let digest = sha256(source.as_bytes());
    let revision = guard.state().next_policy();
    let (command, signature) = signed_authority(0, ("policy", digest), revision);
    let authority = Authority {
        command: command.as_bytes(),
        signature: &signature,
        also: &[],
    };
    guard.load_policy(source, "test", Some(authority), now)
}

/// A command of this operator that expires in two minutes, as canonical JSON, and its signature.
pub fn signed_command(operator: u8, mut command: Value, now: u64) -> (String, Vec<u8>) {
    let members = command.as_object_mut().unwrap();
    members
        .entry("key")
        .or_insert_with(|| json!(format!("op{operator}")));
    members
        .entry("guardian")
        .or_insert_with(|| json!(log_key().to_string()));
    members
        .entry("expires_at")
        .or_insert_with(|| json!(now + 120_000));
    // serde_json keeps members sorted by key.
    let payload = command.to_string();
    let message = [b"holdfast operator command v1\n", payload.as_bytes()].concat();
    (
        payload,
        operator_key(operator).sign(&message).to_bytes().to_vec(),
    )
}
