//! One descriptor: what it is about, and which format is for what.

use std::collections::hash_map::Entry;
use std::collections::HashMap;

use alloy_json_abi::Function;
use alloy_primitives::B256;
use serde_json::{Map, Value};

use super::{domain, encode_type, signature, string, Fault};
use crate::chain::{Account, ChainId};
use crate::json::Json;

const DEPLOYMENTS_MAX: usize = 1_024;
const FORMATS_MAX: usize = 1_024;

/// One descriptor with its includes merged in.
#[derive(Debug)]
pub(super) struct Descriptor {
    pub whole: Value,
    pub deployments: Vec<Account>,
    calls: HashMap<[u8; 4], CallFormat>,
    pub documents: Vec<DocumentFormat>,
}

/// How a call is decoded, and the key of its format.
#[derive(Debug)]
struct CallFormat {
    function: Function,
    key: String,
}

#[derive(Debug)]
pub(super) struct DocumentFormat {
    /// The primary type's name.
    pub name: String,
    /// Of `encodeType`, where the descriptor says it.
    pub type_hash: Option<B256>,
    pub key: String,
}

impl Descriptor {
    /// `None` for what is there only to be included, and for what has a fault.
    pub(super) fn compile(path: &str, whole: Value, faults: &mut Vec<Fault>) -> Option<Self> {
        let context = whole.get("context");
        let part = |name: &str| context.and_then(|context| context.get(name));
        let (contract, document) = (part("contract"), part("eip712"));
        let deployments = match deployments(contract, document) {
            Ok(deployments) => deployments,
            Err(text) => {
                faults.push(Fault::new(path, text));
                return None;
            }
        };
        if deployments.is_empty() {
            return None;
        }
        let mut found = Self {
            deployments,
            calls: HashMap::new(),
            documents: Vec::new(),
            whole: Value::Null,
        };
        let none = Map::new();
        let formats = formats(&whole).unwrap_or(&none);
        if formats.len() > FORMATS_MAX {
            faults.push(Fault::new(path, "more than 1,024 formats"));
            return None;
        }
        if contract.is_some() {
            found.add_calls(path, formats.keys(), contract, faults);
        } else {
            let documents = formats.keys().map(|key| DocumentFormat::new(key, document));
            found.documents = documents.collect();
        }
        found.whole = whole;
        Some(found)
    }

    fn add_calls<'k>(
        &mut self,
        path: &str,
        keys: impl Iterator<Item = &'k String>,
        contract: Option<&Value>,
        faults: &mut Vec<Fault>,
    ) {
        let published = published(contract);
        let (mut twice, mut strange) = (Vec::new(), Vec::new());
        for key in keys {
            let known = published.get(&key.replace(' ', "")).cloned();
            let Some(function) = known.or_else(|| signature::parse(key)) else {
                strange.push(key);
                continue;
            };
            match self.calls.entry(function.selector().0) {
                Entry::Occupied(other) => twice.push(*other.key()),
                Entry::Vacant(place) => {
                    let key = key.clone();
                    place.insert(CallFormat { function, key });
                }
            }
        }
        if let Some((first, more)) = strange.split_first() {
            let why = if first.starts_with("0x") {
                "a selector without an ABI"
            } else {
                "not a function"
            };
            let text = format!("{why}: {first}, and {} more", more.len());
            faults.push(Fault::new(path, text.trim_end_matches(", and 0 more")));
        }
        for selector in twice {
            if let Some(first) = self.calls.remove(&selector) {
                let text = format!("two formats for one function: {}", first.key);
                faults.push(Fault::new(path, &text));
            }
        }
    }

    /// The function of this selector and its format.
    pub(super) fn call(&self, selector: [u8; 4]) -> Option<(&Function, &Value)> {
        let found = self.calls.get(&selector)?;
        Some((&found.function, self.format(&found.key)?))
    }

    /// The member of a document's domain that is not what this is for.
    pub(super) fn misfit(&self, document: &Json<'_>) -> Option<String> {
        domain::misfit(self.whole.get("context")?.get("eip712")?, document)
    }

    /// The format of this key.
    pub(super) fn format(&self, key: &str) -> Option<&Value> {
        formats(&self.whole)?.get(key)
    }
}

impl DocumentFormat {
    /// A key is what `encodeType` gives, or in version 1 the name of a type of the schemas.
    fn new(key: &str, document: Option<&Value>) -> Self {
        let name = key.split('(').next().unwrap_or_default().trim();
        let type_hash = if key.contains('(') {
            encode_type::hash(key)
        } else {
            document.and_then(|document| encode_type::of_schema(document.get("schemas")?, name))
        };
        Self {
            name: name.to_owned(),
            type_hash,
            key: key.to_owned(),
        }
    }
}

fn formats(whole: &Value) -> Option<&Map<String, Value>> {
    whole.get("display")?.get("formats")?.as_object()
}

/// Chain and address of everything the descriptor is about; nothing for an interface that others
/// include. What only events or a domain without a contract could tell is a fault.
fn deployments(
    contract: Option<&Value>,
    document: Option<&Value>,
) -> Result<Vec<Account>, &'static str> {
    let mut found = Vec::new();
    let mut listed = 0usize;
    for part in [contract, document].into_iter().flatten() {
        let deployments = part.get("deployments").and_then(Value::as_array);
        let each = deployments.into_iter().flatten();
        listed = listed.saturating_add(deployments.map_or(0, Vec::len));
        found.extend(each.filter_map(|one| account(one, "address")));
    }
    if listed > DEPLOYMENTS_MAX {
        return Err("more than 1,024 deployments");
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let domain = document.and_then(|document| document.get("domain"));
    if let Some(one) = domain.and_then(|domain| account(domain, "verifyingContract")) {
        return Ok(vec![one]);
    }
    let says = |part: Option<&Value>, names: &[&str]| {
        part.is_some_and(|part| names.iter().any(|name| part.get(name).is_some()))
    };
    if listed > 0 {
        Err("no deployment has a chain and an address")
    } else if says(contract, &["factory", "addressMatcher"]) {
        Err("bound by a factory or a matcher: only a chain could tell what it is about")
    } else if says(document, &["domain", "domainSeparator"]) {
        Err("bound to no contract on a chain")
    } else {
        Ok(found)
    }
}

fn account(value: &Value, address: &str) -> Option<Account> {
    let chain_id = match value.get("chainId")? {
        Value::String(text) => text.parse().ok()?,
        other => other.as_u64()?,
    };
    let address = string(value, address)?.to_ascii_lowercase().parse().ok()?;
    Some(ChainId::new(chain_id).at(address))
}

/// The functions of the ABI of a version 1 file, by selector and by every way to write them.
fn published(contract: Option<&Value>) -> HashMap<String, Function> {
    let abi = contract.and_then(|contract| contract.get("abi")?.as_array());
    let mut found = HashMap::new();
    for item in abi.into_iter().flatten().take(FORMATS_MAX) {
        if let Some(function) = signature::of_abi(item) {
            let names = [
                function.selector().to_string(),
                function.signature(),
                signature::with_struct_names(&function),
            ];
            for name in names {
                found.entry(name).or_insert_with(|| function.clone());
            }
        }
    }
    found
}
