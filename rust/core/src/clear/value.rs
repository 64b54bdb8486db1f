//! One value as a person reads it.

use alloy_primitives::{address, hex, Address, U256};
use serde_json::Value;

use super::field::{named, uint, Place};
use super::names;
use super::render::Scene;
use super::text::{duration, scaled};
use super::tree::Node;
use crate::address::checksum;
use crate::amount::format_units;
use crate::chain::{Account, ChainId};
use crate::display::moment;
use crate::text::display_safe;

const SYMBOL_CHARS_MAX: usize = 24;
const NAME_CHARS_MAX: usize = 64;
const UNKNOWN_SYMBOL: &str = "???";
const COIN_PLACES: u8 = 18;
/// Bytes of a value that are written out; its length says the rest.
const RAW_BYTES_MAX: usize = 480;
/// What many contracts write for the native coin.
const COIN: Address = address!("0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE");
pub(super) const SIGNER: &str = "the account that signs";

/// `None` when the value does not fit its format.
pub(super) fn shown_as(node: &Node, place: &Place<'_>) -> Option<String> {
    let scene = place.scene;
    if let Some(encryption) = place.field.get("encryption") {
        let label = super::string(encryption, "fallbackLabel").unwrap_or("[Encrypted]");
        return Some(format!("{label} {}", raw(node)));
    }
    Some(match place.field.string("format").unwrap_or("raw") {
        "amount" => signed(node, |amount| scene.coin(amount, scene.container.chain_id))?,
        "tokenAmount" => signed(node, |amount| token_amount(amount, place))?,
        "nftName" => {
            let collection = place.address("collection", "collectionPath");
            let of = collection.map(|of| scene.address_name(scene.container.chain_id.at(of)));
            format!("{} #{}", of.unwrap_or_default(), node.uint()?)
        }
        "tokenTicker" => {
            let token = place.chain_id()?.at(node.address()?);
            let known = scene.assets.token(token);
            let ours = || scene.library.tokens.get(token);
            match known.map(|asset| asset.symbol.as_str()) {
                Some(name) => symbol(name),
                None => ours().map_or_else(|| shown(token.address), |(name, _)| name.to_owned()),
            }
        }
        "addressName" => match node.address()? {
            address if place.addresses("senderAddress").contains(&address) => {
                let signer = scene.container.from;
                signer.map_or_else(|| SIGNER.to_owned(), shown)
            }
            address => scene.address_name(scene.container.chain_id.at(address)),
        },
        "interoperableAddressName" => match node {
            Node::Bytes(bytes) => names::interoperable(bytes).unwrap_or_else(|| raw(node)),
            _ => shown(node.address()?),
        },
        "chainId" => names::chain(node.uint()?),
        "date" => match place.constant("encoding").and_then(Value::as_str) {
            Some("blockheight") => format!("block {}", node.uint()?),
            _ => moment(node.uint()?),
        },
        "duration" => duration(node.uint()?)?,
        "unit" => signed(node, |amount| unit(amount, place))?,
        "enum" => name_of(node, place).unwrap_or_else(|| raw(node)),
        _ => raw(node),
    })
}

/// The words for a number, and `-` in front of them when it is negative.
fn signed(node: &Node, write: impl FnOnce(U256) -> String) -> Option<String> {
    match node {
        Node::Int(value) if value.is_negative() => {
            Some(format!("-{}", write(value.unsigned_abs())))
        }
        _ => Some(write(node.uint()?)),
    }
}

/// `1.5 USDC`; the bare number and `???` for a token nobody knows.
fn token_amount(amount: U256, place: &Place<'_>) -> String {
    let scene = place.scene;
    let token = place.address("token", "tokenPath");
    let chain_id = place.chain_id();
    let natives = place.addresses("nativeCurrencyAddress");
    let coin = |token: Address| natives.contains(&token) || token == COIN;
    let everything = place.constant("threshold").and_then(uint);
    let everything = everything.is_some_and(|from| amount >= from);
    let message = place.text("message").unwrap_or("Unlimited".to_owned());
    let named = |name: &str| match everything {
        true => format!("{message} {name}"),
        false => format!("{amount} {name}"),
    };
    let (Some(token), Some(chain_id)) = (token, chain_id) else {
        return named(UNKNOWN_SYMBOL);
    };
    let known = if coin(token) {
        Some(scene.native(chain_id))
    } else {
        let asset = scene.assets.token(chain_id.at(token));
        asset.map(|asset| (symbol(&asset.symbol), asset.decimals))
    };
    if let Some((symbol, places)) = known {
        return match everything {
            true => named(&symbol),
            false => format!("{} {symbol}", format_units(amount, places)),
        };
    }
    let ours = scene.library.tokens.get(chain_id.at(token));
    let ours = ours.map(|(name, places)| (name.to_owned(), places, "Holdfast's list"));
    let theirs = || {
        let (name, places) = scene.claimed(chain_id.at(token))?;
        Some((name, places, "the descriptor"))
    };
    match ours.or_else(theirs) {
        Some((symbol, ..)) if everything => named(&symbol),
        // Nobody who decides here has said how many decimals there are.
        Some((symbol, places, whose)) => {
            let written = format_units(amount, places);
            format!("{written} {symbol} ({amount} with {places} decimals, by {whose})")
        }
        None => format!("{} (token {})", named(UNKNOWN_SYMBOL), shown(token)),
    }
}

