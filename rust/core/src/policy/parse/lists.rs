//! Lists: addresses under a name, which other lists they are on, and how much may go to them.

use std::collections::HashSet;

use super::reader::{Reader, Section, Value};
use super::tables::{flip, ID_CHARS, LABEL_CHARS};
use super::File;
use crate::address::checksum;
use crate::amount::Usd;
use crate::code::PolicyCode;
use crate::effects::EffectKind;
use crate::policy::conditions::{each, Chains, Conditions, Range, To};
use crate::policy::model::{Bits, Forbid, Limit, List, ListEntry, Matcher, Measure, OnExceed, Per};
use crate::request::is_host;
use crate::spend::AMOUNT_MAX;
use crate::window::Span;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The most, in USD, that may go to an entry of a list, or to all of a list together.
const CAP_KEYS: [&str; 4] = [
    "payment_usd_max",
    "day_usd_max",
    "month_usd_max",
    "total_usd_max",
];

/// An entry that is on another list too.
pub(super) struct Tagged {
    /// Where the other list is named.
    at: usize,
    list: String,
    entry: ListEntry,
}

impl File {
    pub(super) fn read_lists(&mut self, reader: &mut Reader<'_>, root: Section<'_>) {
        let mut tagged = std::mem::take(&mut self.tagged);
        for section in reader.tables(root, "list") {
            reader.known(
                section,
                &[&["id", "entry", "domains"][..], &CAP_KEYS].concat(),
            );
            let id = reader.declare(section, &mut self.list_names, ID_CHARS);
            let name = format!("@{}", id.as_deref().unwrap_or_default());
            let number = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
            let to = Conditions {
                to: Some(To::list(number)),
                ..Conditions::default()
            };
            self.read_caps(reader, section, (&name, &to));
            let domains = section.table.get("domains");
            let domains = domains.and_then(|value| read_domains(reader, value));
            let domains = domains.unwrap_or_default();
            let mut seen = HashSet::new();
            let mut entries = Vec::new();
            for entry in reader.tables(section, "entry") {
                let keys = ["chain", "address", "label", "expires", "tags"];
                reader.known(entry, &[&keys[..], &CAP_KEYS].concat());
                let Some(entry_read) = self.read_entry(reader, entry) else {
                    continue;
                };
                if !seen.insert((entry_read.chain_id, entry_read.address)) {
                    let text = format!("`{}` is in this list already", entry_read.address);
                    reader.fault(
                        entry.at,
                        PolicyCode::DuplicateEntry,
                        text,
                        "keep one of them",
                    );
                }
                let chain = entry_read.chain_id.map(|id| format!("{id}:"));
                let (chain, address) = (chain.unwrap_or_default(), checksum(entry_read.address));
                let to = Conditions {
                    to: Some(To::address(entry_read.address)),
                    chains: entry_read.chain_id.map(Chains::one),
                    ..Conditions::default()
                };
                self.read_caps(reader, entry, (&format!("{name}/{chain}{address}"), &to));
                tagged.extend(read_tags(reader, entry, &entry_read));
                entries.push(entry_read);
            }
            if let Some(id) = id {
                self.lists.push(List {
                    id,
                    domains,
                    entries,
                    at: reader.place(section.at),
                });
            }
        }
        self.add_tagged(reader, tagged);
    }

    fn read_entry(&self, reader: &mut Reader<'_>, section: Section<'_>) -> Option<ListEntry> {
        let get = |key| section.table.get(key);
        let chain = get("chain").map(|value| self.chain_ref(reader, value, "chain"));
        let address = reader.required(section, "address", "write address = \"0x…\"");
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

    /// A tag is another list: what has it is on that list, and is there once.
    fn add_tagged(&mut self, reader: &mut Reader<'_>, tagged: Vec<Tagged>) {
        for Tagged { at, list, entry } in tagged {
            let number = reader.refer(at, &list, "list", &self.list_names);
            let list = number.and_then(|number| self.lists.get_mut(number as usize));
            let Some(list) = list else { continue };
            let place = |one: &ListEntry| (one.chain_id, one.address, one.expires_ms);
            if !list.entries.iter().any(|one| place(one) == place(&entry)) {
                list.entries.push(entry);
            }
        }
    }

    /// Caps are limits, and a forbid, that the file need not write: `name` is their id.
    fn read_caps(
        &mut self,
        reader: &mut Reader<'_>,
        section: Section<'_>,
        (name, to): (&str, &Conditions),
    ) {
        let mut cap = |key: &str| {
            let value = section.table.get(key)?;
            let usd = reader.usd(value, key)?;
            let text = format!("`{key}` is {usd}");
            let (code, hint) = match usd.0 {
                0 => (PolicyCode::Zero, "write a [[forbid]] to allow nothing"),
                AMOUNT_MAX.. => (PolicyCode::OutOfRange, "write a smaller amount"),
                _ => return Some(usd),
            };
            reader.fault(value.span().start, code, text, hint);
            None
        };
        let [payment, day, month, total] = CAP_KEYS.map(&mut cap);
        let at = reader.place(section.at);
        if let Some(most) = payment {
            self.forbids.push(Forbid {
                id: format!("{name}/payment"),
                matcher: Matcher {
                    kinds: Bits::kinds(&EffectKind::COSTLY),
                    conditions: to.clone(),
                    range: Range {
                        usd_above: Some(most),
                        ..Range::default()
                    },
                },
                at,
            });
        }
        let windows = [
            ("day", day, Span::Rolling(DAY_MS)),
            ("month", month, Span::Rolling(30 * DAY_MS)),
            ("total", total, Span::Lifetime),
        ];
        for (word, most, window) in windows {
            let Some(Usd(max)) = most else { continue };
            self.limits.push(Limit {
                id: format!("{name}/{word}"),
                per: Per::Global,
                measure: Measure::Usd,
                max,
                window,
                warn_percent: None,
                on_exceed: OnExceed::Deny,
                matcher: Matcher {
                    kinds: Bits::kinds(&EffectKind::COSTLY),
                    conditions: to.clone(),
                    range: Range::default(),
                },
                at,
            });
        }
    }
}

/// Host names, exact or `*.` and a name.
fn read_domains(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Vec<String>> {
    each(reader, value, "domains", |reader, element| {
        let text = reader.string(element, "domains")?;
        if is_host(text.strip_prefix("*.").unwrap_or(text)) {
            return Some(text.to_owned());
        }
        let shown = crate::text::display_safe(text, 64);
        let hint =
            "write \"api.example.com\" or \"*.example.com\", in lowercase and without https://";
        let text = format!("`{shown}` is not a host name");
        reader.fault(element.span().start, PolicyCode::BadValue, text, hint);
        None
    })
}

/// The other lists that an entry, or a contract, is on.
pub(super) fn read_tags(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    entry: &ListEntry,
) -> Vec<Tagged> {
    let elements = section
        .table
        .get("tags")
        .and_then(|value| reader.elements(value, "tags"));
    let mut tags: Vec<Tagged> = Vec::new();
    for element in elements.unwrap_or_default() {
        let Some(list) = reader.string(element, "tags") else {
            continue;
        };
        let at = element.span().start;
        if tags.iter().any(|other| other.list == list) {
            let text = format!("`{list}` twice in `tags`");
            reader.fault(at, PolicyCode::DuplicateEntry, text, "name it once");
        }
        tags.push(Tagged {
            at,
            list: list.to_owned(),
            entry: entry.clone(),
        });
    }
    tags
}
