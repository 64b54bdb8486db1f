//! Contracts the operator vouches for, and what they speak.

use std::collections::HashMap;

use super::assets::read_code;
use super::lists::read_tags;
use super::reader::{Reader, Section, Value};
use super::scope::one_of;
use super::tables::{flip, ID_CHARS};
use super::File;
use crate::asset::Asset;
use crate::chain::ChainId;
use crate::code::PolicyCode;
use crate::effects::contracts;
use crate::policy::model::{ContractEntry, ListEntry};
use crate::protocol::Protocol;

impl File {
    pub(super) fn read_contracts(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        let mut seen = HashMap::new();
        for section in reader.tables(root, "contract") {
            let keys = [
                "id",
                "chain",
                "address",
                "protocol",
                "asset",
                "code_hash",
                "implementation_hash",
                "tags",
            ];
            reader.known(section, &keys);
            let Some(entry) = self.read_contract(reader, section) else {
                continue;
            };
            let listed = ListEntry {
                chain_id: Some(entry.account.chain_id),
                address: entry.account.address,
                label: entry.id.clone(),
                expires_ms: None,
                at: reader.place(section.at),
            };
            self.tagged.extend(read_tags(reader, section, &listed));
            if let Some(other) = seen.insert(entry.account, entry.id.clone()) {
                let text = format!("the same contract as `{other}`");
                let hint = "declare each contract once";
                reader.fault(section.at, PolicyCode::DuplicateEntry, text, hint);
            }
            self.contracts.push(entry);
        }
    }

    fn read_contract(
        &mut self,
        reader: &mut Reader<'_>,
        section: Section<'_>,
    ) -> Option<ContractEntry> {
        let id = reader.declare(section, &mut self.contract_names, ID_CHARS);
        let chain = reader.required(section, "chain", "write chain = …, the id of a [[chain]]");
        let chain = chain.and_then(|value| self.chain_ref(reader, value, "chain"));
        let address = reader.required(section, "address", "write address = \"0x…\"");
        let address = address.and_then(|value| reader.address(value, "address"));
        let protocol = reader.required(
            section,
            "protocol",
            "write protocol = \"…\"; docs/effects.md lists them",
        );
        let words: Vec<(&str, Protocol)> = contracts()
            .map(|contract| (contract.protocol().as_str(), contract.protocol()))
            .collect();
        let protocol = protocol.and_then(|value| one_of(reader, value, "protocol", &words));
        let code = read_code(reader, section);
        let asset = section.table.get("asset");
        let asset = asset.map(|value| self.asset_held(reader, value, chain));
        Some(ContractEntry {
            id: id?,
            account: chain?.at(address?),
            protocol: protocol?,
            code: code?,
            asset: flip(asset)?,
        })
    }

    /// The asset the contract holds for others, where its calls do not say it.
    fn asset_held(
        &self,
        reader: &mut Reader<'_>,
        value: Value<'_>,
        chain: Option<ChainId>,
    ) -> Option<Asset> {
        let at = value.span().start;
        let named = reader.string(value, "asset")?;
        let index = reader.refer(at, named, "asset", &self.asset_names)?;
        let entry = self.assets.get(index as usize)?.as_ref()?;
        if chain.is_some_and(|chain| chain != entry.asset.chain_id) {
            let text = format!("`{named}` is on another chain than the contract");
            reader.fault(
                at,
                PolicyCode::Conflict,
                text,
                "name an asset of the same chain",
            );
            return None;
        }
        Some(entry.asset.clone())
    }
}
