//! Tables of typed data: `[types]` are `encodeType` strings by name; a case gives a message with the
//! names of the table of calls. Members a message leaves out are zero.

use std::collections::BTreeMap;

use alloy_primitives::hex;
use holdfast_core::effects::{decode, Decoded, Denial};
use holdfast_core::request::{self, Body};
use serde::Deserialize;
use toml::{Table as Members, Value};

use super::calls::{Table as Calls, CHAIN, WALLET};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// A file that lost its cases must not pass.
    #[serde(default)]
    pub least: usize,
    #[serde(default)]
    names: BTreeMap<String, String>,
    #[serde(default)]
    contracts: BTreeMap<String, String>,
    types: BTreeMap<String, String>,
    pub case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    /// A name of `[types]`.
    r#type: String,
    /// The contract that verifies it.
    contract: String,
    #[serde(default)]
    message: Members,
    pub denied: Option<String>,
    /// `kind asset amount to [unlimited] [until seconds]`
    #[serde(default)]
    pub effects: Vec<String>,
    #[serde(default)]
    pub warnings: Vec<String>,
    #[serde(default)]
    pub opaque: bool,
    /// Lines a person must see, `Label: value`.
    #[serde(default)]
    pub shows: Vec<String>,
}

/// Structs by name, in the order of the type; members as (kind, name).
type Structs<'t> = Vec<(&'t str, Vec<(&'t str, &'t str)>)>;

impl Table {
    pub fn read(source: &str) -> (Self, Calls) {
        let table: Self = toml::from_str(source).unwrap();
        let mut calls = Members::new();
        calls.insert("case".to_owned(), Value::Array(Vec::new()));
        let mut insert = |key: &str, pairs: &BTreeMap<String, String>| {
            let pairs = pairs.iter();
            let members = pairs.map(|(name, word)| (name.clone(), Value::String(word.clone())));
            calls.insert(key.to_owned(), Value::Table(members.collect()));
        };
        insert("names", &table.names);
        insert("contracts", &table.contracts);
        let calls = Calls::read(&toml::to_string(&calls).unwrap());
        (table, calls)
    }

    pub fn decode(&self, case: &Case, calls: &Calls) -> Result<Decoded, Denial> {
        decode(&self.body(case, calls), CHAIN.at(WALLET), &calls.registry)
    }

    pub fn body(&self, case: &Case, calls: &Calls) -> Body {
        let text = self.types.get(&case.r#type);
        let text = text.unwrap_or_else(|| panic!("no type {}", case.r#type));
        let structs = structs(text);
        let primary = structs[0].0;
        let types = structs.iter().map(|(name, members)| {
            let members = members.iter();
            let members =
                members.map(|(kind, name)| format!(r#"{{"name":"{name}","type":"{kind}"}}"#));
            format!(r#""{name}":[{}]"#, members.collect::<Vec<_>>().join(","))
        });
        let message = Value::Table(case.message.clone());
        let document = format!(
            r#"{{"types":{{{}}},"primaryType":"{primary}","domain":{{"name":"A contract","chainId":{CHAIN},"verifyingContract":"{}"}},"message":{}}}"#,
            types.collect::<Vec<_>>().join(","),
            calls.address(&case.contract),
            spelled(primary, Some(&message), &structs, calls)
        );
        let params = format!("[\"{WALLET}\",{document}]");
        let request = request::parse("eth_signTypedData_v4", params.as_bytes())
            .unwrap_or_else(|fault| panic!("{}: {fault}\n{document}", case.name));
        request.body
    }
}

fn structs(text: &str) -> Structs<'_> {
    let each = text.split_terminator(')').map(|one| {
        let (name, members) = one.split_once('(').unwrap();
        let members = members.split(',').filter(|member| !member.is_empty());
        (
            name,
            members.map(|one| one.split_once(' ').unwrap()).collect(),
        )
    });
    each.collect()
}

/// A value of this kind as JSON.
fn spelled(kind: &str, value: Option<&Value>, structs: &Structs<'_>, calls: &Calls) -> String {
    if let Some(stem) = kind.strip_suffix(']') {
        let (stem, _) = stem.rsplit_once('[').unwrap();
        let items = value.map_or(&[][..], |value| value.as_array().unwrap());
        let items = items.iter();
        let items = items.map(|item| spelled(stem, Some(item), structs, calls));
        return format!("[{}]", items.collect::<Vec<_>>().join(","));
    }
    if let Some((_, members)) = structs.iter().find(|(name, _)| *name == kind) {
        let given = value.map(|value| value.as_table().unwrap());
        for name in given.into_iter().flat_map(Members::keys) {
            assert!(
                members.iter().any(|(_, one)| one == name),
                "no member {name}"
            );
        }
        let members = members.iter().map(|(kind, name)| {
            let value = given.and_then(|given| given.get(*name));
            format!(r#""{name}":{}"#, spelled(kind, value, structs, calls))
        });
        return format!("{{{}}}", members.collect::<Vec<_>>().join(","));
    }
    match (kind, value) {
        ("address", None) => format!("\"0x{}\"", "0".repeat(40)),
        ("address", Some(Value::String(name))) => format!("\"{}\"", calls.address(name)),
        ("bool", value) => value
            .is_some_and(|value| value.as_bool().unwrap())
            .to_string(),
        ("string", None) => "\"\"".to_owned(),
        ("bytes", None) => "\"0x\"".to_owned(),
        ("bytes", Some(Value::Table(call))) => {
            let args = call.get("args").and_then(Value::as_array).cloned();
            let signature = call["call"].as_str().unwrap();
            let data = calls.call(signature, &args.unwrap_or_default());
            format!("\"{}\"", hex::encode_prefixed(data))
        }
        ("bytes32", None) => format!("\"0x{}\"", "0".repeat(64)),
        (_, None) => "\"0\"".to_owned(),
        (_, Some(Value::Integer(number))) => format!("\"{number}\""),
        (_, Some(Value::String(text))) if text == "max" => {
            format!("\"{}\"", alloy_primitives::U256::MAX)
        }
        (_, Some(Value::String(text))) => format!("\"{text}\""),
        _ => panic!("{kind} cannot be {value:?}"),
    }
}
