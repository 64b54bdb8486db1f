//! The fields of a format, one line each.

use std::borrow::Cow;

use alloy_primitives::{address, hex, Address, U256};
use serde_json::Value;

use super::path::{self, Path, Root, Step, PLACES_MAX};
use super::text::{duration, moment};
use super::tree::Node;
use super::{string, Container, Descriptor, Library, Said};
use crate::address::checksum;
use crate::amount::format_units;
use crate::asset::Registry;
use crate::effects::{token_call_lines, Field};
use crate::text::display_safe;

const FIELDS_MAX: usize = 200;
const NESTING_MAX: usize = 4;
const GROUPS_MAX: usize = 16;
const LABEL_CHARS_MAX: usize = 80;
const VALUE_CHARS_MAX: usize = 1_024;
const SYMBOL_CHARS_MAX: usize = 24;
const UNKNOWN_SYMBOL: &str = "???";
const COIN_PLACES: u8 = 18;
/// What many contracts write for the native coin.
const COIN: Address = address!("0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE");

/// One request and everything that says what it means.
pub(super) struct Scene<'a> {
    pub library: &'a Library,
    pub descriptor: &'a Descriptor,
    pub container: &'a Container,
    pub assets: &'a Registry,
    pub root: &'a Node,
    pub depth: usize,
}

/// A field with its path made concrete.
struct Place<'v> {
    params: Option<&'v Value>,
    group: &'v [Step],
    places: &'v [i64],
}

