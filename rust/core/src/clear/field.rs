//! One field of a format, and the parameters of how it is shown.

use alloy_primitives::{Address, U256};
use serde_json::Value;

use super::path::{self, Spot};
use super::render::Scene;
use super::tree::Node;
use super::value::{raw, text_of};
use crate::chain::ChainId;

/// Entries of an enumeration that are looked through for another spelling.
const NAMES_MAX: usize = 256;

/// A field laid on the definition its `$ref` names.
#[derive(Clone, Copy)]
pub(super) struct Field<'v> {
    own: &'v Value,
    base: Option<&'v Value>,
}

impl<'v> Field<'v> {
    pub(super) fn new(own: &'v Value, whole: &'v Value) -> Self {
        let named = super::string(own, "$ref");
        Self {
            own,
            base: named.and_then(|name| path::of_descriptor(name, whole)),
        }
    }

    /// As it is written, without its definition.
    pub(super) const fn own(&self) -> &'v Value {
        self.own
    }

    pub(super) fn get(&self, key: &str) -> Option<&'v Value> {
        let own = self.own.get(key);
        own.or_else(|| self.base.and_then(|base| base.get(key)))
    }

    pub(super) fn string(&self, key: &str) -> Option<&'v str> {
        self.get(key)?.as_str()
    }

    fn param(&self, key: &str) -> Option<&'v Value> {
        let of = |field: &'v Value| field.get("params").and_then(|params| params.get(key));
        of(self.own).or_else(|| self.base.and_then(of))
    }
}

/// A field at one place of the data.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    pub scene: &'s Scene<'s>,
    pub field: Field<'s>,
    pub group: &'s Spot,
    pub spot: &'s Spot,
}

impl<'s> Place<'s> {
    /// A parameter: what is written there, or what a path into the descriptor or a map says instead.
    pub(super) fn constant(&self, name: &str) -> Option<&'s Value> {
        self.resolved(self.field.param(name)?)
    }

    fn resolved(&self, given: &'s Value) -> Option<&'s Value> {
        let whole = &self.scene.descriptor.whole;
        match given {
            Value::String(text) if text.starts_with("$.") => path::of_descriptor(text, whole),
            Value::Object(map) => {
                let map_path = map.get("map")?.as_str()?;
                let values = path::of_descriptor(map_path, whole)?.get("values")?;
                let key = self.at_path(map.get("keyPath")?.as_str()?)?;
                named(values.as_object()?, &key)
            }
            other => Some(other),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.constant(name).map(text_of)
    }

    /// What the path in this parameter leads to.
    pub(super) fn node(&self, name: &str) -> Option<Node> {
        self.at_path(self.field.param(name)?.as_str()?)
    }

    fn at_path(&self, text: &str) -> Option<Node> {
        let scene = self.scene;
        if text.starts_with("$.") {
            let value = path::of_descriptor(text, &scene.descriptor.whole)?;
            return Some(Node::Text(text_of(value)));
        }
        let path = path::parse(text)?.beside(self.group, self.spot);
        let node = path.value(scene.root, scene.container)?;
        // A list beside a list: the item at the same place.
        if let (Node::List(items), Some(index)) = (node.as_ref(), self.spot.indices.last()) {
            let index = usize::try_from(*index).ok()?;
            return items.get(index).cloned();
        }
        Some(node.into_owned())
    }

    /// An address given as a constant or by a path.
    pub(super) fn address(&self, name: &str, by_path: &str) -> Option<Address> {
        match self.field.param(name) {
            Some(_) => self.constant(name).and_then(address),
            None => self.node(by_path)?.address(),
        }
    }

    /// A number given as a constant or by a path.
    pub(super) fn uint(&self, name: &str, by_path: &str) -> Option<U256> {
        match self.field.param(name) {
            Some(_) => self.constant(name).and_then(uint),
            None => self.node(by_path)?.uint(),
        }
    }

    /// The chain a parameter names, or the one of the request.
    pub(super) fn chain_id(&self) -> Option<ChainId> {
        let named = ["chainId", "chainIdPath"];
        if named
            .into_iter()
            .all(|name| self.field.param(name).is_none())
        {
            return Some(self.scene.container.chain_id);
        }
        u64::try_from(self.uint("chainId", "chainIdPath")?)
            .ok()
            .map(ChainId::new)
    }

    /// One address or several.
    pub(super) fn addresses(&self, name: &str) -> Vec<Address> {
        match self.constant(name) {
            Some(Value::Array(items)) => {
                let each = items.iter().filter_map(|item| self.resolved(item));
                each.filter_map(address).collect()
            }
            Some(one) => address(one).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The value a literal stands for in this field.
    pub(super) fn literal(&self) -> Option<Node> {
        let value = self.resolved(self.field.get("value")?)?;
        let addresses = ["addressName", "tokenTicker"];
        let format = self.field.string("format").unwrap_or("raw");
        Some(match value {
            Value::Bool(value) => Node::Bool(*value),
            value if format == "raw" => Node::Text(text_of(value)),
            value if addresses.contains(&format) => Node::Address(address(value)?),
            value => uint(value).map_or_else(|| Node::Text(text_of(value)), Node::Uint),
        })
    }
}

/// The entry for a value, which may be written in any of its spellings.
pub(super) fn named<'v>(
    names: &'v serde_json::Map<String, Value>,
    node: &Node,
) -> Option<&'v Value> {
    let by_number = || names.get(&number(node)?.to_string());
    let exact = names.get(&raw(node)).or_else(by_number);
    exact.or_else(|| {
        let mut each = names.iter().take(NAMES_MAX);
        each.find(|(key, _)| is_same(node, &Value::String((*key).clone())))
            .map(|(_, value)| value)
    })
}

/// Whether a value of a descriptor is this value of the data.
pub(super) fn is_same(node: &Node, value: &Value) -> bool {
    match (node, value) {
        (Node::Bool(own), Value::Bool(other)) => own == other,
        (Node::Text(own), Value::String(other)) => own == other,
        (Node::Address(own), Value::String(_)) => address(value) == Some(*own),
        (Node::Uint(_) | Node::Bytes(_) | Node::Bool(_), _) => {
            number(node).is_some() && number(node) == uint(value)
                || text_of(value).eq_ignore_ascii_case(&raw(node))
        }
        _ => text_of(value) == raw(node),
    }
}

fn number(node: &Node) -> Option<U256> {
    match node {
        Node::Bool(value) => Some(U256::from(u8::from(*value))),
        other => other.uint(),
    }
}

fn address(value: &Value) -> Option<Address> {
    value.as_str()?.to_ascii_lowercase().parse().ok()
}

pub(super) fn uint(value: &Value) -> Option<U256> {
    match value {
        Value::String(text) => match text.strip_prefix("0x") {
            Some(digits) => U256::from_str_radix(digits, 16).ok(),
            None => U256::from_str_radix(text, 10).ok(),
        },
        Value::Bool(value) => Some(U256::from(u8::from(*value))),
        other => other.as_u64().map(U256::from),
    }
}
