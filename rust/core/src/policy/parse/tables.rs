//! Chains, wallets and agents.

use std::collections::HashSet;

use alloy_primitives::Address;

use super::reader::{Names, Reader, Section, Value};
use super::File;
use crate::chain::ChainId;
use crate::code::PolicyCode;
use crate::policy::model::{Agent, Chain, Privacy, Wallet};

/// Chain ids are integers in events, so they stay below 2^53.
const CHAIN_ID_MAX: u64 = (1 << 53) - 1;
/// A transaction costs at least this much gas.
const GAS_MIN: u64 = 21_000;
/// No chain has larger blocks.
const GAS_MAX: u64 = 10_000_000_000;
/// The largest 32-bit number means "no user".
const UID_MAX: u64 = 0xffff_fffe;
pub(super) const AGENT_ID_CHARS: usize = 32;
pub(super) const ID_CHARS: usize = 64;
/// The longest time that an agent is granted nothing after a denial.
const COOLDOWN_MS_MAX: u64 = 31 * 24 * 60 * 60 * 1000;
pub(super) const LABEL_CHARS: usize = 64;

/// Too low and payments wait; too high and one payment can spend the limit on its fee.
const FEE_HINT: &str =
    "write fee_per_gas_max = \"…\" with its unit, a few times what the chain usually asks";
const TIP_HINT: &str = "write priority_fee_per_gas_max = \"…\" with its unit, at most the fee";

