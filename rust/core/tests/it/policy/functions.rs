//! Functions the operator vouches for: which calls are, what a rule that names them grants, and
//! what vouching can never loosen.

use alloy_primitives::{address, keccak256, Address, Bytes, U256};
use holdfast_core::asset::Registry;
use holdfast_core::effects::{decode, Decoded, Denial, EffectKind};
use holdfast_core::function::{Function, Signature};
use holdfast_core::policy::{decide, resolve, Facts, Policy};
use holdfast_core::request::{self, Body, Transaction};
use holdfast_core::window::Windows;
use proptest::prelude::*;
use serde::Deserialize;
use toml::Value;

use crate::support::calls::{Table, CHAIN, WALLET};

const POLICY: &str = include_str!("../../data/functions_policy.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Tables after those of the policy.
    #[serde(default)]
    add: String,
    #[serde(default = "bot")]
    agent: String,
    #[serde(default = "governor")]
    to: String,
    call: Option<String>,
    #[serde(default)]
    args: Vec<Value>,
    data: Option<Bytes>,
    #[serde(default)]
    append: Bytes,
    #[serde(default)]
    value: u64,
    #[serde(default)]
    facts: Option<String>,
    verdict: String,
    /// "code rule"
    reasons: Vec<String>,
    /// "kind function" of each effect
    #[serde(default)]
    effects: Vec<String>,
    #[serde(default)]
    warnings: Vec<String>,
    /// Part of the words of a warning.
    says: Option<String>,
    #[serde(default)]
    shows: Vec<String>,
}

fn bot() -> String {
    "bot".to_owned()
}

fn governor() -> String {
    "governor".to_owned()
}

const NAMES: &str = r#"case = []
[names]
governor = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
registrar = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
"#;

const NOW: u64 = 1_700_000_000_000;

/// Verdict, reasons, and what a denial by the decoder does not have.
fn run(table: &Table, case: &Case) -> (String, Vec<String>, Option<Decoded>) {
    let policy = Policy::parse(&format!("{POLICY}\n{}", case.add))
        .unwrap_or_else(|errors| panic!("{}:\n{errors}", case.name));
    let mut data = case.data.clone().unwrap_or_default().to_vec();
    if let Some(call) = &case.call {
        data = table.call(call, &case.args);
    }
    data.extend_from_slice(&case.append);
    let params = format!(
        r#"[{{"to":"{}","gas":"0x5208","value":"{:#x}","data":"{}"}}]"#,
        table.address(&case.to),
        case.value,
        Bytes::from(data),
    );
    let method = "eth_sendTransaction";
    let parsed = request::parse(method, params.as_bytes()).unwrap();
    let resolved = match resolve(&policy, &case.agent, parsed, &|_| None) {
        Ok(resolved) => resolved,
        Err(reason) => {
            return (
                "deny".to_owned(),
                vec![reason.code.as_str().to_owned()],
                None,
            )
        }
    };
    let facts = case.facts.as_deref().unwrap_or("{}");
    let facts = Facts::parse(facts.as_bytes()).unwrap();
    let windows = Windows::for_policy(&policy);
    let subject = resolved.subject(method, &[]);
    let decision = decide(&policy, &subject, &windows, &facts, NOW);
    let reasons = decision.reasons.iter().map(|reason| match &reason.rule {
        Some(rule) => format!("{} {rule}", reason.code.as_str()),
        None => reason.code.as_str().to_owned(),
    });
    let verdict = decision.verdict.as_str().to_owned();
    (verdict, reasons.collect(), Some(resolved.decoded))
}

