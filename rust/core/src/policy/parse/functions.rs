//! Functions the operator vouches for, and how rules name them.

use std::collections::HashSet;

use alloy_dyn_abi::DynSolType;
use alloy_primitives::B256;

use super::paths::read_path;
use super::reader::{Reader, Section, Value};
use super::tables::{flip, ID_CHARS};
use super::File;
use crate::chain::{Account, ChainId};
use crate::code::PolicyCode;
use crate::effects::EffectKind;
use crate::function::{never, rank, word, Condition, Function, Path, Signature};
use crate::policy::conditions::{Condition as _, Functions, NotFunctions};
use crate::policy::model::{Bits, FunctionEntry};
use crate::protocol::{pinned, Protocol};

impl File {
    pub(super) fn read_functions(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        let mut seen = HashSet::new();
        for section in reader.tables(root, "function") {
            let keys = [
                "id",
                "chain",
                "contract",
                "signature",
                "payable",
                "argument",
            ];
            reader.known(section, &keys);
            let Some(function) = self.read_function(reader, section) else {
                continue;
            };
            let selector = function.signature.selector();
            if !seen.insert((function.contract, selector)) {
                let text = format!(
                    "`{}` is vouched for already",
                    function.signature.canonical()
                );
                let hint = "write all the values that are allowed in one table";
                reader.fault(section.at, PolicyCode::DuplicateEntry, text, hint);
            }
            self.functions.push(FunctionEntry {
                function,
                at: reader.place(section.at),
            });
        }
    }

