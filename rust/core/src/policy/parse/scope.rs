//! What a rule, a forbid or a limit matches by.

use alloy_primitives::U256;
use toml::de::DeValue;
use toml::Spanned;

use super::reader::{closest, Reader, Section, Value};
use super::tables::flip;
use super::File;
use crate::asset::Asset;
use crate::chain::ChainId;
use crate::code::PolicyCode;
use crate::effects::EffectKind;
use crate::policy::model::{method_of, Bits, Matcher, Targets};

pub(super) const SCOPE_KEYS: [&str; 8] = [
    "agents", "wallets", "chains", "methods", "effects", "assets", "to", "not_to",
];
pub(super) const RANGE_KEYS: [&str; 4] = ["amount_max", "amount_above", "usd_max", "usd_above"];

pub(super) const FUNCTION_KEYS: [&str; 2] = ["functions", "not_functions"];

/// Everything but the fee, which needs no grant.
fn grantable() -> Vec<EffectKind> {
    let all = EffectKind::ALL.into_iter();
    all.filter(|kind| *kind != EffectKind::Fee).collect()
}

impl File {
    /// Everything a rule or a forbid can match by. If it compares amounts, its effects must have
    /// some.
    pub(super) fn read_matcher(
        &self,
        reader: &mut Reader<'_>,
        section: Section<'_>,
    ) -> Option<Matcher> {
        let get = |key: &str| section.table.get(key);
        let ranged = RANGE_KEYS.iter().any(|key| get(key).is_some());
        let calling = FUNCTION_KEYS.iter().find_map(|key| get(key));
        let kinds = match get("effects") {
            Some(value) => read_kinds(reader, value, &grantable(), ranged),
            None if calling.is_some() => Some(Bits::kinds(&[EffectKind::Call])),
            None if ranged => Some(Bits::kinds(&EffectKind::MEASURED)),
            None => Some(Bits::kinds(&grantable())),
        };
        let functions = self.functions_named(reader, section, kinds, ranged);
        let scope = self.read_scope(reader, section, kinds);
        let units = |reader: &mut Reader<'_>, key: &str| {
            get(key).map(|value| self.read_units(reader, section, value, key))
        };
        let (amount_max, above) = (units(reader, "amount_max"), units(reader, "amount_above"));
        let usd_max = get("usd_max").map(|value| reader.usd(value, "usd_max"));
        let usd_above = get("usd_above").map(|value| reader.usd(value, "usd_above"));
        not_empty(
            reader,
            get("amount_max"),
            amount_max.flatten(),
            above.flatten(),
        );
        not_empty(
            reader,
            get("usd_max"),
            usd_max.flatten(),
            usd_above.flatten(),
        );
        let (functions, not_functions) = functions?;
        Some(Matcher {
            functions,
            not_functions,
            amount_max: flip(amount_max)?,
            amount_above: flip(above)?,
            usd_max: flip(usd_max)?,
            usd_above: flip(usd_above)?,
            ..scope?
        })
    }

    /// What a limit matches by: all of the above but amounts.
    pub(super) fn read_limit_matcher(
        &self,
        reader: &mut Reader<'_>,
        section: Section<'_>,
        allowed: &[EffectKind],
        default: &[EffectKind],
    ) -> Option<Matcher> {
        let kinds = match section.table.get("effects") {
            Some(value) => read_kinds(reader, value, allowed, false),
            None => Some(Bits::kinds(default)),
        };
        self.read_scope(reader, section, kinds)
    }

    fn read_scope(
        &self,
        reader: &mut Reader<'_>,
        section: Section<'_>,
        kinds: Option<Bits>,
    ) -> Option<Matcher> {
        let get = |key| section.table.get(key);
        let agents = get("agents");
        let agents = agents.map(|v| reader.references(v, "agents", "agent", &self.agent_names));
        let wallets = get("wallets").map(|v| self.wallet_refs(reader, v, "wallets"));
        let chains = get("chains").map(|v| self.read_chain_refs(reader, v));
        let methods = get("methods").map(|v| read_methods(reader, v));
        let assets = get("assets");
        let assets = assets.map(|v| self.asset_refs(reader, v));
        let to = get("to").map(|v| self.read_targets(reader, v, "to"));
        let not_to = get("not_to").map(|v| self.read_targets(reader, v, "not_to"));
        Some(Matcher {
            agents: flip(agents)?.map(sorted),
            wallets: flip(wallets)?.map(sorted),
            chains: flip(chains)?.map(sorted),
            methods: flip(methods)?,
            kinds: kinds?,
            assets: flip(assets)?.map(sorted),
            to: flip(to)?,
            not_to: flip(not_to)?,
            ..Matcher::default()
        })
    }

    /// Assets by id, and `#group` for all of a group.
    fn asset_refs(&self, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        let mut all = true;
        for element in reader.elements(value, "assets")? {
            let at = element.span().start;
            let name = reader.string(element, "assets");
            let Some(name) = name else {
                all = false;
                continue;
            };
            let numbers = match name.strip_prefix('#') {
                Some(group) => self.group(group),
                None => {
                    let number = reader.refer(at, name, "asset", &self.asset_names);
                    number.into_iter().collect()
                }
            };
            if numbers.is_empty() {
                all = false;
                if name.starts_with('#') {
                    let text = format!(
                        "no asset is in group `{}`",
                        crate::text::display_safe(name, 64)
                    );
                    let hint = "write `group` in the tables of its assets";
                    reader.fault(at, PolicyCode::UnknownReference, text, hint);
                }
            }
            for number in numbers {
                once(reader, &mut found, number, element, "assets");
            }
        }
        all.then_some(found)
    }

    fn read_chain_refs(&self, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Vec<ChainId>> {
        let mut chains = Vec::new();
        let mut all = true;
        for element in reader.elements(value, "chains")? {
            match self.chain_ref(reader, element, "chains") {
                Some(id) => once(reader, &mut chains, id, element, "chains"),
                None => all = false,
            }
        }
        all.then_some(chains)
    }

    fn read_targets(
        &self,
        reader: &mut Reader<'_>,
        value: Value<'_>,
        key: &str,
    ) -> Option<Targets> {
        let mut targets = Targets::default();
        let mut all = true;
        for element in reader.elements(value, key)? {
            let at = element.span().start;
            let Some(text) = reader.string(element, key) else {
                all = false;
                continue;
            };
            if let Some(list) = text.strip_prefix('@') {
                match reader.refer(at, list, "list", &self.list_names) {
                    Some(index) => once(reader, &mut targets.lists, index, element, key),
                    None => all = false,
                }
            } else if self.list_names.get(text).is_some() {
                let hint = format!("write \"@{text}\"");
                reader.fault(
                    at,
                    PolicyCode::BadAddress,
                    format!("`{text}` is a list"),
                    hint,
                );
                all = false;
            } else {
                match reader.address_text(at, text) {
                    Some(address) => once(reader, &mut targets.addresses, address, element, key),
                    None => all = false,
                }
            }
        }
        targets.lists.sort_unstable();
        targets.addresses.sort_unstable();
        all.then_some(targets)
    }

    /// The one asset of `assets`, which `key` cannot do without.
    pub(super) fn one_asset(
        &self,
        reader: &mut Reader<'_>,
        section: Section<'_>,
        key: &str,
    ) -> Option<Asset> {
        let named = section
            .table
            .get("assets")
            .and_then(|value| value.get_ref().as_array());
        let one = match named
            .map(|array| array.iter().collect::<Vec<_>>())
            .as_deref()
        {
            Some([one]) => one.get_ref().as_str(),
            _ => {
                let at = section
                    .table
                    .get(key)
                    .map_or(section.at, |value| value.span().start);
                let text =
                    format!("`{key}` needs exactly one asset: amounts of two cannot be compared");
                reader.fault(
                    at,
                    PolicyCode::OneAsset,
                    text,
                    "name one in `assets`, or measure in usd",
                );
                return None;
            }
        };
        let index = match one?.strip_prefix('#') {
            // Members of a group have the same decimals.
            Some(group) => self.group(group).first().copied(),
            None => self.asset_names.get(one?),
        };
        let index = index?;
        self.assets
            .get(index as usize)?
            .as_ref()
            .map(|entry| entry.asset.clone())
    }

    fn read_units(
        &self,
        reader: &mut Reader<'_>,
        section: Section<'_>,
        value: Value<'_>,
        key: &str,
    ) -> Option<U256> {
        let asset = self.one_asset(reader, section, key)?;
        reader.units(value, key, asset.decimals)
    }
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items
}

