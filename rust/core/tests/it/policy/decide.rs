//! The decision table: requests as agents send them, through the simulator, with the verdict and
//! every reason.

use std::collections::BTreeSet;

use holdfast_core::code::{Class, Closed as _, Code};
use holdfast_core::simulate::Simulator;
use serde::Deserialize;
use serde_json::Value;

use crate::support::seen;

const DEMO: &str = include_str!("../../data/policy_demo.toml");
const NOW: u64 = 1_700_000_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    agent: Option<String>,
    method: Option<String>,
    at: Option<Value>,
    facts: Option<String>,
    send: Option<String>,
    allow: Option<String>,
    coin: Option<String>,
    params: Option<String>,
    /// Nobody looked at any code.
    #[serde(default)]
    no_code: bool,
    /// Tables after those of the demo policy.
    #[serde(default)]
    add: String,
    #[serde(default)]
    before: u64,
    verdict: String,
    delay_ms: Option<u64>,
    quorum: Option<u64>,
    timeout_ms: Option<u64>,
    /// Who sends it once it is given to its agent, where that is the agent alone.
    released: Option<String>,
    reasons: Vec<String>,
}

fn address(name: &str) -> &'static str {
    match name {
        "vendor" => "70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "expiring" => "90F79bf6EB2c4f870365E785982E1f101E93b906",
        "elsewhere" => "15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
        "blocked" => "9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
        "stranger" => "976EA74026E726554dB657fA54763abd0C3a0aa9",
        "usdc" => "5FbDB2315678afecb367f032d93F642f64180aa3",
        "twin" => "7099000000000000000000000000000000a779c8",
        "wrap" => "C02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
        "zero" => "0000000000000000000000000000000000000000",
        _ => panic!("no address `{name}`"),
    }
}

fn word(decimal: &str) -> String {
    let number: alloy_primitives::U256 = decimal.parse().unwrap();
    format!("{number:064x}")
}

/// A call of a token: selector, "token party amount".
fn token(selector: &str, words: &str) -> String {
    let [token, party, amount] = words.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{words}")
    };
    let data = format!("{selector}{:0>64}{}", address(party), word(amount));
    format!(
        r#"[{{"to":"0x{}","gas":"0x5208","data":"0x{data}"}}]"#,
        address(token)
    )
}

fn params(case: &Case) -> String {
    if let Some(words) = &case.send {
        return token("a9059cbb", words);
    }
    if let Some(words) = &case.allow {
        return token("095ea7b3", words);
    }
    if let Some(words) = &case.coin {
        let (to, wei) = words.split_once(' ').unwrap();
        let wei: u128 = wei.parse().unwrap();
        return format!(
            r#"[{{"to":"0x{}","gas":"0x5208","value":"{wei:#x}"}}]"#,
            address(to)
        );
    }
    case.params.clone().unwrap()
}