/// `850` with 2 decimals and `%` as `8.5%`.
fn unit(amount: U256, place: &Place<'_>) -> String {
    let decimals = place.constant("decimals").and_then(Value::as_u64);
    let places = decimals.and_then(|places| u8::try_from(places).ok());
    let base = place.text("base").unwrap_or_default();
    let base = display_safe(base.trim(), SYMBOL_CHARS_MAX);
    let prefix = place.constant("prefix").and_then(Value::as_bool);
    let (number, prefix) = match prefix {
        Some(true) => scaled(amount, places.unwrap_or(0)),
        _ => (format_units(amount, places.unwrap_or(0)), ""),
    };
    match base.as_str() {
        "" => format!("{number}{prefix}"),
        "%" => format!("{number}{prefix}%"),
        _ => format!("{number} {prefix}{base}"),
    }
}

fn name_of(node: &Node, place: &Place<'_>) -> Option<String> {
    let names = place.constant("$ref")?.as_object()?;
    named(names, node).map(text_of)
}

impl Scene<'_> {
    /// An amount of the chain's coin.
    fn coin(&self, amount: U256, chain_id: ChainId) -> String {
        let (symbol, places) = self.native(chain_id);
        format!("{} {symbol}", format_units(amount, places))
    }

    /// Symbol and decimals of the chain's coin.
    fn native(&self, chain_id: ChainId) -> (String, u8) {
        let native = self.assets.native(chain_id);
        let name = native.map_or(UNKNOWN_SYMBOL, |asset| asset.symbol.as_str());
        let places = native.map_or(COIN_PLACES, |asset| asset.decimals);
        (symbol(name), places)
    }

    /// What the descriptor itself says of the token it is about.
    fn claimed(&self, token: Account) -> Option<(String, u8)> {
        let own = self.descriptor.deployments.contains(&token);
        let metadata = self.descriptor.whole.get("metadata").filter(|_| own)?;
        let said = metadata.get("token")?;
        let places = u8::try_from(said.get("decimals")?.as_u64()?).ok()?;
        let ticker = super::string(said, "ticker")?;
        (places <= 36).then(|| (symbol(ticker), places))
    }

    /// The address in full, and before it the name of the token that is there.
    fn address_name(&self, account: Account) -> String {
        let address = shown(account.address);
        let Some(asset) = self.assets.contract(account) else {
            let ours = self.library.tokens.get(account);
            return match ours {
                Some((symbol, _)) => format!("{symbol} {address}"),
                None => address,
            };
        };
        let symbol = symbol(&asset.symbol);
        let name = self.assets.name(account);
        match name.map(|name| display_safe(name, NAME_CHARS_MAX)) {
            Some(name) if name != symbol => format!("{symbol} ({name}) {address}"),
            _ => format!("{symbol} {address}"),
        }
    }
}

fn symbol(text: &str) -> String {
    display_safe(text, SYMBOL_CHARS_MAX)
}

pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) fn shown(address: Address) -> String {
    checksum(address).to_string()
}

/// The value as it is; of very many bytes the first ones.
pub(super) fn raw(node: &Node) -> String {
    match node {
        Node::Uint(value) => value.to_string(),
        Node::Int(value) => value.to_string(),
        Node::Bool(value) => value.to_string(),
        Node::Address(address) => shown(*address),
        Node::Bytes(bytes) => match bytes.get(..RAW_BYTES_MAX) {
            Some(front) if bytes.len() > RAW_BYTES_MAX => {
                format!("{}… ({} bytes)", hex::encode_prefixed(front), bytes.len())
            }
            _ => hex::encode_prefixed(bytes),
        },
        Node::Text(text) => text.clone(),
        Node::List(_) | Node::Struct(_) => String::new(),
    }
}
