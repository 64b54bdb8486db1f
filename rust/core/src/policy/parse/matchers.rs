//! Rules, forbids and limits: what they match and what they do.

use toml::de::DeValue;
use toml::Spanned;

use super::reader::{closest, Reader, Section, Value};
use super::tables::{flip, ID_CHARS};
use super::File;
use crate::asset::Asset;
use crate::effects::EffectKind;
use crate::policy::model::{
    method_of, Bits, Forbid, Limit, Matcher, Measure, OnExceed, Per, Rule, Targets,
};
use crate::policy::spend::AMOUNT_MAX;
use crate::policy::verdict::Verdict;
use crate::window::LEDGER_MS;

/// Approvals a rule may ask for.
const QUORUM_MAX: u64 = 16;
/// Approval when a rule or a limit does not say more.
pub(crate) const APPROVAL: Verdict = Verdict::Approval {
    quorum: 1,
    timeout_ms: TIMEOUT_MS,
};
const TIMEOUT_MS: u64 = 30 * 60 * 1000;
const TIMEOUT_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;
/// A delay has to leave time to notice and to stop.
const DELAY_MS_MIN: u64 = 180 * 1000;
const DELAY_MS_MAX: u64 = 24 * 60 * 60 * 1000;

const SCOPE_KEYS: [&str; 8] = [
    "agents", "wallets", "chains", "methods", "effects", "assets", "to", "not_to",
];
const RANGE_KEYS: [&str; 4] = ["amount_max", "amount_above", "usd_max", "usd_above"];

use EffectKind::{Allowance, Call, Deploy, Fee, Message, Revoke, Transfer, TypedData};

/// Everything but the fee, which needs no grant.
const GRANTABLE: [EffectKind; 7] = [
    Transfer, Allowance, Revoke, Deploy, Call, TypedData, Message,
];
/// What has an amount a rule can compare.
const MEASURED: [EffectKind; 3] = [Transfer, Allowance, Revoke];
/// What costs something: the default of a limit.
const COSTLY: [EffectKind; 3] = [Transfer, Allowance, Fee];