/// The facts of the case; every contract is there unless they say something of code themselves.
fn facts(case: &Case) -> String {
    let fresh = format!(r#"{{"prices":{{"usdc":{{"usd":"1","at":{NOW}}}}}}}"#);
    let facts = case.facts.clone().unwrap_or(fresh);
    let whole = serde_json::from_str::<Value>(&facts).is_ok_and(|facts| facts.is_object());
    if !whole || facts.contains("\"code\"") || case.no_code {
        return facts;
    }
    let source = format!("{DEMO}\n{}", case.add);
    let code = seen::everything(&source, NOW);
    seen::with_code(&facts, code)
}

fn line(case: &Case, at: &Value) -> String {
    format!(
        r#"{{"id":7,"agent":"{}","at":{at},"request":{{"method":"{}","params":{}}},"facts":{}}}"#,
        case.agent.as_deref().unwrap_or("shopper"),
        case.method.as_deref().unwrap_or("eth_sendTransaction"),
        params(case),
        facts(case),
    )
}

fn decide(simulator: &mut Simulator, case: &str) -> Value {
    serde_json::from_slice(&simulator.decide(case.as_bytes())).unwrap()
}

fn reasons(result: &Value) -> Vec<String> {
    let words = |reason: &Value| match reason["rule"].as_str() {
        Some(rule) => format!("{} {rule}", reason["code"].as_str().unwrap()),
        None => reason["code"].as_str().unwrap().to_owned(),
    };
    result["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(words)
        .collect()
}

fn table() -> Vec<Case> {
    toml::from_str::<Table>(include_str!("../../data/policy_decide.toml"))
        .unwrap()
        .case
}

#[test]
fn every_case_of_the_table_has_its_verdict_and_its_reasons() {
    let mut wrong = String::new();
    for case in table() {
        let source = format!("{DEMO}\n{}", case.add);
        let mut simulator = Simulator::new(&source, true)
            .unwrap_or_else(|errors| panic!("{}: {errors}", case.name));
        let at = case.at.clone().unwrap_or(Value::from(NOW));
        for n in 0..case.before {
            let earlier = Value::from(NOW - (case.before - n) * 1000);
            decide(
                &mut simulator,
                &line(&case, &earlier)
                    .replace(&format!("\"at\":{NOW}}}"), &format!("\"at\":{earlier}}}")),
            );
        }
        let result = decide(&mut simulator, &line(&case, &at));
        let found = (result["verdict"].as_str().unwrap(), reasons(&result));
        let wanted = (case.verdict.as_str(), case.reasons.clone());
        let more = [
            ("delay_ms", case.delay_ms),
            ("quorum", case.quorum),
            ("timeout_ms", case.timeout_ms),
        ];
        let differs = more
            .iter()
            .any(|(key, value)| value.is_some() && result[key].as_u64() != *value);
        let differs = differs || result["released"].as_str() != case.released.as_deref();
        // A malformed case whose JSON does not parse cannot be answered by its id.
        let id = result["id"] == 7 || found.1 == ["malformed"];
        if found != wanted || differs || !id {
            wrong.push_str(&format!(
                "{}:\n  expected {wanted:?}\n  found    {found:?}\n  {result}\n",
                case.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Codes that only the guardian can meet; `tests/docs/test_codes.py` sees that they have cases there.
const OF_THE_GUARDIAN: [Code; 24] = [
    Code::DiskLow,
    Code::RateLimited,
    Code::SignatureRequired,
    Code::SignatureInvalid,
    Code::AgentMismatch,
    Code::Expired,
    Code::Replayed,
    Code::NoPolicy,
    Code::IdempotencyConflict,
    Code::NonceUsed,
    Code::NonceAhead,
    Code::Frozen,
    // Of what contracts said: tests/core/test_checks.py.
    Code::CheckUnmet,
    Code::Cooldown,
    Code::NoApprover,
    Code::WaitingFull,
    Code::AmountOverflow,
    Code::MethodNotAllowed,
    Code::RouteChanged,
    Code::ReleasedChanged,
    Code::L1FeeOverCap,
    Code::ChainUnavailable,
    Code::ReplacementUnderpriced,
    // The parser takes no agent on a chain that the policy does not have.
    Code::ChainNotAllowed,
];

#[test]
fn every_code_of_a_decision_is_given_by_a_case() {
    let table = table();
    let reasons = table.iter().flat_map(|case| &case.reasons);
    let given: BTreeSet<&str> = reasons.filter_map(|one| one.split(' ').next()).collect();
    let of_decisions = |code: &&Code| {
        matches!(
            code.class(),
            Class::Granted | Class::Approval | Class::Transient | Class::Denied | Class::Malformed
        )
    };
    for code in Code::ALL.iter().filter(of_decisions) {
        let here = given.contains(code.as_str());
        assert_ne!(here, OF_THE_GUARDIAN.contains(code), "{code}");
    }
}

#[test]
fn assets_of_a_group_are_one_asset_to_limits() {
    let coin = |id: &str, end: u8| {
        format!(
            "[[asset]]\nid = \"{id}\"\nchain = 31337\naddress = \"0x{:0>38}{end:02}\"\n\
             decimals = 6\nsymbol = \"{id}\"\nprice_usd = \"1\"\ngroup = \"dollars\"\n",
            "12000000"
        )
    };
    let add = "[[rule]]\nid = \"dollars\"\neffects = [\"transfer\"]\nassets = [\"#dollars\"]\n\
               tier = \"instant\"\n[[limit]]\nid = \"dollars-day\"\nper = \"global\"\n\
               measure = \"amount\"\nassets = [\"#dollars\"]\nmax = \"10\"\nwindow = \"24h\"\n\
               on_exceed = \"deny\"\n";
    let source = format!("{DEMO}\n{}{}{add}", coin("one", 1), coin("two", 2));
    let mut simulator = Simulator::new(&source, true).unwrap_or_else(|errors| panic!("{errors}"));
    let mut pay = |end: u8, amount: u64| {
        let data = format!("a9059cbb{:0>64}{amount:064x}", address("vendor"));
        let to = format!("0x{:0>38}{end:02}", "12000000");
        let request = format!(
            r#"{{"method":"eth_sendTransaction","params":[{{"to":"{to}","gas":"0x5208","data":"0x{data}"}}]}}"#
        );
        let case =
            format!(r#"{{"id":1,"agent":"shopper","at":{NOW},"facts":{{}},"request":{request}}}"#);
        decide(&mut simulator, &case)
    };
    let first = pay(1, 6_000_000);
    assert_eq!(first["verdict"], "instant", "{first}");
    let over = pay(2, 4_000_001);
    assert_eq!(over["verdict"], "deny", "{over}");
    assert!(reasons(&over).contains(&"limit_exceeded dollars-day".to_owned()));
    let last = pay(2, 4_000_000);
    assert_eq!(last["verdict"], "instant", "{last}");
}

#[test]
fn a_time_is_ms_or_seconds_or_text() {
    let mut simulator = Simulator::new(DEMO, false).unwrap();
    for at in [
        "1700000000000",
        "1700000000",
        "\"2023-11-14T22:13:20Z\"",
        "\"2023-11-14T23:13:20+01:00\"",
    ] {
        let case = line(&table()[0], &serde_json::from_str(at).unwrap());
        assert_eq!(decide(&mut simulator, &case)["verdict"], "instant", "{at}");
    }
    for at in [
        "-1",
        "1.5",
        "\"2023-11-14T22:13:20\"",
        "\"now\"",
        "null",
        "[]",
    ] {
        let case = line(&table()[0], &serde_json::from_str(at).unwrap());
        assert_eq!(
            reasons(&decide(&mut simulator, &case)),
            ["malformed"],
            "{at}"
        );
    }
}

#[test]
fn without_state_every_case_stands_alone() {
    let mut simulator = Simulator::new(DEMO, false).unwrap();
    let case = line(&table()[0], &Value::from(NOW));
    for _ in 0..20 {
        assert_eq!(decide(&mut simulator, &case)["verdict"], "instant");
    }
}

#[test]
fn an_exceeded_limit_says_when_it_passes_again() {
    let mut simulator = Simulator::new(DEMO, true).unwrap();
    let at = |ms: u64| line(&table()[0], &Value::from(ms));
    for n in 0..3 {
        assert_eq!(
            decide(&mut simulator, &at(NOW + n * 1000))["verdict"],
            "instant"
        );
    }
    let result = decide(&mut simulator, &at(NOW + 5000));
    assert_eq!(result["verdict"], "deny");
    let each = result["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["rule"] == "each-vendor")
        .unwrap();
    assert_eq!(
        (each["observed"].as_str(), each["limit"].as_str()),
        (Some("4"), Some("3"))
    );
    let retry_at = each["retry_at_ms"].as_u64().unwrap();
    assert_eq!(retry_at, NOW + 600_000);
    let again = "limit_exceeded each-vendor".to_owned();
    assert!(reasons(&decide(&mut simulator, &at(retry_at - 1))).contains(&again));
    assert!(!reasons(&decide(&mut simulator, &at(retry_at))).contains(&again));
}

#[test]
fn whatever_comes_in_is_answered() {
    let mut simulator = Simulator::new(DEMO, true).unwrap();
    for case in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"id\":\"x\"}",
        "\u{feff}{}",
        "{\"id\":{\"a\":[1]},\"agent\":1}",
    ] {
        let result = decide(&mut simulator, case);
        assert_eq!(result["verdict"], "deny", "{case}");
        assert_eq!(reasons(&result), ["malformed"], "{case}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(decide(&mut simulator, &deep)["verdict"], "deny");
    let result = decide(&mut simulator, "{\"id\":\"x\",\"agent\":\"shopper\"}");
    assert_eq!(result["id"], "x");
}

#[test]
fn what_is_used_counts_for_one_case_and_every_limit_it_meets_is_shown() {
    let mut simulator = Simulator::new(DEMO, false).unwrap();
    let limit = simulator.policy().limits().first().unwrap().id.clone();
    let case = |more: &str| {
        format!(
            r#"{{"agent":"shopper","at":1767225600000,"request":{{"method":"eth_sendTransaction",
            "params":[{{"to":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","value":"0x1"}}]}}{more}}}"#
        )
    };
    let plain = decide(&mut simulator, &case(""));
    assert!(plain.get("limits").is_none());
    let shown = decide(&mut simulator, &case(r#","limits":true"#));
    assert_eq!(shown["verdict"], plain["verdict"]);
    let used = format!(r#","limits":true,"used":{{"{limit}":"1"}}"#);
    let filled = decide(&mut simulator, &case(&used));
    let of = |result: &Value| {
        let views = result["limits"].as_array().unwrap().clone();
        views
            .into_iter()
            .find(|view| view["limit"] == limit.as_str())
    };
    let (before, after) = (of(&shown).unwrap(), of(&filled).unwrap());
    assert_eq!(before["reserved"], "0");
    assert_ne!(after["reserved"], "0");
    assert_eq!(before["adds"], after["adds"]);
    assert_eq!(
        decide(&mut simulator, &case(r#","limits":true"#)),
        shown,
        "it is not kept"
    );
    for wrong in [
        r#""1""#,
        r#"{"nope":"1"}"#,
        r#"{"LIMIT":1}"#,
        r#"{"LIMIT":"-1"}"#,
    ] {
        let used = format!(r#","used":{}"#, wrong.replace("LIMIT", &limit));
        let refused = decide(&mut simulator, &case(&used));
        assert_eq!(refused["reasons"][0]["code"], "malformed", "{wrong}");
    }
}