/// Adds an item that must not be there yet.
fn once<T: PartialEq>(
    reader: &mut Reader<'_>,
    items: &mut Vec<T>,
    item: T,
    value: &Spanned<DeValue<'_>>,
    key: &str,
) {
    if items.contains(&item) {
        let text = format!("the same entry twice in `{key}`");
        reader.fault(
            value.span().start,
            PolicyCode::DuplicateEntry,
            text,
            "name it once",
        );
        return;
    }
    items.push(item);
}

/// A range that starts where it ends matches nothing, and a maximum of zero is no limit anybody
/// means.
fn not_empty<T: PartialOrd + Default>(
    reader: &mut Reader<'_>,
    value: Option<Value<'_>>,
    max: Option<T>,
    above: Option<T>,
) {
    let (Some(value), Some(max)) = (value, max) else {
        return;
    };
    let at = value.span().start;
    if max == T::default() {
        reader.fault(
            at,
            PolicyCode::Zero,
            "a maximum of zero",
            "write more than zero, or leave the rule out",
        );
    } else if above.is_some_and(|above| above >= max) {
        let text = "the maximum is not above the exclusive minimum: nothing is between them";
        reader.fault(at, PolicyCode::Conflict, text, "write a larger maximum");
    }
}

pub(super) fn one_of<T: Copy>(
    reader: &mut Reader<'_>,
    value: Value<'_>,
    key: &str,
    words: &[(&str, T)],
) -> Option<T> {
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    let known = || format!("write one of {}, in quotes", names.join(", "));
    let Some(word) = value.get_ref().as_str() else {
        reader.wrong_type(value, key, "a string", known());
        return None;
    };
    let found = words
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, meaning)| *meaning);
    if found.is_none() {
        let text = format!("`{key}` is `{}`", crate::text::display_safe(word, 40));
        let hint = match closest(word, &names) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => known(),
        };
        reader.fault(value.span().start, PolicyCode::BadValue, text, hint);
    }
    found
}