    fn read_function(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<Function> {
        let id = reader.declare(section, &mut self.function_names, ID_CHARS);
        let chain = reader.required(section, "chain", "write chain = …, the id of a [[chain]]");
        let chain = chain.and_then(|value| self.chain_ref(reader, value, "chain"));
        let contract = reader.required(section, "contract", "write contract = \"0x…\"");
        let contract = contract.and_then(|value| self.read_called(reader, value, chain?));
        let signature = reader.required(
            section,
            "signature",
            "write signature = \"…\", with full types",
        );
        let signature = signature.and_then(|value| read_signature(reader, value));
        let payable = section.table.get("payable");
        let payable = flip(payable.map(|value| reader.boolean(value, "payable")));
        let mut conditions: Vec<(Path, Condition)> = Vec::new();
        let mut sound = true;
        for argument in reader.tables(section, "argument") {
            reader.known(argument, &["name", "in", "min", "max"]);
            let read = self.read_argument(reader, argument, signature.as_ref(), chain);
            match read {
                Some((path, _))
                    if conditions
                        .iter()
                        .any(|(other, _)| other.steps == path.steps) =>
                {
                    let text = "a second condition for the same argument";
                    reader.fault(argument.at, PolicyCode::DuplicateEntry, text, "write one");
                }
                Some(read) => conditions.push(read),
                None => sound = false,
            }
        }
        conditions.sort_by(|(one, _), (other, _)| one.cmp(other));
        Some(Function {
            id: id?,
            contract: contract?,
            signature: signature?,
            payable: payable?.unwrap_or(false),
            conditions: Some(conditions).filter(|_| sound)?,
        })
    }

    /// The contract, by address or by the id of its table. Nothing else may be known of it.
    fn read_called(
        &self,
        reader: &mut Reader<'_>,
        value: Value<'_>,
        chain: ChainId,
    ) -> Option<Account> {
        let text = reader.string(value, "contract")?;
        let at = value.span().start;
        let here = if self.contract_names.get(text).is_some() {
            let entry = self.contracts.iter().find(|entry| entry.id == text)?;
            if entry.account.chain_id != chain {
                let text = format!("contract `{text}` is on another chain than the function");
                reader.fault(
                    at,
                    PolicyCode::Conflict,
                    text,
                    "name a contract of the same chain",
                );
                return None;
            }
            entry.account
        } else {
            chain.at(reader.address_text(at, text)?)
        };
        let address = here.address;
        let mut assets = self.assets.iter().flatten();
        let is_asset = assets.any(|entry| entry.asset.identity() == (chain, Some(address)));
        let mut contracts = self.contracts.iter();
        let named = contracts.find(|entry| entry.account == here);
        let speaks = named.map(|entry| entry.protocol);
        let speaks = speaks.or_else(|| pinned(here));
        let is_wallet = self.wallets.iter().any(|wallet| wallet.address == address);
        let what = match speaks.filter(|protocol| *protocol != Protocol::UNKNOWN) {
            _ if is_asset => "an asset",
            _ if is_wallet => "a wallet",
            Some(protocol) => protocol.as_str(),
            None => return Some(here),
        };
        let text = format!("calls of this contract are read as those of {what}");
        let hint = "leave the function out: what is not understood there needs a person";
        reader.fault(at, PolicyCode::NeverVouched, text, hint);
        None
    }

    fn read_argument(
        &self,
        reader: &mut Reader<'_>,
        section: Section<'_>,
        signature: Option<&Signature>,
        chain: Option<ChainId>,
    ) -> Option<(Path, Condition)> {
        let get = |key: &str| section.table.get(key);
        let name = reader.required(
            section,
            "name",
            "write name = \"…\", one of the signature's arguments",
        )?;
        let text = reader.string(name, "name")?;
        let (path, kind) = read_path(reader, name.span().start, text, signature?)?;
        let bounds = get("min").or_else(|| get("max"));
        match (get("in"), bounds) {
            (Some(_), Some(bound)) => {
                let text = "an argument is one of a list or in a range, not both";
                reader.fault(
                    bound.span().start,
                    PolicyCode::Conflict,
                    text,
                    "leave one out",
                );
                None
            }
            (Some(values), None) => {
                let read = self.read_values(reader, values, kind, chain?)?;
                Some((path, read))
            }
            (None, Some(_)) => Some((path, read_range(reader, section, kind)?)),
            (None, None) => {
                let text = "a condition without `in`, `min` or `max`";
                let hint = "leave the table out if the argument may be anything";
                reader.fault(section.at, PolicyCode::MissingKey, text, hint);
                None
            }
        }
    }

    fn read_values(
        &self,
        reader: &mut Reader<'_>,
        values: Value<'_>,
        kind: &DynSolType,
        chain: ChainId,
    ) -> Option<Condition> {
        let (mut words, mut wallet, mut sound) = (Vec::new(), false, true);
        for element in reader.elements(values, "in")? {
            let at = element.span().start;
            let Some(text) = reader.string(element, "in") else {
                sound = false;
                continue;
            };
            let read = match kind {
                DynSolType::Address if text == "wallet" => {
                    wallet = true;
                    continue;
                }
                DynSolType::Address => match text.strip_prefix('@') {
                    Some(list) => self.read_listed(reader, at, list, chain),
                    None => reader
                        .address_text(at, text)
                        .map(|address| vec![address.into_word()]),
                },
                _ => read_word(reader, at, kind, text).map(|word| vec![word]),
            };
            match read {
                Some(read) => words.extend(read),
                None => sound = false,
            }
        }
        sound.then_some(Condition::In { words, wallet })
    }

    /// Everybody on a list. What is vouched for is known without the time.
    fn read_listed(
        &self,
        reader: &mut Reader<'_>,
        at: usize,
        list: &str,
        chain: ChainId,
    ) -> Option<Vec<B256>> {
        let index = reader.refer(at, list, "list", &self.list_names)?;
        let entries = &self.lists.get(index as usize)?.entries;
        if entries.iter().any(|entry| entry.expires_ms.is_some()) {
            let text = format!("entries of list `{list}` expire, and a function does not");
            let hint = "name the addresses, or a list without `expires`";
            reader.fault(at, PolicyCode::Conflict, text, hint);
            return None;
        }
        let here = entries
            .iter()
            .filter(|entry| entry.chain_id.is_none_or(|one| one == chain));
        Some(here.map(|entry| entry.address.into_word()).collect())
    }
}

/// Faults of `functions` and `not_functions` beside the other keys of their table.
pub(super) fn check_functions(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    kinds: Option<Bits>,
    ranged: bool,
) {
    let of = |key: &str| section.table.get(key).map(|value| value.span().start);
    let (named, spared) = (of(Functions::KEY), of(NotFunctions::KEY));
    let calls = Bits::kinds(&[EffectKind::Call]);
    let about_calls = kinds.is_none_or(|kinds| kinds == calls);
    // Others have no function, and pass `not_functions`.
    let some_calls = kinds.is_none_or(|kinds| kinds.has(EffectKind::Call as u8));
    for (key, at, fits) in [
        (Functions::KEY, named, about_calls),
        (NotFunctions::KEY, spared, some_calls),
    ] {
        if let Some(at) = at.filter(|_| !fits || ranged) {
            let text = format!("`{key}` is about effects without an amount: calls");
            let hint = "write effects = [\"call\"] in a table of its own";
            reader.fault(at, PolicyCode::Conflict, text, hint);
        }
    }
    if let Some(at) = spared.filter(|_| named.is_some()) {
        let text = "`not_functions` does nothing beside `functions`";
        reader.fault(at, PolicyCode::Conflict, text, "leave one out");
    }
}

fn read_signature(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Signature> {
    let text = reader.string(value, "signature")?;
    let at = value.span().start;
    match Signature::parse(text) {
        Ok(signature) if never(signature.selector()) => {
            let text = format!("`{}` may not be vouched for", signature.canonical());
            let hint = "register the contract as what it is, or let a person look at each call";
            reader.fault(at, PolicyCode::NeverVouched, text, hint);
            None
        }
        Ok(signature) => Some(signature),
        Err(why) => {
            let hint = "write it with full types, like \"castVote(uint256 id, uint8 support)\"";
            reader.fault(
                at,
                PolicyCode::BadValue,
                format!("`signature`: {why}"),
                hint,
            );
            None
        }
    }
}

fn read_range(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    kind: &DynSolType,
) -> Option<Condition> {
    let mut read = |key: &str| {
        let value = section.table.get(key)?;
        let at = value.span().start;
        if !matches!(kind, DynSolType::Uint(_) | DynSolType::Int(_)) {
            let text = format!("`{key}` compares integers, and this is `{kind}`");
            reader.fault(at, PolicyCode::Conflict, text, "write in = [\"…\"]");
            return Some(None);
        }
        let text = reader.string(value, key);
        Some(text.and_then(|text| read_word(reader, at, kind, text)))
    };
    let (min, max) = (flip(read("min")), flip(read("max")));
    let (min, max) = (min?, max?);
    if let Some((low, high)) = min.zip(max) {
        if rank(kind, low) > rank(kind, high) {
            let text = "the minimum is above the maximum: nothing is between them";
            reader.fault(
                section.at,
                PolicyCode::Conflict,
                text,
                "write a larger maximum",
            );
            return None;
        }
    }
    Some(Condition::Between { min, max })
}

pub(super) fn read_word(
    reader: &mut Reader<'_>,
    at: usize,
    kind: &DynSolType,
    text: &str,
) -> Option<B256> {
    let found = word(kind, text);
    if found.is_none() {
        let shown = crate::text::display_safe(text, 80);
        let (text, hint) = match kind {
            DynSolType::Uint(_) | DynSolType::Int(_) => (
                format!("`{shown}` is no value of type `{kind}`"),
                "write a whole number in base units: \"1\"",
            ),
            DynSolType::Bool => (
                format!("`{shown}` is no `bool`"),
                "write \"true\" or \"false\"",
            ),
            DynSolType::FixedBytes(_) => (
                format!("`{shown}` is no value of type `{kind}`"),
                "write 0x and two hexadecimal digits for each byte",
            ),
            _ => (
                format!("arguments of type `{kind}` are not compared"),
                "leave the condition out",
            ),
        };
        reader.fault(at, PolicyCode::BadValue, text, hint);
    }
    found
}
