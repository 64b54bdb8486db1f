//! What a rule, a forbid or a limit matches by.

use alloy_primitives::U256;

use super::deadlines::check_deadlines;
use super::functions::check_functions;
use super::reader::{closest, Reader, Section, Value};
use super::tables::flip;
use super::File;
use crate::asset::Asset;
use crate::code::PolicyCode;
use crate::effects::EffectKind;
use crate::policy::conditions::{once, range, Conditions, Range, FUNCTION_KEYS};
use crate::policy::model::{Bits, Matcher};

/// The key of the kinds of effects that a table is about.
pub(super) const KIND_KEY: [&str; 1] = ["effects"];

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
        let ranged = range::KEYS.iter().any(|key| get(key).is_some());
        let calling = FUNCTION_KEYS.iter().find_map(|key| get(key));
        let kinds = match get("effects") {
            Some(value) => read_kinds(reader, value, &grantable(), ranged),
            None if calling.is_some() => Some(Bits::kinds(&[EffectKind::Call])),
            None if ranged => Some(Bits::kinds(&EffectKind::MEASURED)),
            None => Some(Bits::kinds(&grantable())),
        };
        check_functions(reader, section, kinds, ranged);
        let conditions = Conditions::read(self, reader, section);
        if let Some(conditions) = &conditions {
            check_deadlines(reader, section, conditions);
        }
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
        Some(Matcher {
            kinds: kinds?,
            conditions: conditions?,
            range: Range {
                amount_max: flip(amount_max)?,
                amount_above: flip(above)?,
                usd_max: flip(usd_max)?,
                usd_above: flip(usd_above)?,
            },
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
        let conditions = Conditions::read(self, reader, section);
        Some(Matcher {
            kinds: kinds?,
            conditions: conditions?,
            range: Range::default(),
        })
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