fn read_kinds(
    reader: &mut Reader<'_>,
    value: Value<'_>,
    allowed: &[EffectKind],
    ranged: bool,
) -> Option<Bits> {
    let words: Vec<(&str, EffectKind)> = EffectKind::ALL
        .iter()
        .map(|kind| (kind.as_str(), *kind))
        .collect();
    let mut kinds = Vec::new();
    let mut all = true;
    for element in reader.elements(value, "effects")? {
        let Some(kind) = one_of(reader, element, "effects", &words) else {
            all = false;
            continue;
        };
        let at = element.span().start;
        let word = kind.as_str();
        if !allowed.contains(&kind) && allowed == EffectKind::STANDING {
            let text = format!("`{word}` gives no lasting permission");
            let hint = "write transfer (signed as a document), allowance or order";
            reader.fault(at, PolicyCode::BadValue, text, hint);
        } else if kind == EffectKind::Fee && !allowed.contains(&kind) {
            let hint = "leave it out: [[chain]] caps the fee and limits count it";
            reader.fault(
                at,
                PolicyCode::BadValue,
                "`fee` needs no grant and cannot be forbidden",
                hint,
            );
        } else if !allowed.contains(&kind) || (ranged && !EffectKind::MEASURED.contains(&kind)) {
            let text = format!("`{word}` has no amount to compare");
            reader.fault(
                at,
                PolicyCode::BadValue,
                text,
                "measure by count, or use a table without amounts",
            );
        }
        once(reader, &mut kinds, kind, element, "effects");
    }
    all.then(|| Bits::kinds(&kinds))
}

fn read_methods(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Bits> {
    let mut methods = Vec::new();
    let mut all = true;
    for element in reader.elements(value, "methods")? {
        let word = reader.string(element, "methods");
        match word.map(method_of) {
            Some(Some(method)) => once(reader, &mut methods, method, element, "methods"),
            Some(None) => {
                let text = "not a method that signs";
                let hint = "write eth_sendTransaction, eth_signTransaction, personal_sign or \
                            eth_signTypedData_v4 (other spellings of these count as the same)";
                reader.fault(element.span().start, PolicyCode::BadValue, text, hint);
                all = false;
            }
            None => all = false,
        }
    }
    let bits = methods
        .iter()
        .fold(Bits::default(), |bits, method| bits.with(*method as u8));
    all.then_some(bits)
}
