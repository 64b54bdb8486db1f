//! Function signatures as descriptors write them: `swap(address to, (uint256 a, bytes b)[] parts)`.

use alloy_dyn_abi::Specifier as _;
use alloy_json_abi::{Function, InternalType, Param, StateMutability};
use serde_json::Value;

use super::string;

const PARAMS_MAX: usize = 128;
/// Of a function and all of its tuples.
const PARAMS_IN_ALL_MAX: usize = 1_024;
const DEPTH_MAX: usize = 16;
const DIMENSIONS_MAX: usize = 8;

/// The function of a signature with or without names; a tuple may begin with `tuple`.
pub(super) fn parse(text: &str) -> Option<Function> {
    let text = text.trim();
    let text = text.strip_prefix("function ").unwrap_or(text);
    let open = text.find('(')?;
    let (name, rest) = text.split_at_checked(open)?;
    let (inner, rest) = enclosed(rest)?;
    let plain = name
        .chars()
        .all(|one| one.is_ascii_alphanumeric() || one == '_' || one == '$');
    if name.is_empty() || !plain || rest.contains('(') && !rest.contains("returns") {
        return None;
    }
    sound(name, params(inner, 0)?)
}

/// A function of an ABI, of which only name and inputs are read.
pub(super) fn of_abi(item: &Value) -> Option<Function> {
    if string(item, "type") != Some("function") {
        return None;
    }
    let inputs: Vec<Param> = serde_json::from_value(item.get("inputs")?.clone()).ok()?;
    sound(string(item, "name")?, inputs)
}

fn sound(name: &str, inputs: Vec<Param>) -> Option<Function> {
    let function = Function {
        name: name.to_owned(),
        inputs,
        outputs: Vec::new(),
        state_mutability: StateMutability::Payable,
    };
    is_sound(&function).then_some(function)
}

/// Whether every type of it is one, and none is built to exhaust whoever decodes it.
fn is_sound(function: &Function) -> bool {
    let mut left = PARAMS_IN_ALL_MAX;
    function
        .inputs
        .iter()
        .all(|param| is_bounded(param, &mut left, 0) && param.resolve().is_ok())
}

fn is_bounded(param: &Param, left: &mut usize, depth: usize) -> bool {
    let Some(rest) = left.checked_sub(1) else {
        return false;
    };
    *left = rest;
    let inner = depth.saturating_add(1);
    depth < DEPTH_MAX
        && param.ty.matches('[').count() <= DIMENSIONS_MAX
        && param
            .components
            .iter()
            .all(|one| is_bounded(one, left, inner))
}

/// `go(Order order,address to)`: version 1 also writes structs by their names, without spaces here.
pub(super) fn with_struct_names(function: &Function) -> String {
    let each = function.inputs.iter().map(|param| {
        let kind = match &param.internal_type {
            Some(InternalType::Struct { ty, .. }) => ty.as_str(),
            _ => param.ty.as_str(),
        };
        format!("{kind}{}", param.name)
    });
    let inputs: Vec<String> = each.collect();
    format!("{}({})", function.name, inputs.join(","))
}

/// What is within the brackets that `text` begins with, and what follows them.
fn enclosed(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth = depth.checked_add(1)?,
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some((text.get(1..at)?, text.get(at.checked_add(1)?..)?));
        }
    }
    None
}

fn params(text: &str, depth: usize) -> Option<Vec<Param>> {
    if depth > DEPTH_MAX {
        return None;
    }
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = comma(rest);
        let (one, after) = rest.split_at_checked(end)?;
        found.push(param(one.trim(), depth)?);
        rest = after.strip_prefix(',').unwrap_or(after).trim();
        if found.len() > PARAMS_MAX {
            return None;
        }
    }
    Some(found)
}

/// Where the first comma outside of brackets is, or the end.
fn comma(text: &str) -> usize {
    let mut depth = 0i32;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

fn param(text: &str, depth: usize) -> Option<Param> {
    let tuple = text.strip_prefix("tuple").unwrap_or(text);
    let (kind, components, words) = if tuple.starts_with('(') {
        let (inner, rest) = enclosed(tuple)?;
        let end = rest.find(' ').unwrap_or(rest.len());
        let (brackets, words) = rest.split_at_checked(end)?;
        let components = params(inner, depth.checked_add(1)?)?;
        (format!("tuple{brackets}"), components, words)
    } else {
        let end = text.find(' ').unwrap_or(text.len());
        let (kind, words) = text.split_at_checked(end)?;
        let kind = match kind {
            "uint" => "uint256",
            "int" => "int256",
            other => other,
        };
        (kind.to_owned(), Vec::new(), words)
    };
    // Between type and name may stand `calldata`, `memory` or `payable`.
    let name = words.split_whitespace().last().unwrap_or_default();
    Some(Param {
        ty: kind,
        name: name.to_owned(),
        components,
        internal_type: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn signatures_keep_their_types_and_names() {
        let function =
            parse("swap(address to, (uint256 a,(bytes b, uint8)[2] c)[] parts)").unwrap();
        assert_eq!(
            function.signature(),
            "swap(address,(uint256,(bytes,uint8)[2])[])"
        );
        assert_eq!(function.inputs.last().unwrap().name, "parts");
        let transfer = parse("function transfer(address,uint256 amount)").unwrap();
        assert_eq!(transfer.selector().0, [0xa9, 0x05, 0x9c, 0xbb]);
        assert_eq!(parse("f()").unwrap().inputs.len(), 0);
        for bad in [
            "",
            "f",
            "f(",
            "f(address",
            "(address)",
            "f g(address)",
            "f(order o)",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn types_that_nobody_needs_are_no_function() {
        let deep = format!("f(uint256{} a)", "[]".repeat(100_000));
        let nested = format!("f({}uint256{} a)", "(".repeat(40), ")".repeat(40));
        let many = format!("f({})", vec!["uint256 a"; 200].join(","));
        for bad in [deep, nested, many] {
            assert_eq!(parse(&bad), None);
        }
    }
}
