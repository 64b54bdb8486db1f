//! Descriptor files: read once, with their includes merged in.
//!
//! Whoever writes a descriptor can write anything, so all of it is bounded: a file, what is kept of
//! all files together, and what the same include can be merged into.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::{string, Fault};

const INCLUDES_MAX: usize = 8;
const FILE_BYTES_MAX: usize = 1 << 20;
/// Of all files that look like descriptors.
const KEPT_BYTES_MAX: usize = 16 << 20;
/// Of all descriptors with their includes, which many files may share.
const MERGED_BYTES_MAX: usize = 32 << 20;

/// A file as it is, and its size.
struct File {
    value: Value,
    bytes: usize,
}

/// Every descriptor by its path, in the order of paths, with what it includes merged in. What is
/// there only to be included is among them.
pub(super) fn read(files: &[(String, Vec<u8>)], faults: &mut Vec<Fault>) -> Vec<(String, Value)> {
    let parsed = parse(files, faults);
    let mut found = Vec::new();
    let mut left = MERGED_BYTES_MAX;
    for (path, file) in &parsed {
        match included(path, file, &parsed, &mut left, 0) {
            Ok(whole) => found.push((path.clone(), whole)),
            Err(text) => faults.push(Fault::new(path, &text)),
        }
    }
    found
}

fn parse(files: &[(String, Vec<u8>)], faults: &mut Vec<Fault>) -> BTreeMap<String, File> {
    let mut parsed = BTreeMap::new();
    let mut left = KEPT_BYTES_MAX;
    for (path, bytes) in files {
        if bytes.len() > FILE_BYTES_MAX {
            faults.push(Fault::new(path, "larger than 1 MiB"));
            continue;
        }
        let value: Value = match serde_json::from_slice(bytes) {
            Ok(value) => without_nulls(value),
            Err(error) => {
                faults.push(Fault::new(path, &format!("not JSON: {error}")));
                continue;
            }
        };
        let parts = ["context", "display", "includes"];
        if !parts.into_iter().any(|part| value.get(part).is_some()) {
            continue;
        }
        let bytes = bytes.len();
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => {
                faults.push(Fault::new(path, "more than 16 MiB of descriptors"));
                break;
            }
        }
        parsed.insert(normal(path), File { value, bytes });
    }
    parsed
}

/// Tools write members they have nothing to say of as `null`.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let said = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                said.map(|(key, value)| (key, without_nulls(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
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
    file: &File,
    files: &BTreeMap<String, File>,
    left: &mut usize,
    depth: usize,
) -> Result<Value, String> {
    *left = left
        .checked_sub(file.bytes)
        .ok_or_else(|| "more than 32 MiB of descriptors with what they include".to_owned())?;
    let Some(include) = file.value.get("includes") else {
        return Ok(file.value.clone());
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
    let mut whole = included(&wanted, base, files, left, depth.saturating_add(1))?;
    merge(&mut whole, &file.value);
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
    let mut places: HashMap<String, usize> = HashMap::new();
    for (place, field) in base.iter().enumerate() {
        if let Some(path) = string(field, "path") {
            places.entry(path.to_owned()).or_insert(place);
        }
    }
    for field in over.as_array().into_iter().flatten() {
        let place = string(field, "path").and_then(|path| places.get(path));
        match place.and_then(|place| base.get_mut(*place)) {
            Some(old) => merge(old, field),
            None => base.push(field.clone()),
        }
    }
}
