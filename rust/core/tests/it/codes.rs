//! The closed lists of codes: one text each, a precedence that decisions keep, and records of other
//! versions that are read as they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::code::{Class, Closed, Code, Detail, PolicyCode, WarningCode};
use holdfast_core::decode::decode_standalone;
use holdfast_core::event::{Body, Event};
use holdfast_core::guard::Guard;
use holdfast_core::json::{self, Limits, Malformed};
use holdfast_core::policy::{Decision, Facts, Verdict};
use holdfast_core::request;
use serde_json::{json, Value};

use crate::support::{id_of, policy, quantity, World, CHAIN, STRICT, T0, TERMS, VENDOR};

fn is_a_list<C: Closed + std::fmt::Debug + PartialEq>() {
    let mut texts = BTreeSet::new();
    for code in C::ALL {
        let text = code.as_str();
        assert!(texts.insert(text), "{text} twice");
        assert!(text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')));
        assert_eq!(C::from_text(text), Some(*code));
        let (meaning, next) = (code.meaning(), code.next_step());
        for words in [meaning, next] {
            assert!(
                !words.ends_with('.') && !words.contains('|'),
                "{text}: {words}"
            );
        }
        assert!(!meaning.is_empty(), "{text}");
    }
    assert!(C::ALL.is_sorted(), "declared in the order of precedence");
    assert_eq!(C::from_text("no_such_code"), None);
}

#[test]
fn every_code_has_one_text_and_a_meaning() {
    is_a_list::<Code>();
    is_a_list::<Detail>();
    is_a_list::<WarningCode>();
    is_a_list::<PolicyCode>();
    for code in Code::ALL {
        let told = code.class() != Class::Evidence;
        assert_eq!(told, !code.next_step().is_empty(), "{code}: what to do");
    }
}

#[test]
fn what_may_pass_by_itself_is_told_by_its_class() {
    let passing = Code::ALL.iter().filter(|code| code.is_transient());
    let passing: Vec<&str> = passing.map(|code| code.as_str()).collect();
    assert_eq!(
        passing,
        [
            "disk_low",
            "rate_limited",
            "fee_over_cap",
            "tip_over_cap",
            "nonce_ahead",
            "check_unmet",
            "cooldown",
            "waiting_full",
            "limit_exceeded",
            "l1_fee_over_cap",
            "chain_unavailable",
        ]
    );
}

/// Panics unless the first reason is the one with the highest precedence of those that ask for this
/// verdict, whatever else does.
pub fn first_is_highest(decision: &Decision) {
    let class = match decision.verdict {
        Verdict::Deny => Class::Denied,
        Verdict::Approval { .. } => Class::Approval,
        Verdict::Instant | Verdict::Notify | Verdict::Delay { .. } => Class::Granted,
    };
    let codes: Vec<Code> = decision
        .reasons
        .iter()
        .filter_map(|one| one.code.known())
        .collect();
    let first = codes.first().copied();
    let highest = codes
        .iter()
        .copied()
        .filter(|code| code.class() == class)
        .min();
    // A rule or a review may ask for more than any other reason of the class does, and a limit for a
    // delay.
    let delays = class == Class::Granted && first == Some(Code::LimitExceeded);
    let asks_more = delays || matches!(first, Some(Code::Granted | Code::Review));
    assert!(
        asks_more || highest.is_none_or(|code| first <= Some(code)),
        "{codes:?}"
    );
}

/// What a check answers: verdict, and the codes in their order.
fn check(world: &World, call: &Value) -> (String, Vec<String>) {
    let params = json!([call]).to_string();
    let method = "eth_sendTransaction";
    let answer = world.guard.check(
        "shopper",
        method,
        params.as_bytes(),
        &Facts::none(),
        world.now,
    );
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let codes = answer["reasons"].as_array().unwrap().iter();
    let codes = codes.map(|reason| reason["code"].as_str().unwrap().to_owned());
    let code = answer["code"].as_str().unwrap().to_owned();
    let codes: Vec<String> = codes.collect();
    assert_eq!(
        codes.first(),
        Some(&code),
        "the answer has the code of the first reason"
    );
    (answer["verdict"].as_str().unwrap().to_owned(), codes)
}

#[test]
fn several_reasons_are_reported_in_the_order_of_precedence() {
    let mut world = World::with(STRICT);
    let pay = |wei: u128| json!({"to": VENDOR, "value": quantity(wei), "nonce": "0x0"});
    // The ledger counts the wallet's nonces from its first order on.
    let first = id_of(&world.pay("shopper", 1));
    world.authorise(&first, Some(0)).unwrap();
    let mut cases: Vec<(&str, Vec<String>)> = Vec::new();
    let ether = 1_000_000_000_000_000_000;
    let (verdict, codes) = check(&world, &pay(2 * ether));
    cases.push(("over a limit, and for approval", codes));
    assert_eq!(verdict, "deny");
    let mut ahead = pay(2 * ether);
    ahead["nonce"] = "0x9".into();
    cases.push(("and ahead of the nonce", check(&world, &ahead).1));
    world.freeze(&json!({"kind": "everything"}));
    cases.push(("and frozen", check(&world, &ahead).1));
    cases.push((
        "frozen, without the nonce",
        check(&world, &pay(2 * ether)).1,
    ));
    let expected: [(&str, &[&str]); 4] = [
        ("over a limit, and for approval", &["limit_exceeded"]),
        ("and ahead of the nonce", &["nonce_ahead", "limit_exceeded"]),
        ("and frozen", &["nonce_ahead", "frozen", "limit_exceeded"]),
        ("frozen, without the nonce", &["frozen", "limit_exceeded"]),
    ];
    for ((name, found), (same, expected)) in cases.iter().zip(expected) {
        assert_eq!(*name, same);
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_request_that_cannot_wait_says_so_before_why_it_would() {
    let full = crate::support::Terms {
        waiting_max: 1,
        ..STRICT
    };
    let mut world = World::with(full);
    let call = |wei: u128| json!({"to": VENDOR, "value": quantity(wei)});
    let half = 300_000_000_000_000_000;
    let (verdict, codes) = check(&world, &call(half));
    assert_eq!(
        (verdict.as_str(), codes),
        ("approval", vec!["granted".to_owned()])
    );
    world.pay("shopper", half);
    let (verdict, codes) = check(&world, &call(half + 1));
    assert_eq!(verdict, "deny");
    assert_eq!(codes.first().map(String::as_str), Some("waiting_full"));
    assert!(world
        .load_source(&policy(STRICT).replace("quorum = 2", "quorum = 3"))
        .is_ok());
    let (verdict, codes) = check(&world, &call(half + 1));
    assert_eq!(verdict, "deny");
    assert_eq!(codes.first().map(String::as_str), Some("no_approver"));
}

#[test]
fn a_code_of_another_version_is_read_and_written_back_as_it_is() {
    let mut world = World::with(TERMS);
    let id = id_of(&world.pay("shopper", 1));
    let failed = world
        .guard
        .fail(&id, Code::WouldFail, "no funds", world.now);
    world.keep(failed).unwrap();
    let last = world.records.last_mut().unwrap();
    let text = String::from_utf8(last.clone()).unwrap();
    let text = text.replace("\"would_fail\"", "\"of_another_version\"");
    *last = text.clone().into_bytes();

    let event = Event::from_record(text.as_bytes()).unwrap();
    assert_eq!(event.to_record(), text.as_bytes());
    let Body::RequestFailed(data) = event.body else {
        panic!("not a request.failed");
    };
    assert_eq!(
        (data.code.known(), data.code.as_str()),
        (None, "of_another_version")
    );

    let guard = Guard::replay(&world.records).unwrap();
    let again = Guard::restore(&guard.snapshot()).unwrap();
    for guard in [guard, again] {
        let view: Value = serde_json::from_slice(&guard.request(&id).unwrap()).unwrap();
        assert_eq!(view["end_reasons"][0]["code"], "of_another_version");
    }
}

#[test]
fn what_ends_by_itself_or_has_no_chain_any_more_says_so() {
    let mut world = World::with(STRICT);
    let id = id_of(&world.pay("shopper", 500_000_000_000_000_000));
    world.now += 3_600_000;
    world.tick();
    assert_eq!(
        world.view(&id)["end_reasons"][0]["code"],
        "expired_unanswered"
    );

    let id = id_of(&world.pay("shopper", 1));
    world.carry_out(&id);
    let elsewhere = policy(STRICT).replace(&format!("{CHAIN}"), "10");
    world.load_source(&elsewhere).unwrap();
    let refused = world.replace(&id, "guardian", ("fee", 60, 3)).unwrap_err();
    assert_eq!(refused.code, Code::ChainUnknown);
    assert!(!refused.is_transient());
}

#[test]
fn a_record_that_is_older_than_the_one_before_it_is_named() {
    let mut world = World::with(TERMS);
    world.now += 1000;
    world.pay("shopper", 1);
    let last = world.records.last_mut().unwrap();
    let text = String::from_utf8(last.clone()).unwrap();
    let at = |ms: u64| format!("{{\"at\":{ms},");
    *last = text.replace(&at(world.now), &at(T0 - 1)).into_bytes();
    let error = Guard::replay(&world.records).err().unwrap();
    assert_eq!(error.code, Code::ReplayTime);
}

#[test]
fn inputs_over_a_bound_are_named_by_it() {
    let small = Limits {
        max_string: 2,
        ..Limits::REQUEST
    };
    let detail = |found: Result<(), Malformed>| found.unwrap_err().code;
    let read = |bytes: &[u8]| json::parse(bytes, &small).map(|_| ());
    assert_eq!(detail(read(b"\"\xff\"")), Detail::JsonUtf8);
    assert_eq!(detail(read(b"\"abc\"")), Detail::JsonString);

    let ask = |method: &str, params: Value| {
        request::parse_any(method, params.to_string().as_bytes()).map(|_| ())
    };
    let message = format!("0x{}", "ab".repeat(65_537));
    let long = ask("personal_sign", json!([message, VENDOR]));
    assert_eq!(detail(long), Detail::MessageTooLarge);
    let call = json!({"to": VENDOR, "value": "0x1"});
    let calls = json!([{"version": "2.0.0", "chainId": "0x1", "from": VENDOR,
        "atomicRequired": false, "calls": vec![call; 65]}]);
    assert_eq!(
        detail(ask("wallet_sendCalls", calls)),
        Detail::BatchTooLarge
    );
    let facts = json::parse(br#"{"prices":5}"#, &Limits::REQUEST).unwrap();
    assert_eq!(
        detail(Facts::from_json(&facts).map(|_| ())),
        Detail::FactsType
    );
}

#[test]
fn a_document_for_any_chain_is_shown_with_a_warning() {
    let document = json!({"types": {"EIP712Domain": [{"name": "name", "type": "string"}],
        "Note": [{"name": "text", "type": "string"}]}, "primaryType": "Note",
        "domain": {"name": "x"}, "message": {"text": "y"}});
    let case = json!({"typed_data": document}).to_string();
    let shown = decode_standalone(
        case.as_bytes(),
        ChainId::ETHEREUM,
        &Registry::new(),
        None,
        None,
    )
    .unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let warnings = shown["warnings"].as_array().unwrap().iter();
    let codes: Vec<&str> = warnings.filter_map(|one| one["code"].as_str()).collect();
    assert!(codes.contains(&WarningCode::NoChain.as_str()), "{codes:?}");
}

/// A list names nothing that no part of the program says.
#[test]
fn every_code_of_the_core_is_made_somewhere() {
    let core = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let binding = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../binding/src"));
    let text = core + &binding;
    let said = |list: &str, name: String| {
        let name = format!("{list}::{name}");
        let mut after = text
            .split(name.as_str())
            .skip(1)
            .map(|rest| rest.chars().next().unwrap_or(' '));
        assert!(
            after.any(|next| !next.is_alphanumeric()),
            "{name} is never made"
        );
    };
    for code in Code::ALL
        .iter()
        .filter(|code| !OF_THE_SERVICE.contains(code))
    {
        said("Code", format!("{code:?}"));
    }
    Detail::ALL
        .iter()
        .for_each(|code| said("Detail", format!("{code:?}")));
    WarningCode::ALL
        .iter()
        .for_each(|code| said("WarningCode", format!("{code:?}")));
    PolicyCode::ALL
        .iter()
        .filter(|code| **code != PolicyCode::SocketPath)
        .for_each(|code| said("PolicyCode", format!("{code:?}")));
}

/// What only the service meets, `PolicyCode::SocketPath` aside, and gives to `fail` and `refuse` or to the agent.
const OF_THE_SERVICE: [Code; 4] = [
    Code::Sealed,
    Code::DiskLow,
    Code::WouldFail,
    Code::NotSimulated,
];

fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("code") {
            continue;
        }
        if path.is_dir() {
            text += &sources(&path);
        } else {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text
}