impl File {
    pub(super) fn read_rules(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "rule") {
            let own = ["id", "tier", "delay", "quorum", "timeout"];
            reader.known(section, &[&own[..], &SCOPE_KEYS, &RANGE_KEYS].concat());
            let id = reader.declare(section, &mut self.rule_names, ID_CHARS);
            let effects = reader
                .required(section, "effects", "[\"transfer\"]")
                .is_some();
            let matcher = self.read_matcher(reader, section);
            let tier = read_tier(reader, section);
            if let (Some(id), true, Some(matcher), Some(tier)) = (id, effects, matcher, tier) {
                let at = reader.place(section.at);
                self.rules.push(Rule {
                    id,
                    tier,
                    matcher,
                    at,
                });
            }
        }
    }

    pub(super) fn read_forbids(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "forbid") {
            reader.known(section, &[&["id"][..], &SCOPE_KEYS, &RANGE_KEYS].concat());
            let id = reader.declare(section, &mut self.forbid_names, ID_CHARS);
            let matcher = self.read_matcher(reader, section);
            if let (Some(id), Some(matcher)) = (id, matcher) {
                self.forbids.push(Forbid {
                    id,
                    matcher,
                    at: reader.place(section.at),
                });
            }
        }
    }

    pub(super) fn read_limits(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        for section in reader.tables(root, "limit") {
            let own = ["id", "per", "measure", "max", "window", "on_exceed"];
            reader.known(section, &[&own[..], &SCOPE_KEYS].concat());
            if let Some(limit) = self.read_limit(reader, section) {
                self.limits.push(limit);
            }
        }
    }

    fn read_limit(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<Limit> {
        let id = reader.declare(section, &mut self.limit_names, ID_CHARS);
        let words = [
            ("agent", Per::Agent),
            ("wallet", Per::Wallet),
            ("recipient", Per::Recipient),
            ("global", Per::Global),
        ];
        let per = reader.required(section, "per", "\"agent\"");
        let per = per.and_then(|value| one_of(reader, value, "per", &words));
        let words = [("count", 0), ("usd", 1), ("amount", 2)];
        let measure = reader.required(section, "measure", "\"usd\"");
        let measure = measure.and_then(|value| one_of(reader, value, "measure", &words));
        let matcher = match measure {
            Some(0) => self.read_limit_matcher(reader, section, &EffectKind::ALL),
            _ => self.read_limit_matcher(reader, section, &COSTLY),
        };
        let asset = if measure == Some(2) {
            self.one_asset(reader, section, "measure")
        } else {
            None
        };
        let measure = match measure {
            Some(0) => Some(Measure::Count),
            Some(1) => Some(Measure::Usd),
            Some(_) => asset.map(Measure::Amount),
            None => None,
        };
        let max = reader.required(section, "max", "\"200\"");
        let max = max
            .zip(measure.as_ref())
            .and_then(|(value, measure)| read_max(reader, value, measure));
        let window = reader.required(section, "window", "\"24h\"");
        let window = window.and_then(|value| reader.duration(value, "window", 1000..=LEDGER_MS));
        let words = [("deny", OnExceed::Deny), ("approval", OnExceed::Approval)];
        let on_exceed = reader.required(section, "on_exceed", "\"deny\"");
        let on_exceed = on_exceed.and_then(|value| one_of(reader, value, "on_exceed", &words));
        Some(Limit {
            id: id?,
            per: per?,
            measure: measure?,
            max: max?,
            window_ms: window?,
            on_exceed: on_exceed?,
            matcher: matcher?,
            at: reader.place(section.at),
        })
    }

    /// Everything a rule or a forbid can match by. If it compares amounts, its effects must have some.
    fn read_matcher(&self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<Matcher> {
        let get = |key: &str| section.table.get(key);
        let ranged = RANGE_KEYS.iter().any(|key| get(key).is_some());
        let kinds = match get("effects") {
            Some(value) => read_kinds(reader, value, &GRANTABLE, ranged),
            None if ranged => Some(Bits::kinds(&MEASURED)),
            None => Some(Bits::kinds(&GRANTABLE)),
        };
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
        Some(Matcher {
            amount_max: flip(amount_max)?,
            amount_above: flip(above)?,
            usd_max: flip(usd_max)?,
            usd_above: flip(usd_above)?,
            ..scope?
        })
    }

    /// What a limit matches by: all of the above but amounts.
    fn read_limit_matcher(
        &self,
        reader: &mut Reader<'_>,
        section: Section<'_>,
        allowed: &[EffectKind],
    ) -> Option<Matcher> {
        let kinds = match section.table.get("effects") {
            Some(value) => read_kinds(reader, value, allowed, false),
            None => Some(Bits::kinds(&COSTLY)),
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
        let assets = assets.map(|v| reader.references(v, "assets", "asset", &self.asset_names));
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

    fn read_chain_refs(&self, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Vec<u64>> {
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
            let Some(text) = reader.string(element, key, "[\"@a-list\"]") else {
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
                reader.fault(at, "bad_address", format!("`{text}` is a list"), hint);
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
    fn one_asset(&self, reader: &mut Reader<'_>, section: Section<'_>, key: &str) -> Option<Asset> {
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
                    "one_asset",
                    text,
                    "write assets = [\"usdc\"], or measure in usd",
                );
                return None;
            }
        };
        let index = self.asset_names.get(one?)?;
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
    ) -> Option<alloy_primitives::U256> {
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
        reader.fault(value.span().start, "duplicate_entry", text, "name it once");
        return;
    }
    items.push(item);
}

/// A range that starts where it ends matches nothing, and a maximum of zero is no limit anybody means.
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
            "zero",
            "a maximum of zero",
            "write more than zero, or leave the rule out",
        );
    } else if above.is_some_and(|above| above >= max) {
        let text = "the maximum is not above the exclusive minimum: nothing is between them";
        reader.fault(at, "conflict", text, "write a larger maximum");
    }
}

