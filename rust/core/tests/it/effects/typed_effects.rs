//! The table of typed-data documents and their effects.

use alloy_primitives::{address, Address};
use holdfast_core::asset::{Asset, Registry, Standard};
use holdfast_core::chain::ChainId;
use holdfast_core::effects::{decode, Effect, EffectKind};
use holdfast_core::request::{self, Body};
use serde::Deserialize;

use super::unchanged::Subject;
use crate::support::{calls, tables, typed};

const ME: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const CHAIN: ChainId = ChainId::new(31337);
const NAMES: [(&str, &str); 8] = [
    ("$permit2", "0x000000000022D473030F116dDEE9F6B43aC78BA3"),
    ("$me", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    ("$bob", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    ("$eve", "0x90F79bf6EB2c4f870365E785982E1f101E93b906"),
    ("$usdc", "0x5FbDB2315678afecb367f032d93F642f64180aa3"),
    ("$zero", "0x0000000000000000000000000000000000000000"),
    (
        "$word",
        "0x00000000000000000000000000000000000000000000000000000000deadbeef",
    ),
    (
        "$max",
        "115792089237316195423570985008687907853269984665640564039457584007913129639935",
    ),
];
const AUTHORIZATION: &str =
    "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce";
const DETAILS: (&str, &str) = (
    "PermitDetails",
    "address token,uint160 amount,uint48 expiration,uint48 nonce",
);
const PERMISSIONS: (&str, &str) = ("TokenPermissions", "address token,uint256 amount");
const WITNESS: (&str, &str) = ("Witness", "address to,uint256 validAfter");

/// The members of a type of the table and the types below it.
fn members(name: &str) -> (&'static str, Vec<(&'static str, &'static str)>) {
    match name {
        "TransferWithAuthorization" | "ReceiveWithAuthorization" => (AUTHORIZATION, vec![]),
        "TransferWithAuthorization/look-alike" => (
            "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore",
            vec![],
        ),
        "CancelAuthorization" => ("address authorizer,bytes32 nonce", vec![]),
        "Permit" => (
            "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
            vec![],
        ),
        "Permit/dai" => (
            "address holder,address spender,uint256 nonce,uint256 expiry,bool allowed",
            vec![],
        ),
        "PermitSingle" => (
            "PermitDetails details,address spender,uint256 sigDeadline",
            vec![DETAILS],
        ),
        "PermitBatch" => (
            "PermitDetails[] details,address spender,uint256 sigDeadline",
            vec![DETAILS],
        ),
        "PermitTransferFrom" => (
            "TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline",
            vec![PERMISSIONS],
        ),
        "PermitBatchTransferFrom" => (
            "TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline",
            vec![PERMISSIONS],
        ),
        "PermitWitnessTransferFrom" => (
            "TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Witness witness",
            vec![PERMISSIONS, WITNESS],
        ),
        "PermitWitnessTransferFrom/look-alike" => (
            "TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Witness witness",
            vec![("TokenPermissions", "address token,uint128 amount"), WITNESS],
        ),
        "PermitBatchWitnessTransferFrom" => (
            "TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline,Witness witness",
            vec![PERMISSIONS, WITNESS],
        ),
        other => panic!("no type {other}"),
    }
}

#[derive(Deserialize)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    r#type: String,
    #[serde(default = "usdc")]
    contract: String,
    message: String,
    #[serde(default)]
    effects: Vec<String>,
    #[serde(default)]
    warnings: Vec<String>,
    denied: Option<String>,
    /// The contract of the one opaque effect.
    opaque: Option<String>,
}

fn usdc() -> String {
    "$usdc".to_owned()
}

fn spelled(text: &str) -> String {
    NAMES.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(name, value)
    })
}

