//! Checks: which number a contract is asked for, and between which others it must be.

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{hex, U256};

use super::functions::read_word;
use super::reader::{Reader, Section, Value};
use super::scope::one_of;
use super::tables::{flip, ID_CHARS};
use super::File;
use crate::chain::{Account, ChainId};
use crate::code::PolicyCode;
use crate::function::Signature;
use crate::policy::check::{Argument, Check, RATIO_DECIMALS};
use crate::policy::conditions::each;

const KEYS: [&str; 12] = [
    "id",
    "chain",
    "contract",
    "function",
    "arguments",
    "output",
    "over",
    "decimals",
    "min",
    "max",
    "when",
    "age_max",
];
/// How old an answer may be, where the table does not say.
const AGE_MS: u64 = 60 * 1000;
const AGE_MS_MAX: u64 = 24 * 60 * 60 * 1000;
const DECIMALS_MAX: u64 = 36;

impl File {
    pub(super) fn read_checks(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "check") {
            reader.known(section, &KEYS);
            if let Some(check) = self.read_check(reader, section) {
                self.checks.push(check);
            }
        }
    }

    fn read_check(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<Check> {
        let id = reader.declare(section, &mut self.check_names, ID_CHARS);
        let hint = "write chain = …, the id of a [[chain]]";
        let chain = reader.required(section, "chain", hint);
        let chain = chain.and_then(|value| self.chain_ref(reader, value, "chain"));
        let hint = "write contract = \"0x…\", or the id of a [[contract]]";
        let contract = reader.required(section, "contract", hint);
        let contract = contract.and_then(|value| self.asked(reader, value, chain?));
        let hint = "write function = \"name(type argument) returns (type output)\"";
        let function = reader.required(section, "function", hint);
        let function = function.and_then(|value| read_function(reader, value));
        let hint = "write when = \"before\" or \"after\" the transaction";
        let when = reader.required(section, "when", hint);
        let words = [("before", false), ("after", true)];
        let after = when.and_then(|value| one_of(reader, value, "when", &words));
        let age = section.table.get("age_max");
        let age = age.map(|value| reader.duration(value, "age_max", 1000..=AGE_MS_MAX));
        let (signature, outputs) = function?;
        let arguments = read_arguments(reader, section, &signature);
        let number = read_number(reader, section, &outputs);
        let (output, over, decimals) = number?;
        let places = over.map_or(decimals, |_| RATIO_DECIMALS);
        let (min, max) = read_range(reader, section, places)?;
        Some(Check {
            id: id?,
            contract: contract?,
            after: after?,
            age_ms_max: flip(age)?.unwrap_or(AGE_MS),
            signature,
            arguments: arguments?,
            outputs,
            output,
            over,
            decimals,
            min,
            max,
            at: reader.place(section.at),
        })
    }

    /// The contract that is asked, by address or by the id of its table.
    fn asked(&self, reader: &mut Reader<'_>, value: Value<'_>, chain: ChainId) -> Option<Account> {
        let text = reader.string(value, "contract")?;
        let at = value.span().start;
        if self.contract_names.get(text).is_none() {
            return Some(chain.at(reader.address_text(at, text)?));
        }
        let entry = self.contracts.iter().find(|entry| entry.id == text)?;
        if entry.account.chain_id != chain {
            let text = format!("contract `{text}` is on another chain than the check");
            let hint = "name a contract of the same chain";
            reader.fault(at, PolicyCode::Conflict, text, hint);
            return None;
        }
        Some(entry.account)
    }

    /// The checks that a rule names, sorted.
    pub(super) fn checks_of_rule(
        &self,
        reader: &mut Reader<'_>,
        section: Section<'_>,
    ) -> Option<Vec<u32>> {
        let Some(value) = section.table.get("checks") else {
            return Some(Vec::new());
        };
        let mut found = each(reader, value, "checks", |reader, element| {
            let id = reader.string(element, "checks")?;
            reader.refer(element.span().start, id, "check", &self.check_names)
        })?;
        found.sort_unstable();
        Some(found)
    }
}

/// `name(type argument) returns (type output)`
fn read_function(reader: &mut Reader<'_>, value: Value<'_>) -> Option<(Signature, Signature)> {
    let text = reader.string(value, "function")?;
    let read = || {
        let parts = text.split_once(" returns ");
        let (call, outputs) = parts.ok_or_else(|| "it does not say what it returns".to_owned())?;
        let outputs = Signature::parse(&format!("returns{}", outputs.trim()))?;
        Ok::<_, String>((Signature::parse(call.trim())?, outputs))
    };
    let found = read();
    found
        .map_err(|why| {
            let hint = "write it with full types, like \"balanceOf(address owner) returns (uint256 balance)\"";
            let text = format!("`function`: {why}");
            reader.fault(value.span().start, PolicyCode::BadValue, text, hint);
        })
        .ok()
}

fn read_arguments(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    signature: &Signature,
) -> Option<Vec<Argument>> {
    let value = section.table.get("arguments");
    let at = value.map_or(section.at, |value| value.span().start);
    let given = match value {
        None => &[],
        Some(value) => match value.get_ref().as_array() {
            Some(array) => array.as_ref(),
            None => {
                reader.wrong_type(
                    value,
                    "arguments",
                    "a list",
                    "write arguments = [\"wallet\"]",
                );
                return None;
            }
        },
    };
    let (wanted, found) = (signature.types().len(), given.len());
    if wanted != found {
        let text = format!("the function takes {wanted} arguments, and `arguments` has {found}");
        let hint = "write one of each: \"wallet\", \"recipient\" or a value of its type";
        reader.fault(at, PolicyCode::BadValue, text, hint);
        return None;
    }
    // All of them are read, so that every fault is said.
    let read: Vec<_> = given
        .iter()
        .zip(signature.types())
        .map(|(value, kind)| read_argument(reader, value, kind))
        .collect();
    read.into_iter().collect()
}