fn one_of<T: Copy>(
    reader: &mut Reader<'_>,
    value: Value<'_>,
    key: &str,
    words: &[(&str, T)],
) -> Option<T> {
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    let word = reader.string(value, key, &format!("\"{}\"", names.first().unwrap_or(&"")))?;
    let found = words
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, meaning)| *meaning);
    if found.is_none() {
        let text = format!("`{key}` is `{}`", crate::text::display_safe(word, 40));
        let hint = match closest(word, &names) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => format!("write one of {}", names.join(", ")),
        };
        reader.fault(value.span().start, "bad_value", text, hint);
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
        if kind == Fee && !allowed.contains(&kind) {
            let hint = "leave it out: [[chain]] caps the fee and limits count it";
            reader.fault(
                at,
                "bad_value",
                "`fee` needs no grant and cannot be forbidden",
                hint,
            );
        } else if !allowed.contains(&kind) || (ranged && !MEASURED.contains(&kind)) {
            let text = format!("`{word}` has no amount to compare");
            reader.fault(
                at,
                "bad_value",
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
        let word = reader.string(element, "methods", "[\"eth_sendTransaction\"]");
        match word.map(method_of) {
            Some(Some(method)) => once(reader, &mut methods, method, element, "methods"),
            Some(None) => {
                let text = "not a method that signs";
                let hint = "write eth_sendTransaction, eth_signTransaction, personal_sign or \
                            eth_signTypedData_v4 (other spellings of these count as the same)";
                reader.fault(element.span().start, "bad_value", text, hint);
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

fn read_tier(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Verdict> {
    let words = [("instant", 0), ("notify", 1), ("delay", 2), ("approval", 3)];
    let tier = reader.required(section, "tier", "\"approval\"");
    let tier = tier.and_then(|value| one_of(reader, value, "tier", &words))?;
    for (key, owner) in [("delay", 2), ("quorum", 3), ("timeout", 3)] {
        let Some(value) = section.table.get(key).filter(|_| tier != owner) else {
            continue;
        };
        let word = words.get(owner).map_or("", |(word, _)| *word);
        let text = format!("`{key}` does nothing without tier = \"{word}\"");
        reader.fault(
            value.span().start,
            "conflict",
            text,
            "leave it out, or change the tier",
        );
    }
    match tier {
        0 => Some(Verdict::Instant),
        1 => Some(Verdict::Notify),
        2 => {
            let delay = reader.required(section, "delay", "\"10m\"")?;
            let delay_ms = reader.duration(delay, "delay", DELAY_MS_MIN..=DELAY_MS_MAX)?;
            Some(Verdict::Delay { delay_ms })
        }
        _ => {
            let quorum = section.table.get("quorum");
            let quorum = quorum.map(|value| reader.integer(value, "quorum", 1..=QUORUM_MAX));
            let timeout = section.table.get("timeout");
            let timeout =
                timeout.map(|value| reader.duration(value, "timeout", 1000..=TIMEOUT_MS_MAX));
            let quorum = u8::try_from(flip(quorum)?.unwrap_or(1)).ok()?;
            Some(Verdict::Approval {
                quorum,
                timeout_ms: flip(timeout)?.unwrap_or(TIMEOUT_MS),
            })
        }
    }
}

/// The most a limit allows: below `AMOUNT_MAX`, so that an amount that was cut exceeds it.
fn read_max(reader: &mut Reader<'_>, value: Value<'_>, measure: &Measure) -> Option<u128> {
    let max = match measure {
        Measure::Count => u128::from(reader.integer(value, "max", 1..=(1 << 53) - 1)?),
        Measure::Usd => reader.usd(value, "max")?.0,
        Measure::Amount(asset) => {
            let units = reader.units(value, "max", asset.decimals)?;
            u128::try_from(units).unwrap_or(u128::MAX)
        }
    };
    let at = value.span().start;
    if max == 0 {
        reader.fault(
            at,
            "zero",
            "`max` is zero",
            "write a [[forbid]] to allow nothing",
        );
        return None;
    }
    if max >= AMOUNT_MAX {
        reader.fault(
            at,
            "out_of_range",
            "`max` is too large to count",
            "write less than 2^120 base units",
        );
        return None;
    }
    Some(max)
}