impl Scene<'_> {
    pub(super) fn say(&self, format: &Value) -> Said {
        let mut said = Said::default();
        let owner = self.descriptor.whole.get("metadata");
        if let Some(owner) = owner.and_then(|metadata| string(metadata, "owner")) {
            push(&mut said, "Interaction with", owner.to_owned());
        }
        match format.get("intent") {
            Some(Value::String(intent)) => push(&mut said, "Intent", intent.clone()),
            Some(Value::Object(intents)) => {
                for (label, value) in intents {
                    push(
                        &mut said,
                        label,
                        value.as_str().unwrap_or_default().to_owned(),
                    );
                }
            }
            _ => {}
        }
        let excluded: Vec<&str> = names(format, "excluded");
        self.fields(format, &[], &excluded, 0, &mut said);
        said
    }

    fn fields(
        &self,
        parent: &Value,
        group: &[Step],
        excluded: &[&str],
        depth: usize,
        said: &mut Said,
    ) {
        let fields = parent.get("fields").and_then(Value::as_array);
        for field in fields.into_iter().flatten() {
            if said.fields.len() >= FIELDS_MAX || depth >= GROUPS_MAX {
                said.incomplete = true;
                return;
            }
            if string(field, "path").is_some_and(|path| excluded.contains(&path)) {
                continue;
            }
            let whole = self.with_definition(field);
            if self.field(&whole, group, excluded, depth, said).is_none() {
                said.incomplete = true;
            }
        }
    }

    /// The field laid on the definition its `$ref` names.
    fn with_definition<'v>(&self, field: &'v Value) -> Cow<'v, Value> {
        let named = string(field, "$ref");
        let base = named.and_then(|name| path::of_descriptor(name, &self.descriptor.whole));
        let (Some(Value::Object(base)), Value::Object(over)) = (base, field) else {
            return Cow::Borrowed(field);
        };
        let mut whole = base.clone();
        for (key, value) in over {
            match (whole.get_mut(key), value) {
                (Some(Value::Object(old)), Value::Object(new)) => {
                    old.extend(new.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                _ => {
                    whole.insert(key.clone(), value.clone());
                }
            }
        }
        Cow::Owned(Value::Object(whole))
    }

    /// `None` when the field does not fit the data.
    fn field(
        &self,
        field: &Value,
        group: &[Step],
        excluded: &[&str],
        depth: usize,
        said: &mut Said,
    ) -> Option<()> {
        if string(field, "visible") == Some("never") {
            return Some(());
        }
        let label = string(field, "label").unwrap_or_default();
        if let Some(value) = field.get("value") {
            let value = self.constant(value)?;
            push(said, label, text_of(&value));
            return Some(());
        }
        let Some(text) = string(field, "path") else {
            self.fields(field, group, excluded, depth.saturating_add(1), said);
            return Some(());
        };
        if let Some(value) = path::of_descriptor(text, &self.descriptor.whole) {
            push(said, label, text_of(value));
            return Some(());
        }
        let path = path::parse(text)?.below(group);
        if path.root != Root::Data {
            let signer = [Step::Member("from".to_owned())];
            if self.container.from.is_none() && path.steps == signer {
                push(said, label, "the account that signs".to_owned());
                return Some(());
            }
            let node = path.value(self.root, self.container)?;
            return self.show(field, label, &node, group, &[], said);
        }
        if field.get("fields").is_some() {
            for places in self.places(&path, said) {
                let group = path.clone().at(&places).steps;
                self.fields(field, &group, excluded, depth.saturating_add(1), said);
            }
            return Some(());
        }
        for places in self.places(&path, said) {
            let one: Path = path.clone().at(&places);
            let node = one.value(self.root, self.container)?;
            self.show(field, label, &node, group, &places, said)?;
            if said.fields.len() >= FIELDS_MAX {
                return None;
            }
        }
        Some(())
    }

    fn places(&self, path: &Path, said: &mut Said) -> Vec<Vec<i64>> {
        let mut places = path.places(self.root);
        if places.len() > PLACES_MAX {
            said.incomplete = true;
            places.truncate(PLACES_MAX);
        }
        places
    }

    /// One value; a list is one line for each of its items.
    fn show(
        &self,
        field: &Value,
        label: &str,
        node: &Node,
        group: &[Step],
        places: &[i64],
        said: &mut Said,
    ) -> Option<()> {
        match node {
            Node::List(items) => {
                for item in items.iter().take(FIELDS_MAX) {
                    self.show(field, label, item, group, places, said)?;
                }
                return Some(());
            }
            Node::Struct(members) => {
                for (name, item) in members {
                    self.show(field, &format!("{label} {name}"), item, group, places, said)?;
                }
                return Some(());
            }
            _ => {}
        }
        if hidden(field, node) {
            return Some(());
        }
        let params = field.get("params");
        let place = Place {
            params,
            group,
            places,
        };
        if string(field, "format") == Some("calldata") {
            self.inner_call(label, node, &place, said);
            return Some(());
        }
        let value = self.value(field, node, &place)?;
        push(said, label, value);
        Some(())
    }

    fn value(&self, field: &Value, node: &Node, place: &Place<'_>) -> Option<String> {
        let param = |name: &str| place.params.and_then(|params| params.get(name));
        Some(match string(field, "format").unwrap_or("raw") {
            "amount" => self.coin(node.uint()?),
            "tokenAmount" => self.token_amount(node.uint()?, place),
            "nftName" => {
                let collection = self.address_param(place, "collection", "collectionPath");
                let collection = collection.map(shown).unwrap_or_default();
                format!("{collection} #{}", node.uint()?)
            }
            "tokenTicker" => self.symbol(node.address()?).0,
            "addressName" | "interoperableAddressName" => shown(node.address()?),
            "chainId" => node.uint()?.to_string(),
            "date" => match param("encoding").and_then(Value::as_str) {
                Some("blockheight") => format!("block {}", node.uint()?),
                _ => moment(node.uint()?),
            },
            "duration" => duration(node.uint()?)?,
            "unit" => self.unit(node.uint()?, place),
            "enum" => self.name_of(node, place).unwrap_or_else(|| raw(node)),
            _ => raw(node),
        })
    }

    /// An amount of the chain's coin.
    fn coin(&self, amount: U256) -> String {
        let (symbol, places) = self.native();
        format!("{} {symbol}", format_units(amount, places))
    }

    /// Symbol and decimals of the chain's coin.
    fn native(&self) -> (String, u8) {
        let native = self.assets.native(self.container.chain_id);
        let symbol = native.map_or(UNKNOWN_SYMBOL, |asset| asset.symbol.as_str());
        let places = native.map_or(COIN_PLACES, |asset| asset.decimals);
        (display_safe(symbol, SYMBOL_CHARS_MAX), places)
    }

    /// Symbol and decimals; `???` and none for a token nobody knows.
    fn symbol(&self, token: Address) -> (String, u8) {
        match self.assets.token(self.container.chain_id, token) {
            Some(asset) => (
                display_safe(&asset.symbol, SYMBOL_CHARS_MAX),
                asset.decimals,
            ),
            None => (UNKNOWN_SYMBOL.to_owned(), 0),
        }
    }

    fn token_amount(&self, amount: U256, place: &Place<'_>) -> String {
        let token = self.address_param(place, "token", "tokenPath");
        let natives = self.native_addresses(place);
        let coin = token.is_some_and(|token| natives.contains(&token) || token == COIN);
        let (symbol, places) = match token {
            Some(_) if coin => self.native(),
            Some(token) => self.symbol(token),
            None => (UNKNOWN_SYMBOL.to_owned(), 0),
        };
        if self.threshold(place).is_some_and(|from| amount >= from) {
            let message = place.params.and_then(|params| params.get("message"));
            let message = message.and_then(|message| self.constant(message));
            let message = message.as_deref().map_or("Unlimited".to_owned(), text_of);
            return format!("{message} {symbol}");
        }
        format!("{} {symbol}", format_units(amount, places))
    }

    fn threshold(&self, place: &Place<'_>) -> Option<U256> {
        let value = self.constant(place.params?.get("threshold")?)?;
        match value.as_ref() {
            Value::String(text) => match text.strip_prefix("0x") {
                Some(digits) => U256::from_str_radix(digits, 16).ok(),
                None => U256::from_str_radix(text, 10).ok(),
            },
            other => other.as_u64().map(U256::from),
        }
    }

    fn native_addresses(&self, place: &Place<'_>) -> Vec<Address> {
        let given = place
            .params
            .and_then(|params| params.get("nativeCurrencyAddress"));
        let listed: Vec<&Value> = match given {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let each = listed.into_iter().filter_map(|one| self.constant(one));
        each.filter_map(|one| one.as_str()?.to_ascii_lowercase().parse().ok())
            .collect()
    }

    /// An address given as a constant or by a path.
    fn address_param(&self, place: &Place<'_>, name: &str, by_path: &str) -> Option<Address> {
        let params = place.params?;
        if let Some(given) = params.get(name) {
            let given = self.constant(given)?;
            return given.as_str()?.to_ascii_lowercase().parse().ok();
        }
        self.node_param(place, by_path)?.address()
    }

    fn node_param(&self, place: &Place<'_>, name: &str) -> Option<Node> {
        let text = string(place.params?, name)?;
        if let Some(value) = path::of_descriptor(text, &self.descriptor.whole) {
            return Some(Node::Text(text_of(value)));
        }
        let path = path::parse(text)?.below(place.group).at(place.places);
        path.value(self.root, self.container)
    }

    /// `850` with 2 decimals and `%` as `8.5%`.
    fn unit(&self, amount: U256, place: &Place<'_>) -> String {
        let param = |name: &str| place.params.and_then(|params| params.get(name));
        let decimals = param("decimals").and_then(Value::as_u64);
        let places = decimals.and_then(|places| u8::try_from(places).ok());
        let base = param("base").and_then(|base| self.constant(base));
        let base = base.as_deref().map(text_of).unwrap_or_default();
        let base = display_safe(base.trim(), SYMBOL_CHARS_MAX);
        let number = format_units(amount, places.unwrap_or(0));
        match base.as_str() {
            "" => number,
            "%" => format!("{number}%"),
            _ => format!("{number} {base}"),
        }
    }

    fn name_of(&self, node: &Node, place: &Place<'_>) -> Option<String> {
        let names = string(place.params?, "$ref")?;
        let names = path::of_descriptor(names, &self.descriptor.whole)?;
        let key = match node {
            Node::Bool(value) => U256::from(u8::from(*value)).to_string(),
            other => raw(other),
        };
        names.get(&key).map(text_of)
    }

    /// A call inside of the call, shown by its own descriptor, or as bytes.
    fn inner_call(&self, label: &str, node: &Node, place: &Place<'_>, said: &mut Said) {
        let Some(data) = node.bytes() else {
            return;
        };
        let callee = self.address_param(place, "callee", "calleePath");
        let amount = self.node_param(place, "amountPath");
        let sender = self.address_param(place, "spender", "spenderPath");
        let deeper = self.depth.saturating_add(1);
        let inner = callee.filter(|_| deeper < NESTING_MAX).and_then(|to| {
            let container = Container {
                to,
                from: sender.or(self.container.from),
                value: amount.and_then(|amount| amount.uint()).unwrap_or_default(),
                ..*self.container
            };
            self.library.call_at(&data, &container, self.assets, deeper)
        });
        let chain_id = self.container.chain_id;
        let token = callee.and_then(|to| token_call_lines(to, &data, chain_id, self.assets));
        match inner {
            None if token.is_some() => {
                for field in token.into_iter().flatten() {
                    push(said, &format!("{label}: {}", field.label), field.value);
                }
            }
            Some(inner) => {
                said.incomplete |= inner.incomplete;
                for field in inner.fields {
                    push(said, &format!("{label}: {}", field.label), field.value);
                }
            }
            None => {
                if let Some(to) = callee {
                    push(said, &format!("{label}: contract"), shown(to));
                }
                push(said, label, hex::encode_prefixed(&data));
            }
        }
    }

    /// A constant, looked up when it names a place of the descriptor.
    fn constant<'v>(&'v self, value: &'v Value) -> Option<Cow<'v, Value>> {
        match value.as_str().filter(|text| text.starts_with("$.")) {
            Some(path) => path::of_descriptor(path, &self.descriptor.whole).map(Cow::Borrowed),
            None => Some(Cow::Borrowed(value)),
        }
    }
}

/// Whether a condition of `visible` hides this value.
fn hidden(field: &Value, node: &Node) -> bool {
    let listed = |name: &str| {
        let values = field.get("visible")?.get(name)?.as_array()?;
        let own = raw(node).to_ascii_lowercase();
        Some(
            values
                .iter()
                .any(|value| text_of(value).to_ascii_lowercase() == own),
        )
    };
    listed("ifNotIn").unwrap_or(false) || listed("mustMatch").unwrap_or(false)
}

fn names<'v>(format: &'v Value, key: &str) -> Vec<&'v str> {
    let listed = format.get(key).and_then(Value::as_array);
    listed
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn push(said: &mut Said, label: &str, value: String) {
    if said.fields.len() < FIELDS_MAX {
        said.fields.push(Field {
            label: Cow::Owned(display_safe(label, LABEL_CHARS_MAX)),
            value: display_safe(&value, VALUE_CHARS_MAX),
        });
    } else {
        said.incomplete = true;
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn shown(address: Address) -> String {
    checksum(address).to_string()
}

fn raw(node: &Node) -> String {
    match node {
        Node::Uint(value) => value.to_string(),
        Node::Int(value) => value.to_string(),
        Node::Bool(value) => value.to_string(),
        Node::Address(address) => shown(*address),
        Node::Bytes(bytes) => hex::encode_prefixed(bytes),
        Node::Text(text) => text.clone(),
        Node::List(_) | Node::Struct(_) => String::new(),
    }
}
