//! The data of a request as a tree with names, whatever it came in.

use alloy_dyn_abi::{DynSolValue, JsonAbiExt as _, Specifier as _};
use alloy_json_abi::{Function, Param};
use alloy_primitives::{Address, I256, U256};

use super::weight;
use crate::json::Json;

const DEPTH_MAX: usize = 32;

/// A value of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Uint(U256),
    Int(I256),
    Bool(bool),
    Address(Address),
    Bytes(Vec<u8>),
    Text(String),
    List(Vec<Node>),
    Struct(Vec<(String, Node)>),
}

/// The arguments of a call; `None` when they do not decode.
pub(super) fn of_call(function: &Function, arguments: &[u8]) -> Option<Node> {
    let kinds = function.inputs.iter().map(|param| param.resolve().ok());
    let kinds = kinds.collect::<Option<Vec<_>>>()?;
    if !weight::is_light(&kinds, arguments) {
        return None;
    }
    let values = function.abi_decode_input(arguments).ok()?;
    Some(named(&function.inputs, values))
}

fn named(params: &[Param], values: Vec<DynSolValue>) -> Node {
    let pairs = params.iter().zip(values);
    Node::Struct(
        pairs
            .map(|(param, value)| (param.name.clone(), node(&param.components, value)))
            .collect(),
    )
}

fn node(components: &[Param], value: DynSolValue) -> Node {
    match value {
        DynSolValue::Bool(value) => Node::Bool(value),
        DynSolValue::Int(value, _) => Node::Int(value),
        DynSolValue::Uint(value, _) => Node::Uint(value),
        DynSolValue::FixedBytes(word, length) => {
            Node::Bytes(word.get(..length).unwrap_or_default().to_vec())
        }
        DynSolValue::Address(address) => Node::Address(address),
        DynSolValue::Function(function) => Node::Bytes(function.to_vec()),
        DynSolValue::Bytes(bytes) => Node::Bytes(bytes),
        DynSolValue::String(text) => Node::Text(text),
        DynSolValue::Array(items) | DynSolValue::FixedArray(items) => Node::List(
            items
                .into_iter()
                .map(|item| node(components, item))
                .collect(),
        ),
        DynSolValue::Tuple(values) | DynSolValue::CustomStruct { tuple: values, .. } => {
            named(components, values)
        }
    }
}

/// The message of a canonical document.
pub(super) fn of_document(document: &Json<'_>, primary: &str) -> Option<Node> {
    let types = document.get("types")?;
    typed(types, primary, document.get("message")?, 0)
}

fn typed(types: &Json<'_>, kind: &str, value: &Json<'_>, depth: usize) -> Option<Node> {
    let deeper = depth.checked_add(1).filter(|deeper| *deeper < DEPTH_MAX)?;
    if let Some(item) = kind
        .strip_suffix(']')
        .and_then(|kind| kind.rsplit_once('['))
    {
        let items = value.as_array()?.iter();
        let nodes = items.map(|one| typed(types, item.0, one, deeper));
        return nodes.collect::<Option<Vec<_>>>().map(Node::List);
    }
    if let Some(members) = types.get(kind) {
        let pairs = members.as_array()?.iter().map(|member| {
            let name = member.get("name")?.as_str()?;
            let kind = member.get("type")?.as_str()?;
            let node = typed(types, kind, value.get(name)?, deeper)?;
            Some((name.to_owned(), node))
        });
        return pairs.collect::<Option<Vec<_>>>().map(Node::Struct);
    }
    if let Some(value) = value.as_bool() {
        return Some(Node::Bool(value));
    }
    let text = value.as_str()?;
    Some(match kind {
        "address" => Node::Address(text.parse().ok()?),
        "string" => Node::Text(text.to_owned()),
        kind if kind.starts_with("uint") => Node::Uint(U256::from_str_radix(text, 10).ok()?),
        kind if kind.starts_with("int") => Node::Int(text.parse().ok()?),
        _ => Node::Bytes(alloy_primitives::hex::decode(text).ok()?),
    })
}

impl Node {
    /// The number, if it is one that is not negative.
    pub(super) fn uint(&self) -> Option<U256> {
        match self {
            Self::Uint(value) => Some(*value),
            Self::Int(value) if !value.is_negative() => Some(value.into_raw()),
            Self::Bytes(bytes) if bytes.len() <= 32 => U256::try_from_be_slice(bytes),
            _ => None,
        }
    }

    /// The address, if it is one or 20 bytes that stand for one.
    pub(super) fn address(&self) -> Option<Address> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Bytes(bytes) => Address::try_from(bytes.as_slice()).ok(),
            Self::Uint(value) => {
                let word: [u8; 32] = value.to_be_bytes();
                let (front, back) = word.split_at_checked(12)?;
                let fits = front.iter().all(|byte| *byte == 0);
                Address::try_from(back).ok().filter(|_| fits)
            }
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The bytes a slice is taken from.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::Address(address) => Some(address.to_vec()),
            Self::Uint(value) => Some(value.to_be_bytes_vec()),
            Self::Int(value) => Some(value.into_raw().to_be_bytes_vec()),
            Self::Text(text) => Some(text.as_bytes().to_vec()),
            _ => None,
        }
    }
}
