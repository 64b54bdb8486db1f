//! Assets.

use std::collections::HashMap;

use alloy_primitives::{Address, B256};

use super::reader::{Reader, Section, Value};
use super::scope::one_of;
use super::tables::{flip, ID_CHARS};
use super::File;
use crate::amount::Price;
use crate::asset::{Asset, Standard};
use crate::code::PolicyCode;
use crate::policy::model::{AssetEntry, CodePin};

const DECIMALS_MAX: u64 = 36;
const HOUR_MS: u64 = 3_600_000;
const PRICE_AGE_MS_MAX: u64 = 31 * 24 * HOUR_MS;
/// More sources of one price than anybody has.
const PRICE_SOURCES_MAX: u64 = 10;
const SYMBOL_CHARS: usize = 16;

impl File {
    pub(super) fn read_assets(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        let mut seen = HashMap::new();
        for section in reader.tables(root, "asset") {
            let keys = [
                "id",
                "chain",
                "native",
                "address",
                "standard",
                "decimals",
                "symbol",
                "price_usd",
                "price_max_age",
                "price_sources_min",
                "group",
                "code_hash",
                "implementation_hash",
            ];
            reader.known(section, &keys);
            let before = self.asset_names.all().len();
            let entry = self.read_asset(reader, section);
            if let Some(entry) = &entry {
                let identity = entry.asset.identity();
                if let Some(other) = seen.insert(identity, entry.asset.id.clone()) {
                    let text = format!("the same asset as `{other}`");
                    reader.fault(
                        section.at,
                        PolicyCode::DuplicateEntry,
                        text,
                        "register each asset once",
                    );
                }
            }
            if let Some(entry) = &entry {
                self.check_group(reader, section, entry);
            }
            if self.asset_names.all().len() > before {
                self.assets.push(entry);
            }
        }
    }

