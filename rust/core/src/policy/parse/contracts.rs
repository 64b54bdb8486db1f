//! Contracts the operator vouches for, and what they speak.

use std::collections::HashMap;

use super::assets::read_code;
use super::reader::{Reader, Section};
use super::scope::one_of;
use super::tables::ID_CHARS;
use super::File;
use crate::policy::model::ContractEntry;
use crate::protocol::Protocol;

impl File {
    pub(super) fn read_contracts(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        let mut seen = HashMap::new();
        for section in reader.tables(root, "contract") {
            reader.known(
                section,
                &[
                    "id",
                    "chain",
                    "address",
                    "protocol",
                    "code_hash",
                    "implementation_hash",
                ],
            );
            let Some(entry) = self.read_contract(reader, section) else {
                continue;
            };
            let identity = (entry.chain_id, entry.address);
            if let Some(other) = seen.insert(identity, entry.id.clone()) {
                let text = format!("the same contract as `{other}`");
                let hint = "declare each contract once";
                reader.fault(section.at, "duplicate_entry", text, hint);
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
        let chain = reader.required(section, "chain", "1");
        let chain = chain.and_then(|value| self.chain_ref(reader, value, "chain"));
        let address = reader.required(section, "address", "\"0x…\"");
        let address = address.and_then(|value| reader.address(value, "address"));
        let protocol = reader.required(section, "protocol", "\"multicall\"");
        let words: Vec<(&str, Protocol)> = Protocol::ALL
            .iter()
            .map(|protocol| (protocol.as_str(), *protocol))
            .collect();
        let protocol = protocol.and_then(|value| one_of(reader, value, "protocol", &words));
        let code = read_code(reader, section);
        Some(ContractEntry {
            id: id?,
            chain_id: chain?,
            address: address?,
            protocol: protocol?,
            code: code?,
        })
    }
}
