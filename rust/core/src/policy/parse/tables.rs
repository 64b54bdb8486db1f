//! Chains, wallets, agents, assets and lists.

use std::collections::{HashMap, HashSet};

use alloy_primitives::Address;

use super::reader::{Names, Reader, Section, Value};
use super::File;
use crate::asset::{Asset, Standard};
use crate::policy::model::{Agent, AssetEntry, Chain, List, ListEntry, Privacy, Wallet};

/// Chain ids are integers in events, so they stay below 2^53.
const CHAIN_ID_MAX: u64 = (1 << 53) - 1;
/// A transaction costs at least this much gas.
const GAS_MIN: u64 = 21_000;
/// No chain has larger blocks.
const GAS_MAX: u64 = 10_000_000_000;
const DECIMALS_MAX: u64 = 36;
/// The largest 32-bit number means "no user".
const UID_MAX: u64 = 0xffff_fffe;
const HOUR_MS: u64 = 3_600_000;
const PRICE_AGE_MS_MAX: u64 = 31 * 24 * HOUR_MS;
pub(super) const AGENT_ID_CHARS: usize = 32;
pub(super) const ID_CHARS: usize = 64;
const LABEL_CHARS: usize = 64;

impl File {
    pub(super) fn read_chains(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "chain") {
            let keys = [
                "id",
                "name",
                "gas_max",
                "fee_per_gas_max",
                "priority_fee_per_gas_max",
            ];
            reader.known(section, &keys);
            if let Some(chain) = self.read_chain(reader, section) {
                self.chains.push(chain);
            }
        }
    }

    fn read_chain(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<Chain> {
        let id = reader.required(section, "id", "1").and_then(|value| {
            let id = reader.integer(value, "id", 1..=CHAIN_ID_MAX)?;
            if !self.chain_ids.insert(id) {
                let text = format!("a second `chain` with id {id}");
                reader.fault(
                    value.span().start,
                    "duplicate_id",
                    text,
                    "declare each chain once",
                );
            }
            Some(id)
        });
        let name = reader.required(section, "name", "\"mainnet\"");
        let name = name.and_then(|value| reader.label(value, "name", LABEL_CHARS));
        let gas = reader.required(section, "gas_max", "500_000");
        let gas = gas.and_then(|value| reader.integer(value, "gas_max", GAS_MIN..=GAS_MAX));
        let fee = reader.required(section, "fee_per_gas_max", "\"100 gwei\"");
        let fee = fee.and_then(|value| reader.fee(value, "fee_per_gas_max"));
        let key = "priority_fee_per_gas_max";
        let tip_value = reader.required(section, key, "\"5 gwei\"");
        let tip = tip_value.and_then(|value| reader.fee(value, key));
        if let (Some(value), Some(tip), Some(fee)) = (tip_value, tip, fee) {
            if tip > fee {
                let text = format!("`{key}` is more than `fee_per_gas_max`, which includes it");
                reader.fault(
                    value.span().start,
                    "conflict",
                    text,
                    "write at most the fee",
                );
            }
        }
        Some(Chain {
            id: id?,
            name: name?,
            gas_max: gas?,
            fee_per_gas_max: fee?,
            priority_fee_per_gas_max: tip?,
            at: reader.place(section.at),
        })
    }

    /// A chain id that was declared.
    pub(super) fn chain_ref(
        &self,
        reader: &mut Reader<'_>,
        value: Value<'_>,
        key: &str,
    ) -> Option<u64> {
        let id = reader.integer(value, key, 1..=CHAIN_ID_MAX)?;
        if self.chain_ids.contains(&id) {
            return Some(id);
        }
        let hint = "declare it with [[chain]]";
        reader.fault(
            value.span().start,
            "unknown_reference",
            format!("no chain {id}"),
            hint,
        );
        None
    }

    pub(super) fn read_wallets(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        let mut seen = HashSet::new();
        for section in reader.tables(root, "wallet") {
            reader.known(section, &["id", "address"]);
            let id = reader.declare(section, &mut self.wallet_names, ID_CHARS);
            let value = reader.required(section, "address", "\"0x…\"");
            let address = value.and_then(|value| reader.address(value, "address"));
            if let (Some(value), Some(address)) = (value, address) {
                if address.is_zero() {
                    let text = "the zero address is nobody's wallet";
                    reader.fault(
                        value.span().start,
                        "bad_address",
                        text,
                        "write the wallet's address",
                    );
                }
                if !seen.insert(address) {
                    let text = format!("a second `wallet` with address `{address}`");
                    reader.fault(
                        value.span().start,
                        "duplicate_entry",
                        text,
                        "declare it once",
                    );
                }
            }
            let at = reader.place(section.at);
            // A wallet with a fault keeps its index: the file is refused anyway.
            if id.is_some() {
                let address = address.unwrap_or_default();
                self.wallets.push(Wallet {
                    id: id.unwrap_or_default(),
                    address,
                    at,
                });
            }
        }
    }

    pub(super) fn read_agents(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "agent") {
            let keys = [
                "id",
                "wallets",
                "chain",
                "uids",
                "public_key",
                "privacy",
                "requests_per_minute",
                "connections_max",
                "waiting_max",
            ];
            reader.known(section, &keys);
            if let Some(agent) = self.read_agent(reader, section) {
                self.agents.push(agent);
            }
        }
    }

    fn read_agent(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<Agent> {
        let id = reader.declare(section, &mut self.agent_names, AGENT_ID_CHARS);
        let wallets = reader.required(section, "wallets", "[\"a-wallet\"]");
        let wallets = wallets.and_then(|value| self.wallet_refs(reader, value, "wallets"));
        let chain = reader.required(section, "chain", "1");
        let chain = chain.and_then(|value| self.chain_ref(reader, value, "chain"));
        let get = |key| section.table.get(key);
        let uids = get("uids").map(|value| read_uids(reader, value));
        let public_key = get("public_key").map(|value| reader.public_key(value, "public_key"));
        let privacy = get("privacy").map(|value| read_privacy(reader, value));
        let mut count = |key, default: u32, max: u32| match section.table.get(key) {
            None => Some(default),
            Some(value) => {
                let found = reader.integer(value, key, 1..=u64::from(max));
                found.and_then(|number| u32::try_from(number).ok())
            }
        };
        let requests_per_minute = count("requests_per_minute", 6000, 1_000_000_000);
        let connections_max = count("connections_max", 64, 100_000);
        let waiting_max = count("waiting_max", 16, 10_000);
        Some(Agent {
            id: id?,
            wallets: wallets?,
            chain_id: chain?,
            uids: flip(uids)?,
            public_key: flip(public_key)?,
            privacy: flip(privacy)?.unwrap_or(Privacy::Full),
            requests_per_minute: requests_per_minute?,
            connections_max: connections_max?,
            waiting_max: waiting_max?,
            at: reader.place(section.at),
        })
    }

    /// Addresses of declared wallets in the order they are written.
    pub(super) fn wallet_refs(
        &self,
        reader: &mut Reader<'_>,
        value: Value<'_>,
        key: &str,
    ) -> Option<Vec<Address>> {
        let indexes = reader.references(value, key, "wallet", &self.wallet_names)?;
        let address = |index: u32| {
            self.wallets
                .get(index as usize)
                .map(|wallet| wallet.address)
        };
        indexes.into_iter().map(address).collect()
    }

    pub(super) fn read_assets(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        let mut seen = HashMap::new();
        for section in reader.tables(root, "asset") {
            let keys = [
                "id",
                "chain",
                "native",
                "address",
                "decimals",
                "symbol",
                "price_usd",
                "price_max_age",
            ];
            reader.known(section, &keys);
            let before = self.asset_names.all().len();
            let entry = self.read_asset(reader, section);
            if let Some(entry) = &entry {
                let identity = (entry.asset.chain_id, entry.asset.address);
                if let Some(other) = seen.insert(identity, entry.asset.id.clone()) {
                    let text = format!("the same asset as `{other}`");
                    reader.fault(
                        section.at,
                        "duplicate_entry",
                        text,
                        "register each asset once",
                    );
                }
            }
            if self.asset_names.all().len() > before {
                self.assets.push(entry);
            }
        }
    }

    fn read_asset(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<AssetEntry> {
        let id = reader.declare(section, &mut self.asset_names, ID_CHARS);
        let chain = reader.required(section, "chain", "1");
        let chain = chain.and_then(|value| self.chain_ref(reader, value, "chain"));
        let address = read_identity(reader, section);
        let decimals = reader.required(section, "decimals", "18");
        let decimals = decimals
            .and_then(|value| reader.integer(value, "decimals", 0..=DECIMALS_MAX))
            .and_then(|number| u8::try_from(number).ok());
        let symbol = reader.required(section, "symbol", "\"USDC\"");
        let symbol = symbol.and_then(|value| reader.label(value, "symbol", 16));
        let price = section.table.get("price_usd");
        let price_at = price.is_some();
        let price = price.map(|value| reader.price(value, "price_usd"));
        let age = section.table.get("price_max_age").map(|value| {
            if price_at {
                let text = "`price_max_age` does nothing beside `price_usd`";
                reader.fault(
                    value.span().start,
                    "conflict",
                    text,
                    "leave one of them out",
                );
            }
            reader.duration(value, "price_max_age", 1000..=PRICE_AGE_MS_MAX)
        });
        let address = address?;
        let standard = if address.is_some() {
            Standard::Erc20
        } else {
            Standard::Native
        };
        let (chain_id, symbol, decimals) = (chain?, symbol?, decimals?);
        Some(AssetEntry {
            asset: Asset {
                id: id?,
                chain_id,
                address,
                standard,
                symbol,
                decimals,
            },
            price: flip(price)?,
            price_age_ms_max: flip(age)?.unwrap_or(HOUR_MS),
            at: reader.place(section.at),
        })
    }

    pub(super) fn read_lists(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "list") {
            reader.known(section, &["id", "entry"]);
            let id = reader.declare(section, &mut self.list_names, ID_CHARS);
            let mut seen = HashSet::new();
            let mut entries = Vec::new();
            for entry in reader.tables(section, "entry") {
                reader.known(entry, &["chain", "address", "label", "expires"]);
                let Some(entry_read) = self.read_entry(reader, entry) else {
                    continue;
                };
                if !seen.insert((entry_read.chain_id, entry_read.address)) {
                    let text = format!("`{}` is in this list already", entry_read.address);
                    reader.fault(entry.at, "duplicate_entry", text, "keep one of them");
                }
                entries.push(entry_read);
            }
            if let Some(id) = id {
                self.lists.push(List {
                    id,
                    entries,
                    at: reader.place(section.at),
                });
            }
        }
    }

    fn read_entry(&self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<ListEntry> {
        let get = |key| section.table.get(key);
        let chain = get("chain").map(|value| self.chain_ref(reader, value, "chain"));
        let address = reader.required(section, "address", "\"0x…\"");
        let address = address.and_then(|value| reader.address(value, "address"));
        let label = get("label").map(|value| reader.label(value, "label", LABEL_CHARS));
        let expires = get("expires").map(|value| reader.datetime(value, "expires"));
        Some(ListEntry {
            chain_id: flip(chain)?,
            address: address?,
            label: flip(label)?.unwrap_or_default(),
            expires_ms: flip(expires)?,
            at: reader.place(section.at),
        })
    }
}

impl Reader<'_> {
    /// Indexes of declared ids, in the order they are written; a repeated one is a fault.
    pub fn references(
        &mut self,
        value: Value<'_>,
        key: &str,
        what: &str,
        names: &Names,
    ) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        let mut all = true;
        for element in self.elements(value, key)? {
            let id = self.string(element, key, &format!("[\"{what}-id\"]"));
            let at = element.span().start;
            match id.and_then(|id| self.refer(at, id, what, names)) {
                Some(index) if found.contains(&index) => {
                    let text = format!("`{}` twice in `{key}`", id.unwrap_or_default());
                    self.fault(at, "duplicate_entry", text, "name it once");
                }
                Some(index) => found.push(index),
                None => all = false,
            }
        }
        all.then_some(found)
    }
}

