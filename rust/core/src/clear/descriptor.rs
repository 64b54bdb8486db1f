//! Descriptor files: includes, deployments and formats.

use std::collections::BTreeMap;

use alloy_json_abi::Function;
use alloy_primitives::{keccak256, Address, B256};
use serde_json::{Map, Value};

use super::{signature, string};
use crate::text::display_safe;

const INCLUDES_MAX: usize = 8;
const FILE_BYTES_MAX: usize = 1 << 20;
const WORDS_MAX: usize = 200;

/// A file that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its path as given, display-safe.
    pub path: String,
    /// Words.
    pub text: String,
}

/// One descriptor with its includes merged in.
#[derive(Debug)]
pub(super) struct Descriptor {
    pub whole: Value,
    pub deployments: Vec<(u64, Address)>,
    pub calls: Vec<([u8; 4], CallFormat)>,
    pub documents: Vec<DocumentFormat>,
}

#[derive(Clone, Debug)]
pub(super) struct CallFormat {
    pub function: Function,
    pub format: Value,
}

#[derive(Clone, Debug)]
pub(super) struct DocumentFormat {
    /// The primary type's name.
    pub name: String,
    /// Of `encodeType`, when the key is that.
    pub type_hash: Option<B256>,
    pub format: Value,
}

/// Every file that is about something deployed, in the order of paths.
pub(super) fn read(files: &[(String, Vec<u8>)], faults: &mut Vec<Fault>) -> Vec<Descriptor> {
    let mut parsed: BTreeMap<String, Value> = BTreeMap::new();
    for (path, bytes) in files {
        if bytes.len() > FILE_BYTES_MAX {
            faults.push(fault(path, "larger than 1 MiB"));
            continue;
        }
        match serde_json::from_slice(bytes) {
            Ok(value) => {
                parsed.insert(normal(path), value);
            }
            Err(error) => faults.push(fault(path, &format!("not JSON: {error}"))),
        }
    }
    let mut found = Vec::new();
    for (path, value) in &parsed {
        if value.get("context").is_none() || deployments(value).is_empty() {
            continue;
        }
        match included(path, value, &parsed, 0) {
            Ok(whole) => found.push(compile(path, whole, faults)),
            Err(text) => faults.push(fault(path, &text)),
        }
    }
    found
}

fn fault(path: &str, text: &str) -> Fault {
    Fault {
        path: display_safe(path, WORDS_MAX),
        text: display_safe(text, WORDS_MAX),
    }
}

/// `a/b/../c` as `a/c`; what leads out of the folder keeps its `..`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

fn included(
    path: &str,
    value: &Value,
    files: &BTreeMap<String, Value>,
    depth: usize,
) -> Result<Value, String> {
    let Some(include) = value.get("includes") else {
        return Ok(value.clone());
    };
    let Some(include) = include.as_str() else {
        return Err("`includes` must be a path".to_owned());
    };
    if depth >= INCLUDES_MAX {
        return Err("includes go too deep".to_owned());
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let wanted = normal(&format!("{folder}/{include}"));
    let Some(base) = files.get(&wanted) else {
        return Err(format!("includes {include}, which is not there"));
    };
    let mut whole = included(&wanted, base, files, depth.saturating_add(1))?;
    merge(&mut whole, value);
    Ok(whole)
}

/// Lays `over` on `base`; entries of `fields` with the same path become one.
fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                match base.get_mut(key) {
                    Some(Value::Array(old)) if key == "fields" => merge_fields(old, value),
                    Some(old) => merge(old, value),
                    None => {
                        base.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}

fn merge_fields(base: &mut Vec<Value>, over: &Value) {
    for field in over.as_array().into_iter().flatten() {
        let path = string(field, "path");
        let same = base
            .iter_mut()
            .find(|old| path.is_some() && string(old, "path") == path);
        match same {
            Some(old) => merge(old, field),
            None => base.push(field.clone()),
        }
    }
}

/// (chain, address) of every deployment, of a contract or of a verifying one.
fn deployments(value: &Value) -> Vec<(u64, Address)> {
    let context = value.get("context");
    let part = |name: &str| context.and_then(|context| context.get(name)?.get("deployments"));
    let listed = ["contract", "eip712"].into_iter().filter_map(part);
    let each = listed.filter_map(Value::as_array).flatten();
    each.filter_map(|one| {
        let address = string(one, "address")?.to_ascii_lowercase().parse().ok()?;
        Some((one.get("chainId")?.as_u64()?, address))
    })
    .collect()
}

fn compile(path: &str, whole: Value, faults: &mut Vec<Fault>) -> Descriptor {
    let mut found = Descriptor {
        deployments: deployments(&whole),
        calls: Vec::new(),
        documents: Vec::new(),
        whole: Value::Null,
    };
    let of_calls = whole
        .get("context")
        .is_some_and(|c| c.get("contract").is_some());
    let formats = whole
        .get("display")
        .and_then(|display| display.get("formats"));
    let none = Map::new();
    for (key, format) in formats.and_then(Value::as_object).unwrap_or(&none) {
        if !of_calls {
            found.documents.push(document(key, format));
        } else if let Some(function) = function(key, &whole) {
            let format = format.clone();
            let selector = function.selector().0;
            found
                .calls
                .push((selector, CallFormat { function, format }));
        } else {
            faults.push(fault(path, &format!("not a function: {key}")));
        }
    }
    found.whole = whole;
    found
}

fn document(key: &str, format: &Value) -> DocumentFormat {
    let name = key.split('(').next().unwrap_or_default().to_owned();
    DocumentFormat {
        name,
        type_hash: key.contains('(').then(|| keccak256(key.as_bytes())),
        format: format.clone(),
    }
}

/// A function from its signature, or from its selector and the ABI of a version 1 file.
fn function(key: &str, whole: &Value) -> Option<Function> {
    let from_abi = || {
        let abi = whole
            .get("context")?
            .get("contract")?
            .get("abi")?
            .as_array()?;
        abi.iter().find_map(|item| {
            let function: Function = serde_json::from_value(item.clone()).ok()?;
            let same = key == function.selector().to_string()
                || key.replace(' ', "") == function.signature();
            same.then_some(function)
        })
    };
    from_abi().or_else(|| signature::parse(key))
}
