//! Rules and limits over time: requests one after the other, each at its moment, with the verdict,
//! the reasons, and when it would pass again.

use holdfast_core::amount::parse_decimal_units;
use holdfast_core::simulate::Simulator;
use serde::Deserialize;
use serde_json::{json, Value};

use crate::support::seen;

/// One agent that may pay anybody in a token that is worth one USD.
const BASE: &str = include_str!("../../data/policy_stories_base.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    story: Vec<Story>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    name: String,
    /// Tables after those of the base.
    add: String,
    step: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at: String,
    #[serde(default = "shopper")]
    agent: String,
    /// What the wall clock shows, where it is not the guardian's time.
    wall: Option<String>,
    /// "who usdc".
    pay: String,
    verdict: String,
    /// Without `granted`.
    #[serde(default)]
    reasons: Vec<String>,
    /// When the first reason lets it pass again.
    retry_at: Option<String>,
}

fn shopper() -> String {
    "shopper".to_owned()
}

/// Twenty addresses that no list of the base names, and those that are.
fn address(name: &str) -> String {
    match name {
        "acme" => "70997970C51812dc3A010C7d01b50e0d17dc79C8".to_owned(),
        "casino" => "3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".to_owned(),
        "tobacco" => "90F79bf6EB2c4f870365E785982E1f101E93b906".to_owned(),
        _ => {
            let number: u64 = name.strip_prefix('p').unwrap().parse().unwrap();
            format!("{:0>36}{number:04x}", "7e1100000000000000000000")
        }
    }
}

fn ms(text: &str) -> u64 {
    let at: jiff::Timestamp = text.parse().unwrap_or_else(|_| panic!("{text}"));
    u64::try_from(at.as_millisecond()).unwrap()
}

fn case(step: &Step, source: &str) -> String {
    let (who, amount) = step.pay.split_once(' ').unwrap();
    let units = parse_decimal_units(amount, 6).unwrap();
    let data = format!("0xa9059cbb{:0>64}{units:064x}", address(who));
    let now = ms(&step.at);
    let facts = seen::with_code("{}", seen::everything(source, now));
    let mut facts: Value = serde_json::from_str(&facts).unwrap();
    if let Some(wall) = &step.wall {
        facts["wall_ms"] = json!(ms(wall));
    }
    json!({
        "id": 1,
        "agent": step.agent,
        "at": now,
        "facts": facts,
        "request": {"method": "eth_sendTransaction", "params": [{
            "to": "0x5FbDB2315678afecb367f032d93F642f64180aa3", "gas": "0x5208", "data": data,
        }]},
    })
    .to_string()
}

fn reasons(result: &Value) -> Vec<String> {
    let words = |reason: &Value| match reason["rule"].as_str() {
        Some(rule) => format!("{} {rule}", reason["code"].as_str().unwrap()),
        None => reason["code"].as_str().unwrap().to_owned(),
    };
    let all = result["reasons"].as_array().unwrap().iter().map(words);
    all.filter(|words| !words.starts_with("granted")).collect()
}

#[test]
fn every_step_of_every_story_has_its_verdict() {
    let table: Table = toml::from_str(include_str!("../../data/policy_stories.toml")).unwrap();
    let mut wrong = String::new();
    for story in &table.story {
        let source = format!("{BASE}\n{}", story.add);
        let mut simulator = Simulator::new(&source, true)
            .unwrap_or_else(|errors| panic!("{}: {errors}", story.name));
        for step in &story.step {
            let result = simulator.decide(case(step, &source).as_bytes());
            let result: Value = serde_json::from_slice(&result).unwrap();
            let retry_at = result["reasons"][0]["retry_at_ms"].as_u64();
            let found = (
                result["verdict"].as_str().unwrap(),
                reasons(&result),
                retry_at,
            );
            let retry_at = step.retry_at.as_deref().map(ms);
            let wanted = (step.verdict.as_str(), step.reasons.clone(), retry_at);
            if found != wanted {
                let (name, at, pay) = (&story.name, &step.at, &step.pay);
                wrong.push_str(&format!(
                    "{name}, {at}, {pay}:\n  expected {wanted:?}\n  found    {found:?}\n  {result}\n"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