/// Absent is fine, present and faulty is not.
pub(super) fn flip<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        Some(found) => Some(found),
    }
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
                "missing_key",
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
                    "bad_address",
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
                "conflict",
                text,
                "the chain's own coin has no address",
            );
            None
        }
        (None, None) => {
            let text = "`asset` needs `address` or `native`";
            let hint =
                "write address = \"0x…\" for a token, native = true for the chain's own coin";
            reader.fault(section.at, "missing_key", text, hint);
            None
        }
    }
}

fn read_uids(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Vec<u32>> {
    let mut uids = Vec::new();
    let mut all = true;
    for element in reader.elements(value, "uids")? {
        let uid = reader.integer(element, "uids", 0..=UID_MAX);
        match uid.and_then(|uid| u32::try_from(uid).ok()) {
            Some(uid) if uids.contains(&uid) => {
                let text = format!("{uid} twice in `uids`");
                reader.fault(
                    element.span().start,
                    "duplicate_entry",
                    text,
                    "name it once",
                );
            }
            Some(uid) => uids.push(uid),
            None => all = false,
        }
    }
    all.then_some(uids)
}

fn read_privacy(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Privacy> {
    match reader.string(value, "privacy", "\"full\"")? {
        "full" => Some(Privacy::Full),
        "code" => Some(Privacy::Code),
        other => {
            let text = format!("`privacy` is `{}`", crate::text::display_safe(other, 40));
            reader.fault(
                value.span().start,
                "bad_value",
                text,
                "write \"full\" or \"code\"",
            );
            None
        }
    }
}