fn fault(table: &Table, case: &Case) -> Option<String> {
    let (verdict, reasons, decoded) = run(table, case);
    let mut wrong = String::new();
    if (&verdict, &reasons) != (&case.verdict, &case.reasons) {
        wrong.push_str(&format!("  {verdict} {reasons:?}\n"));
    }
    if let Some(decoded) = decoded {
        let effect = |one: &holdfast_core::effects::Effect| match &one.function {
            Some(function) => format!("{} {function}", one.kind.as_str()),
            None => one.kind.as_str().to_owned(),
        };
        let effects: Vec<String> = decoded.effects.iter().map(effect).collect();
        let warnings: Vec<&str> = decoded.warnings.iter().map(|w| w.code.as_str()).collect();
        let lines: Vec<String> = decoded
            .display
            .iter()
            .map(|f| format!("{}: {}", f.label, f.value))
            .collect();
        let hidden = case.shows.iter().any(|line| !lines.contains(line));
        let said = case
            .says
            .as_ref()
            .is_none_or(|says| decoded.warnings.iter().any(|w| w.text.contains(says)));
        if effects != case.effects || warnings != case.warnings || hidden || !said {
            let texts: Vec<&String> = decoded.warnings.iter().map(|w| &w.text).collect();
            wrong.push_str(&format!(
                "  effects = {effects:?}\n  warnings = {warnings:?} {texts:?}\n  {lines:#?}\n"
            ));
        }
    }
    (!wrong.is_empty()).then(|| format!("{}:\n{wrong}", case.name))
}