fn read_argument(reader: &mut Reader<'_>, value: Value<'_>, kind: &DynSolType) -> Option<Argument> {
    match (kind, value.get_ref().as_str()) {
        (DynSolType::Address, Some("wallet")) => Some(Argument::Wallet),
        (DynSolType::Address, Some("recipient")) => Some(Argument::Recipient),
        _ => read_value(reader, value, kind).map(Argument::Value),
    }
}

/// A value as TOML writes it: lists for lists, text for everything else.
fn read_value(reader: &mut Reader<'_>, value: Value<'_>, kind: &DynSolType) -> Option<DynSolValue> {
    const KEY: &str = "arguments";
    let at = value.span().start;
    let (inner, size) = match kind {
        DynSolType::Array(inner) => (inner, None),
        DynSolType::FixedArray(inner, size) => (inner, Some(*size)),
        DynSolType::Address => {
            let text = reader.string(value, KEY)?;
            return reader.address_text(at, text).map(DynSolValue::Address);
        }
        DynSolType::String => {
            return Some(DynSolValue::String(reader.string(value, KEY)?.to_owned()));
        }
        DynSolType::Bytes => {
            let text = reader.string(value, KEY)?;
            let bytes = text
                .strip_prefix("0x")
                .and_then(|text| hex::decode(text).ok());
            if bytes.is_none() {
                let hint = "write 0x and two hexadecimal digits for each byte";
                reader.fault(at, PolicyCode::BadValue, "not bytes in hex", hint);
            }
            return bytes.map(DynSolValue::Bytes);
        }
        _ => {
            let text = reader.string(value, KEY)?;
            let word = read_word(reader, at, kind, text)?;
            return kind.abi_decode(word.as_slice()).ok();
        }
    };
    let Some(array) = value.get_ref().as_array() else {
        reader.wrong_type(value, KEY, "a list", "write [\"…\"], or [] for none");
        return None;
    };
    if size.is_some_and(|size| size != array.len()) {
        let text = format!("`{kind}` has another number of elements");
        reader.fault(
            at,
            PolicyCode::BadValue,
            text,
            "write as many as its type says",
        );
        return None;
    }
    let items: Vec<_> = array
        .iter()
        .map(|item| read_value(reader, item, inner))
        .collect();
    let items = items.into_iter().collect::<Option<_>>()?;
    Some(match size {
        Some(_) => DynSolValue::FixedArray(items),
        None => DynSolValue::Array(items),
    })
}

/// The output that is meant, what it is divided by, and its decimal places.
fn read_number(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    outputs: &Signature,
) -> Option<(usize, Option<usize>, u8)> {
    let hint = "write output = \"…\", a name behind `returns`";
    let output = reader.required(section, "output", hint);
    let over = section.table.get("over");
    let output =
        output.and_then(|value| read_output(reader, value, "output", outputs, over.is_none()));
    let over = over.map(|value| read_output(reader, value, "over", outputs, false));
    let decimals = section.table.get("decimals");
    let decimals = decimals.map(|value| reader.integer(value, "decimals", 0..=DECIMALS_MAX));
    let decimals = u8::try_from(flip(decimals)?.unwrap_or_default()).ok()?;
    Some((output?, flip(over)?, decimals))
}

fn read_output(
    reader: &mut Reader<'_>,
    value: Value<'_>,
    key: &str,
    outputs: &Signature,
    signed: bool,
) -> Option<usize> {
    let text = reader.string(value, key)?;
    let at = value.span().start;
    let Some(place) = outputs.members().place(text) else {
        let shown = crate::text::display_safe(text, 64);
        let text = format!("the function names no output `{shown}`");
        let known = outputs.members().names().collect::<Vec<_>>().join(", ");
        let hint = match known.is_empty() {
            true => "write names behind the types: \"returns (uint256 balance)\"".to_owned(),
            false => format!("it names {known}"),
        };
        reader.fault(at, PolicyCode::UnknownReference, text, hint);
        return None;
    };
    let kind = outputs.types().get(place)?;
    let fits = match kind {
        DynSolType::Uint(_) => true,
        // Of a bool, true is 1.
        DynSolType::Int(_) | DynSolType::Bool => signed,
        _ => false,
    };
    if !fits {
        let text = format!("`{key}` is a number, and this is `{kind}`");
        let hint = "name an output of type uint; without `over` it may be an int or a bool";
        reader.fault(at, PolicyCode::Conflict, text, hint);
        return None;
    }
    Some(place)
}

fn read_range(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    places: u8,
) -> Option<(Option<U256>, Option<U256>)> {
    let mut read = |key: &str| {
        let value = section.table.get(key)?;
        Some(reader.units(value, key, places))
    };
    let (min, max) = (flip(read("min")), flip(read("max")));
    let (min, max) = (min?, max?);
    let (text, hint) = match (min, max) {
        (None, None) => (
            "a check without `min` and `max` asks for nothing",
            "write the least, or the most, that it may be",
        ),
        (Some(min), Some(max)) if min > max => (
            "the minimum is above the maximum: nothing is between them",
            "write a larger maximum",
        ),
        // An int of the contract has no room for more.
        (min, max) if [min, max].into_iter().flatten().any(|bound| bound.bit(255)) => {
            ("a bound is too large", "write a smaller number")
        }
        range => return Some(range),
    };
    reader.fault(section.at, PolicyCode::Conflict, text, hint);
    None
}