fn type_json(name: &str, members: &str) -> String {
    let members = members.split(',').map(|member| {
        let (kind, name) = member.split_once(' ').unwrap();
        format!(r#"{{"name":"{name}","type":"{kind}"}}"#)
    });
    format!(r#""{name}":[{}]"#, members.collect::<Vec<_>>().join(","))
}

fn document(case: &Case) -> String {
    let (own, below) = members(&case.r#type);
    let primary = case.r#type.split('/').next().unwrap();
    let mut types = vec![type_json(primary, own)];
    types.extend(below.iter().map(|(name, members)| type_json(name, members)));
    format!(
        r#"{{"types":{{{}}},"primaryType":"{primary}","domain":{{"name":"A token","version":"1","chainId":{CHAIN},"verifyingContract":"{}"}},"message":{}}}"#,
        types.join(","),
        spelled(&case.contract),
        spelled(&case.message)
    )
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.insert(Asset {
        id: "usdc".to_owned(),
        chain_id: CHAIN,
        address: Some(spelled("$usdc").parse().unwrap()),
        standard: Standard::Erc20,
        symbol: "USDC".to_owned(),
        decimals: 6,
    });
    registry
}

fn written(effect: &Effect) -> String {
    assert_eq!((effect.chain_id, effect.from), (CHAIN, ME));
    let asset = effect.asset.as_ref().map_or("-", |asset| &asset.id);
    let to = effect.to.unwrap_or_default();
    let mut words = format!("{} {asset} {} {to}", effect.kind.as_str(), effect.amount);
    if effect.unlimited {
        words += " unlimited";
    }
    if let Some(expires) = effect.expires {
        assert_eq!(expires % 1_000, 0);
        words += &format!(" until {}", expires / 1_000);
    }
    words
}

fn body(case: &Case) -> Body {
    let params = format!("[\"{ME}\",{}]", document(case));
    let request = request::parse("eth_signTypedData_v4", params.as_bytes());
    request
        .unwrap_or_else(|fault| panic!("{}: {fault}", case.name))
        .body
}

fn table() -> Table {
    toml::from_str(include_str!("../../data/typed_effects.toml")).unwrap()
}

/// Every document of the table by its name.
pub fn subjects() -> Vec<Subject> {
    let subject = |case: &Case| Subject {
        name: case.name.clone(),
        body: body(case),
        chain_id: CHAIN,
        registry: registry(),
    };
    table().case.iter().map(subject).collect()
}

#[test]
fn documents_have_the_effects_of_the_table() {
    for case in table().case {
        let decoded = match decode(&body(&case), CHAIN.at(ME), &registry()) {
            Ok(decoded) => decoded,
            Err(denial) => {
                assert_eq!(
                    Some(denial.code.as_str()),
                    case.denied.as_deref(),
                    "{}",
                    case.name
                );
                continue;
            }
        };
        assert_eq!(case.denied, None, "{}", case.name);
        let codes: Vec<&str> = decoded
            .warnings
            .iter()
            .map(|warning| warning.code.as_str())
            .collect();
        assert_eq!(codes, case.warnings, "{}", case.name);
        assert_eq!(decoded.opaque, case.opaque.is_some(), "{}", case.name);
        if let Some(contract) = &case.opaque {
            assert_eq!(decoded.effects.len(), 1, "{}", case.name);
            let effect = &decoded.effects[0];
            assert_eq!(effect.kind, EffectKind::TypedData, "{}", case.name);
            assert_eq!(effect.to, Some(spelled(contract).parse().unwrap()));
            continue;
        }
        let found: Vec<String> = decoded.effects.iter().map(written).collect();
        let wanted: Vec<String> = case.effects.iter().map(|effect| spelled(effect)).collect();
        assert_eq!(found, wanted, "{}", case.name);
    }
}

fn faults(table: &typed::Table, calls: &calls::Table) -> Vec<String> {
    let cases = table.case.iter();
    cases.filter_map(|case| fault(table, calls, case)).collect()
}

#[test]
fn every_document_of_the_tables_does_what_is_written() {
    let mut wrong = Vec::new();
    for (name, source) in tables("typed") {
        let (table, calls) = typed::Table::read(&source);
        let count = table.case.len();
        assert!(table.least > 0, "{name} does not say `least`");
        assert!(count >= table.least, "{name} has only {count} cases");
        let faults = faults(&table, &calls);
        wrong.extend(faults.iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn fault(table: &typed::Table, calls: &calls::Table, case: &typed::Case) -> Option<String> {
    let found = table.decode(case, calls);
    let told = match (&found, &case.denied) {
        (Err(denial), Some(code)) if denial.code.as_str() == code => return None,
        (Ok(found), None) => {
            let unexplained = calls::Table::unexplained(found);
            assert!(unexplained.is_empty(), "{}: {unexplained:?}", case.name);
            let written = |effect: &Effect| {
                let until = effect.expires.map(|ms| format!(" until {}", ms / 1_000));
                calls.written(effect) + &until.unwrap_or_default()
            };
            let effects: Vec<String> = found.effects.iter().map(written).collect();
            let warnings: Vec<&str> = found.warnings.iter().map(|w| w.code.as_str()).collect();
            let lines: Vec<String> = found
                .display
                .iter()
                .map(|f| format!("{}: {}", f.label, f.value))
                .collect();
            let missing = case.shows.iter().filter(|line| !lines.contains(line));
            let missing: Vec<&String> = missing.collect();
            if effects == case.effects
                && warnings == case.warnings
                && found.opaque == case.opaque
                && missing.is_empty()
            {
                return None;
            }
            format!(
                "effects = {effects:?}\n  warnings = {warnings:?}\n  opaque = {}\n  not shown {missing:?} of {lines:#?}",
                found.opaque
            )
        }
        _ => format!("{found:?}"),
    };
    Some(format!("{}:\n  {told}", case.name))
}

#[test]
fn every_leaf_of_a_high_tree_of_orders_counts() {
    // Types with more dimensions are refused before.
    const HEIGHT: usize = 4;
    let source = include_str!("../../data/typed/seaport.toml");
    let (head, _) = source.split_once("[[case]]").unwrap();
    let (types, bulk) = head.split_once("bulk2 = ").unwrap();
    let bulk = bulk.replacen("[2][2]", &"[2]".repeat(HEIGHT), 1);
    let leaf = r#"{ offerer = "me", endTime = 1790000000, offer = [{ itemType = 2, token = "nft", identifierOrCriteria = 5, startAmount = 1, endAmount = 1 }], consideration = [{ startAmount = 6, endAmount = 6, recipient = "me" }] }"#;
    let tree = (0..HEIGHT).fold(leaf.to_owned(), |below, _| format!("[{below}, {below}]"));
    let case = format!(
        r#"
[[case]]
name = "a high tree"
type = "bulk2"
contract = "seaport"
effects = ["order nft 16 seaport until 1790000000"]
shows = ["Give in all: 16 NFT", "Order: 16 of 16"]
message = {{ tree = {tree} }}
"#
    );
    let (table, calls) = typed::Table::read(&format!("{types}bulk2 = {bulk}{case}"));
    let wrong = faults(&table, &calls);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