#[test]
fn what_is_vouched_for_is_granted_by_rules_that_name_it_and_by_no_others() {
    let table = Table::read(NAMES);
    let source: Source = toml::from_str(include_str!("../../data/functions.toml")).unwrap();
    assert!(source.case.len() >= 30, "only {}", source.case.len());
    let cases = source.case.iter();
    let wrong: Vec<String> = cases.filter_map(|case| fault(&table, case)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_is_vouched_for_is_written_with_its_name_and_other_effects_as_before() {
    let policy = Policy::parse(POLICY).unwrap();
    let table = Table::read(NAMES);
    let written = |signature: &str, args: &[Value]| {
        let body = body(table.address("governor"), 0, table.call(signature, args));
        let decoded = decode(&body, CHAIN.at(WALLET), policy.registry()).unwrap();
        let mut out = String::new();
        decoded.effects[0].write_canonical(&mut out);
        out
    };
    let to = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc";
    let head =
        format!(r#"{{"amount":"0","asset":null,"effect":"call","expires":null,"from":"{WALLET}","#);
    let tail = format!(r#""path":"","to":"{to}","unlimited":false}}"#);
    let vote = |support: i64| [Value::Integer(7), Value::Integer(support)];
    assert_eq!(
        written("castVote(uint256,uint8)", &vote(1)),
        format!(r#"{head}"function":"vote",{tail}"#)
    );
    assert_eq!(
        written("castVote(uint256,uint8)", &vote(2)),
        format!("{head}{tail}")
    );
}

fn body(to: Address, value: u64, data: Vec<u8>) -> Body {
    Body::Transaction(Transaction {
        to: Some(to),
        value: U256::from(value),
        data: data.into(),
        gas: None,
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        nonce: None,
    })
}

/// Every call of the tables of calls, with its registry.
fn known() -> Vec<(Table, Vec<(Address, Transaction)>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/calls");
    let files = std::fs::read_dir(folder).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    let tables = paths.map(|path| {
        let table = Table::read(&std::fs::read_to_string(path).unwrap());
        let calls = table.cases.iter().map(|case| {
            let transaction = table.transaction(case);
            (transaction.to.unwrap(), transaction)
        });
        let calls = calls.collect();
        (table, calls)
    });
    tables.collect()
}

/// The registry of a table, with one more function that is vouched for whatever its arguments are.
fn vouching(table: &Table, at: Address, call: &str) -> Option<Registry> {
    let signature = Signature::parse(call).ok()?;
    let mut registry = table.registry.clone();
    registry.insert_function(Function {
        id: "all".to_owned(),
        contract: CHAIN.at(at),
        signature,
        payable: true,
        conditions: Vec::new(),
    });
    Some(registry)
}

/// The operator vouches for every function of every table at its contract: of what is understood,
/// or changes who is in charge, nothing changes.
#[test]
fn vouching_for_what_is_understood_changes_nothing() {
    let (mut same, mut vouched) = (0, 0);
    for (table, calls) in known() {
        for (case, (to, transaction)) in table.cases.iter().zip(calls) {
            let Some(registry) = case
                .call
                .as_ref()
                .and_then(|call| vouching(&table, to, call))
            else {
                continue;
            };
            let body = Body::Transaction(transaction);
            let before = decode(&body, CHAIN.at(WALLET), &table.registry);
            let after = decode(&body, CHAIN.at(WALLET), &registry);
            if before == after {
                same += 1;
                continue;
            }
            vouched += 1;
            let before = before.unwrap();
            assert!(before.opaque, "{}", case.name);
            only_the_call_changed(&before, after, &case.name);
            let unknown = registry.contract(CHAIN.at(to)).is_none()
                && registry.protocol(CHAIN.at(to)).is_none();
            assert!(unknown, "{}", case.name);
            let control = before
                .effects
                .iter()
                .any(|one| one.kind == EffectKind::Control);
            assert!(!control, "{}", case.name);
        }
    }
    assert!(same > 400 && vouched > 5, "{same} {vouched}");
}

fn only_the_call_changed(before: &Decoded, after: Result<Decoded, Denial>, name: &str) {
    let Ok(after) = after else { return };
    assert_eq!(before.effects.len(), after.effects.len(), "{name}");
    for (old, new) in before.effects.iter().zip(&after.effects) {
        let mut bare = new.clone();
        bare.function = None;
        assert_eq!(&bare, old, "{name}");
        assert!(
            new.function.is_none() || (new.kind == EffectKind::Call && new.path.is_empty()),
            "{name}"
        );
    }
}

const STRANGER: Address = address!("0x1234567890123456789012345678901234567890");

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        ..ProptestConfig::default()
    }
}

const SIGNATURES: [&str; 6] = [
    "a()",
    "b(uint256 x)",
    "c(bytes x, string y)",
    "d(uint8[] x, address y)",
    "e((bytes,uint256[]) x, bool y)",
    "f(int8[3] x, bytes4 y, bytes z)",
];

proptest! {
    #![proptest_config(cases(2000))]

    /// Whatever bytes come in, the call is vouched for, as opaque as it was, or denied; and what is
    /// vouched for is the one encoding of its arguments.
    #[test]
    fn whatever_bytes_follow_the_selector_only_the_call_changes(
        which in 0usize..6,
        words in prop::collection::vec(prop_oneof![
            (0u64..12).prop_map(|n| U256::from(n * 32)),
            (0u64..300).prop_map(U256::from),
            any::<[u8; 32]>().prop_map(U256::from_be_bytes),
        ], 0..12),
        cut in 0usize..40,
        value in 0u64..2,
    ) {
        let signature = Signature::parse(SIGNATURES[which]).unwrap();
        let table = Table::read("case = []");
        let registry = vouching(&table, STRANGER, SIGNATURES[which]).unwrap();
        let mut data = signature.selector().to_vec();
        data.extend(words.iter().flat_map(U256::to_be_bytes::<32>));
        data.truncate(data.len().saturating_sub(if cut < 32 { 0 } else { cut }).max(4));
        let arguments = data[4..].to_vec();
        let body = body(STRANGER, value, data);
        let before = decode(&body, CHAIN.at(WALLET), &table.registry).unwrap();
        let after = decode(&body, CHAIN.at(WALLET), &registry);
        let vouched = after.as_ref().is_ok_and(|after| !after.opaque);
        if vouched {
            let small = |word: usize, from: usize| arguments[word * 32..word * 32 + from].iter().all(|byte| *byte == 0);
            prop_assert!(which != 5 || arguments[3 * 32 + 4..4 * 32].iter().all(|byte| *byte == 0));
            prop_assert!(which != 4 || small(1, 31));
            let decoded = signature.whole().abi_decode_params(&arguments).unwrap();
            prop_assert_eq!(decoded.abi_encode_params(), arguments);
        }
        if let Err(denial) = &after {
            prop_assert_eq!(denial.code.as_str(), "dirty_calldata");
        }
        only_the_call_changed(&before, after, SIGNATURES[which]);
    }

    #[test]
    fn no_text_stops_the_reading_of_a_signature(text in ".{0,80}", calls in "[a-z(),0-9 \\[\\]]{0,60}") {
        let _ = Signature::parse(&text);
        let _ = Signature::parse(&format!("f({calls})"));
    }
}

#[test]
fn signatures_have_one_spelling_and_a_bound() {
    for (text, canonical) in [
        ("claim()", "claim()"),
        (
            "castVote(uint256 id, uint8 support)",
            "castVote(uint256,uint8)",
        ),
        (
            "f((address,uint256) order,bytes32[] proof)",
            "f((address,uint256),bytes32[])",
        ),
        ("$_1(string)", "$_1(string)"),
        ("f((uint256) x)", "f((uint256))"),
        (
            "pay(( address to , (uint8 a, bool) b)[] orders, (bytes32)[2])",
            "pay((address,(uint8,bool))[],(bytes32)[2])",
        ),
    ] {
        let signature = Signature::parse(text).unwrap();
        assert_eq!(signature.canonical(), canonical);
        assert_eq!(signature.selector(), keccak256(canonical)[..4]);
    }
    for text in [
        "",
        "f",
        "f(",
        "f)",
        "(uint256)",
        "1f()",
        "f(uint)",
        "f(uint256,)",
        "f(uint256 a, bool a)",
        "f(uint7)",
        "f(bytes33)",
        "f(bytes[])",
        "f(string[2])",
        "f(uint256[][])",
        "f((bytes,bool)[])",
        "f(uint256[0])",
        "f(uint256[65])",
        "f(uint256[4294967295])",
        "f(())",
        "f(function)",
        "f(bytes calldata x)",
        "f(uint256 é)",
        "f(uint256))",
        "f((uint256)",
        "f(uint256[40] a, uint256[40] b)",
        "f(Order order)",
        "f((uint256,) x)",
        "f((address a, bool a) x)",
        "f((address a)x)",
        "f((address a)[0] x)",
        "f((address a)(bool b) x)",
        "f((bytes a)[] x)",
    ] {
        assert!(Signature::parse(text).is_err(), "{text}");
    }
    let deep = format!("f({}uint256{})", "(".repeat(30), ")".repeat(30));
    assert!(Signature::parse(&deep).is_err());
    let many = format!("f({})", vec!["bool"; 33].join(","));
    assert!(Signature::parse(&many).is_err());
    assert!(Signature::parse(&"(".repeat(100_000)).is_err());
}

/// What the tables of tokens and of control know by its selector on registered contracts.
#[test]
fn what_decoders_know_by_selector_alone_is_never_vouched_for() {
    for signature in [
        "transfer(address,uint256)",
        "approve(address,uint256)",
        "setApprovalForAll(address,bool)",
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
        "transferOwnership(address)",
        "delegate(address)",
        "upgradeToAndCall(address,bytes)",
        "execute(address,uint256,bytes)",
        "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)",
        // Mined to have the selector of setApprovalForAll(address,bool).
        "join_tg_invmru_haha_fd06787(address,bool)",
    ] {
        let selector = keccak256(signature)[..4].try_into().unwrap();
        assert!(holdfast_core::function::never(selector), "{signature}");
    }
    let selector = keccak256("castVote(uint256,uint8)")[..4]
        .try_into()
        .unwrap();
    assert!(!holdfast_core::function::never(selector));
}