impl File {
    pub(super) fn read_chains(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "chain") {
            let keys = [
                "id",
                "name",
                "gas_max",
                "fee_per_gas_max",
                "priority_fee_per_gas_max",
                "fee_per_gas_min",
                "priority_fee_per_gas_min",
                "l1_fee_max",
            ];
            reader.known(section, &keys);
            if let Some(chain) = self.read_chain(reader, section) {
                self.chains.push(chain);
            }
        }
    }

    fn read_chain(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<Chain> {
        let id = reader
            .required(section, "id", "write id = …, the EIP-155 id of the chain")
            .and_then(|value| {
                let id = ChainId::new(reader.integer(value, "id", 1..=CHAIN_ID_MAX)?);
                if !self.chain_ids.insert(id) {
                    let text = format!("a second `chain` with id {id}");
                    reader.fault(
                        value.span().start,
                        PolicyCode::DuplicateId,
                        text,
                        "declare each chain once",
                    );
                }
                Some(id)
            });
        let name = reader.required(section, "name", "write name = \"…\", what you call it");
        let name = name.and_then(|value| reader.label(value, "name", LABEL_CHARS));
        let gas = reader.required(
            section,
            "gas_max",
            "write gas_max = …, the most gas of one transaction",
        );
        let gas = gas.and_then(|value| reader.integer(value, "gas_max", GAS_MIN..=GAS_MAX));
        let fee = reader.required(section, "fee_per_gas_max", FEE_HINT);
        let fee = fee.and_then(|value| reader.fee(value, "fee_per_gas_max"));
        let key = "priority_fee_per_gas_max";
        let tip_value = reader.required(section, key, TIP_HINT);
        let tip = tip_value.and_then(|value| reader.fee(value, key));
        if let (Some(value), Some(tip), Some(fee)) = (tip_value, tip, fee) {
            if tip > fee {
                let text = format!("`{key}` is more than `fee_per_gas_max`, which includes it");
                reader.fault(
                    value.span().start,
                    PolicyCode::Conflict,
                    text,
                    "write at most the fee",
                );
            }
        }
        let fee_min = least(reader, section, "fee_per_gas_min", fee);
        let tip_min = least(reader, section, "priority_fee_per_gas_min", tip);
        let l1_fee = section.table.get("l1_fee_max");
        let l1_fee = l1_fee.map(|value| reader.fee(value, "l1_fee_max"));
        Some(Chain {
            id: id?,
            name: name?,
            gas_max: gas?,
            fee_per_gas_max: fee?,
            priority_fee_per_gas_max: tip?,
            fee_per_gas_min: fee_min?,
            priority_fee_per_gas_min: tip_min?,
            l1_fee_max: flip(l1_fee)?,
            at: reader.place(section.at),
        })
    }

    /// A chain id that was declared.
    pub(in crate::policy) fn chain_ref(
        &self,
        reader: &mut Reader<'_>,
        value: Value<'_>,
        key: &str,
    ) -> Option<ChainId> {
        let id = ChainId::new(reader.integer(value, key, 1..=CHAIN_ID_MAX)?);
        if self.chain_ids.contains(&id) {
            return Some(id);
        }
        let hint = "declare it with [[chain]]";
        reader.fault(
            value.span().start,
            PolicyCode::UnknownReference,
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
            let value = reader.required(section, "address", "write address = \"0x…\"");
            let address = value.and_then(|value| reader.address(value, "address"));
            if let (Some(value), Some(address)) = (value, address) {
                if address.is_zero() {
                    let text = "the zero address is no wallet";
                    reader.fault(
                        value.span().start,
                        PolicyCode::BadAddress,
                        text,
                        "write the wallet's address",
                    );
                }
                if !seen.insert(address) {
                    let text = format!("a second `wallet` with address `{address}`");
                    reader.fault(
                        value.span().start,
                        PolicyCode::DuplicateEntry,
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
                "cooldown",
            ];
            reader.known(section, &keys);
            if let Some(agent) = self.read_agent(reader, section) {
                self.agents.push(agent);
            }
        }
    }

    fn read_agent(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<Agent> {
        let id = reader.declare(section, &mut self.agent_names, AGENT_ID_CHARS);
        let wallets = reader.required(
            section,
            "wallets",
            "write wallets = [\"…\"], the ids of its wallets",
        );
        let wallets = wallets.and_then(|value| self.wallet_refs(reader, value, "wallets"));
        let chain = reader.required(section, "chain", "write chain = …, the id of a [[chain]]");
        let chain = chain.and_then(|value| self.chain_ref(reader, value, "chain"));
        let get = |key| section.table.get(key);
        let cooldown = get("cooldown");
        let cooldown =
            cooldown.map(|value| reader.duration(value, "cooldown", 1000..=COOLDOWN_MS_MAX));
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
            cooldown_ms: flip(cooldown)?,
            at: reader.place(section.at),
        })
    }

    /// Addresses of declared wallets in the order they are written.
    pub(in crate::policy) fn wallet_refs(
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
            let id = self.string(element, key);
            let at = element.span().start;
            match id.and_then(|id| self.refer(at, id, what, names)) {
                Some(index) if found.contains(&index) => {
                    let text = format!("`{}` twice in `{key}`", id.unwrap_or_default());
                    self.fault(at, PolicyCode::DuplicateEntry, text, "name it once");
                }
                Some(index) => found.push(index),
                None => all = false,
            }
        }
        all.then_some(found)
    }
}

/// Absent is fine, present and faulty is not.
pub(in crate::policy) fn flip<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        Some(found) => Some(found),
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
                    PolicyCode::DuplicateEntry,
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
    match reader.string(value, "privacy")? {
        "full" => Some(Privacy::Full),
        "code" => Some(Privacy::Code),
        other => {
            let text = format!("`privacy` is `{}`", crate::text::display_safe(other, 40));
            reader.fault(
                value.span().start,
                PolicyCode::BadValue,
                text,
                "write \"full\" or \"code\"",
            );
            None
        }
    }
}

/// A floor for what an agent names; zero where none is written. It is within its cap.
fn least(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    key: &'static str,
    cap: Option<u128>,
) -> Option<u128> {
    let Some(value) = section.table.get(key) else {
        return Some(0);
    };
    let least = reader.fee(value, key)?;
    if cap.is_some_and(|cap| least > cap) {
        let text = format!("`{key}` is more than the cap of the same fee");
        let hint = "write at most the cap";
        reader.fault(value.span().start, PolicyCode::Conflict, text, hint);
        return None;
    }
    Some(least)
}