    fn read_asset(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<AssetEntry> {
        let id = reader.declare(section, &mut self.asset_names, ID_CHARS);
        let chain = reader.required(section, "chain", "write chain = …, the id of a [[chain]]");
        let chain = chain.and_then(|value| self.chain_ref(reader, value, "chain"));
        let address = read_identity(reader, section);
        let standard = read_standard(reader, section);
        let decimals = standard.and_then(|standard| read_decimals(reader, section, standard));
        let symbol = reader.required(
            section,
            "symbol",
            "write symbol = \"…\", what the token calls itself",
        );
        let symbol = symbol.and_then(|value| reader.label(value, "symbol", SYMBOL_CHARS));
        let price = read_price(reader, section);
        let group = section.table.get("group");
        let group = group.map(|value| read_group(reader, value));
        let code = read_code(reader, section);
        let address = address?;
        let (chain_id, symbol, decimals) = (chain?, symbol?, decimals?);
        Some(AssetEntry {
            asset: Asset {
                id: id?,
                chain_id,
                address,
                standard: standard?,
                symbol,
                decimals,
            },
            price: price.pinned?,
            price_age_ms_max: price.age_ms_max?,
            price_sources_min: price.sources_min?,
            group: flip(group)?,
            code: code?,
            at: reader.place(section.at),
        })
    }

    /// Amounts of a group are added up, so its members must have the same decimals.
    fn check_group(&self, reader: &mut Reader<'_>, section: Section<'_>, entry: &AssetEntry) {
        let Some(group) = &entry.group else { return };
        let mut members = self.assets.iter().flatten();
        let first = members.find(|one| one.group.as_ref() == Some(group));
        if let Some(first) = first.filter(|one| one.asset.decimals != entry.asset.decimals) {
            let text = format!(
                "`{}` and `{}` of group `{group}` have other decimals",
                first.asset.id, entry.asset.id
            );
            let hint = "put only assets with the same decimals into a group";
            reader.fault(section.at, PolicyCode::Conflict, text, hint);
        }
    }

    /// Members of a group, by their index.
    pub(in crate::policy) fn group(&self, name: &str) -> Vec<u32> {
        let numbered = self.assets.iter().zip(0u32..);
        let members = numbered.filter(|(entry, _)| {
            entry
                .as_ref()
                .is_some_and(|entry| entry.group.as_deref() == Some(name))
        });
        members.map(|(_, number)| number).collect()
    }
}

/// The keys about the price; `None` where one is wrong.
struct PriceKeys {
    pinned: Option<Option<Price>>,
    age_ms_max: Option<u64>,
    sources_min: Option<u32>,
}

/// A pinned price, or how facts about it are judged.
fn read_price(reader: &mut Reader<'_>, section: Section<'_>) -> PriceKeys {
    let pinned = section.table.get("price_usd");
    let mut beside = |key: &str| {
        let value = section.table.get(key)?;
        if pinned.is_some() {
            let text = format!("`{key}` does nothing beside `price_usd`");
            let hint = "leave one of them out";
            reader.fault(value.span().start, PolicyCode::Conflict, text, hint);
        }
        Some(value)
    };
    let (age, sources) = (beside("price_max_age"), beside("price_sources_min"));
    let age = age.map(|value| reader.duration(value, "price_max_age", 1000..=PRICE_AGE_MS_MAX));
    let sources =
        sources.map(|value| reader.integer(value, "price_sources_min", 1..=PRICE_SOURCES_MAX));
    let sources = sources.map(|sources| sources.and_then(|count| u32::try_from(count).ok()));
    PriceKeys {
        pinned: flip(pinned.map(|value| reader.price(value, "price_usd"))),
        age_ms_max: flip(age).map(|age| age.unwrap_or(HOUR_MS)),
        sources_min: flip(sources).map(|sources| sources.unwrap_or(1)),
    }
}

/// A name of several assets.
fn read_group(reader: &mut Reader<'_>, value: Value<'_>) -> Option<String> {
    let name = reader.string(value, "group")?;
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > ID_CHARS || !name.chars().all(good) {
        let text = "`group` is not a name";
        let hint = "write lowercase letters, digits and hyphens, at most 64";
        reader.fault(value.span().start, PolicyCode::BadId, text, hint);
        return None;
    }
    Some(name.to_owned())
}

/// `code_hash`, and `implementation_hash` of a proxy. `Some(None)` when neither is there.
pub(super) fn read_code(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Option<CodePin>> {
    let implementation = section.table.get("implementation_hash");
    let Some(hash) = section.table.get("code_hash") else {
        let Some(value) = implementation else {
            return Some(None);
        };
        let text = "`implementation_hash` without `code_hash`";
        let hint = "`holdfast assets add` prints both";
        reader.fault(value.span().start, PolicyCode::MissingKey, text, hint);
        return None;
    };
    if section.table.contains_key("native") {
        let text = "the chain's own coin has no code";
        reader.fault(
            hash.span().start,
            PolicyCode::Conflict,
            text,
            "leave it out",
        );
        return None;
    }
    let hash = read_hash(reader, hash, "code_hash");
    let implementation =
        implementation.map(|value| read_hash(reader, value, "implementation_hash"));
    Some(Some(CodePin {
        hash: hash?,
        implementation: flip(implementation)?,
    }))
}

fn read_hash(reader: &mut Reader<'_>, value: Value<'_>, key: &str) -> Option<B256> {
    let text = reader.string(value, key)?;
    let hash = text
        .strip_prefix("0x")
        .and_then(|digits| digits.parse().ok());
    if hash.is_none() {
        let hint = "write 0x and 64 hex digits; `holdfast assets add` prints it";
        let text = format!("`{key}` is not a Keccak-256 hash");
        reader.fault(value.span().start, PolicyCode::BadValue, text, hint);
    }
    hash
}

/// How it moves: a fungible token if nothing else is said.
fn read_standard(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Standard> {
    const WORDS: [(&str, Standard); 3] = [
        ("erc20", Standard::Erc20),
        ("erc721", Standard::Erc721),
        ("erc1155", Standard::Erc1155),
    ];
    let native = section.table.contains_key("native");
    let Some(value) = section.table.get("standard") else {
        return Some(if native {
            Standard::Native
        } else {
            Standard::Erc20
        });
    };
    if native {
        let text = "the chain's own coin has no `standard`";
        reader.fault(
            value.span().start,
            PolicyCode::Conflict,
            text,
            "leave it out",
        );
        return None;
    }
    one_of(reader, value, "standard", &WORDS)
}

/// Places after the point: those of fungible amounts must be said, single tokens have none.
fn read_decimals(reader: &mut Reader<'_>, section: Section<'_>, standard: Standard) -> Option<u8> {
    if matches!(standard, Standard::Native | Standard::Erc20) {
        let value = reader.required(
            section,
            "decimals",
            "write decimals = …, as its contract says",
        )?;
        let places = reader.integer(value, "decimals", 0..=DECIMALS_MAX)?;
        return u8::try_from(places).ok();
    }
    if let Some(value) = section.table.get("decimals") {
        let places = reader.integer(value, "decimals", 0..=0)?;
        return u8::try_from(places).ok();
    }
    Some(0)
}

/// Exactly one of `native = true` and `address`.
fn read_identity(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Option<Address>> {
    let native = section.table.get("native");
    let address = section.table.get("address");
    match (native, address) {
        (Some(native), None) => {
            if reader.boolean(native, "native")? {
                return Some(None);
            }
            let text = "`native` is false and there is no `address`";
            reader.fault(
                native.span().start,
                PolicyCode::MissingKey,
                text,
                "write the token's address",
            );
            None
        }
        (None, Some(address)) => {
            let at = address.span().start;
            let address = reader.address(address, "address")?;
            if address.is_zero() {
                let text = "the zero address is no token";
                reader.fault(
                    at,
                    PolicyCode::BadAddress,
                    text,
                    "write native = true for the chain's own coin",
                );
                return None;
            }
            Some(Some(address))
        }
        (Some(native), Some(_)) => {
            let text = "both `native` and `address`";
            reader.fault(
                native.span().start,
                PolicyCode::Conflict,
                text,
                "the chain's own coin has no address",
            );
            None
        }
        (None, None) => {
            let text = "`asset` needs `address` or `native`";
            let hint =
                "write address = \"0x…\" for a token, native = true for the chain's own coin";
            reader.fault(section.at, PolicyCode::MissingKey, text, hint);
            None
        }
    }
}
