//! The fields of a format, one line each.

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::Value;

use super::field::{is_same, Field, Place};
use super::path::{self, Path, Root, Spot, SPOTS_MAX};
use super::tree::Node;
use super::value::{raw, shown_as, text_of, SIGNER};
use super::{string, Container, Descriptor, Library, Said};
use crate::asset::Registry;
use crate::display::DisplayLine;
use crate::text::display_safe;

const LINES_MAX: usize = 200;
const DOUBTS_MAX: usize = 8;
const GROUPS_MAX: usize = 16;
/// Fields looked at for one request, those of inner calls included.
const WORK_MAX: u32 = 4_000;
const LABEL_CHARS_MAX: usize = 80;
const VALUE_CHARS_MAX: usize = 1_024;

/// What is left to be done for one request: a descriptor can send a reader in circles.
pub(super) struct Work(Cell<u32>);

impl Work {
    pub(super) const fn new() -> Self {
        Self(Cell::new(WORK_MAX))
    }

    pub(super) fn is_spent(&self) -> bool {
        match self.0.get().checked_sub(1) {
            Some(left) => {
                self.0.set(left);
                false
            }
            None => true,
        }
    }
}

/// One request and everything that says what it means.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub library: &'a Library,
    pub descriptor: &'a Descriptor,
    pub container: &'a Container,
    pub assets: &'a Registry,
    pub root: &'a Node,
    pub depth: usize,
    pub work: &'a Work,
}

/// Where a list of fields stands.
#[derive(Clone, Copy)]
struct Frame<'f> {
    group: &'f Spot,
    excluded: &'f [&'f str],
    depth: usize,
    /// Of arrays that are shown side by side: only these items.
    only: Option<usize>,
}

impl Scene<'_> {
    pub(super) fn say(&self, format: &Value) -> Said {
        let mut said = Said::default();
        let metadata = self.descriptor.whole.get("metadata");
        let named = |name: &str| metadata.and_then(|metadata| string(metadata, name));
        if let Some(owner) = named("owner").or_else(|| named("contractName")) {
            said.push("Interaction with", owner);
        }
        match format.get("intent") {
            Some(Value::String(intent)) => said.push("Intent", intent),
            Some(Value::Object(intents)) => {
                for (label, value) in intents.iter().take(LINES_MAX) {
                    said.push(label, value.as_str().unwrap_or_default());
                }
            }
            _ => {}
        }
        if let Some(sentence) = self.sentence(format) {
            said.push("In short", &sentence);
        }
        let excluded = format.get("excluded").and_then(Value::as_array);
        let excluded = excluded.into_iter().flatten().take(LINES_MAX);
        let excluded: Vec<&str> = excluded.filter_map(Value::as_str).collect();
        let frame = Frame {
            group: &Spot::default(),
            excluded: &excluded,
            depth: 0,
            only: None,
        };
        self.fields(format, frame, &mut said);
        said
    }

    fn fields(&self, parent: &Value, frame: Frame<'_>, said: &mut Said) {
        let fields = parent.get("fields").and_then(Value::as_array);
        for field in fields.into_iter().flatten() {
            let full = said.fields.len() >= LINES_MAX || frame.depth >= GROUPS_MAX;
            if full || self.work.is_spent() {
                said.is_incomplete();
                return;
            }
            if string(field, "path").is_some_and(|path| frame.excluded.contains(&path)) {
                continue;
            }
            let field = Field::new(field, &self.descriptor.whole);
            if self.field(field, frame, said).is_none() {
                said.is_incomplete();
            }
        }
    }

    /// `None` when the field does not fit the data.
    fn field(&self, field: Field<'_>, frame: Frame<'_>, said: &mut Said) -> Option<()> {
        if field.string("visible") == Some("never") {
            return Some(());
        }
        if field.get("fields").is_some() {
            return self.group(field, frame, said);
        }
        let label = field.string("label").unwrap_or_default();
        let place = Place {
            scene: self,
            field,
            group: frame.group,
            spot: frame.group,
        };
        if field.get("value").is_some() {
            return self.show(label, &place.literal()?, &place, said);
        }
        let text = field.string("path")?;
        if text.starts_with("$.") {
            let value = path::of_descriptor(text, &self.descriptor.whole)?;
            said.push(label, &text_of(value));
            return Some(());
        }
        let path = path::parse(text)?;
        if path.root != Root::Data {
            if self.container.from.is_none() && path.is_container("from") {
                said.push(label, SIGNER);
                return Some(());
            }
            let node = path.value(self.root, self.container)?;
            return self.show(label, &node, &place, said);
        }
        for (number, spot) in self.spots(&path, frame.group, said)?.iter().enumerate() {
            if frame.only.is_some_and(|only| only != number) {
                continue;
            }
            let node = path::walk(self.root, &spot.steps)?;
            let label = separated(field, label, spot);
            self.show(&label, &node, &Place { spot, ..place }, said)?;
            if said.fields.len() >= LINES_MAX {
                return None;
            }
        }
        Some(())
    }

    /// A list of fields below a path, once for each item it stands for.
    fn group(&self, field: Field<'_>, frame: Frame<'_>, said: &mut Said) -> Option<()> {
        let depth = frame.depth.saturating_add(1);
        let parent = field.own();
        let bundled = field.string("iteration") == Some("bundled");
        let spots = match field.string("path") {
            Some(text) => self.spots(&path::parse(text)?, frame.group, said)?,
            None => vec![frame.group.clone()],
        };
        for (number, group) in spots.iter().enumerate() {
            let own = field.string("path").is_some();
            if own && frame.only.is_some_and(|only| only != number) {
                continue;
            }
            let only = frame.only.filter(|_| !own);
            let inner = Frame {
                group,
                depth,
                only,
                ..frame
            };
            if !bundled {
                self.fields(parent, inner, said);
                continue;
            }
            for number in 0..self.items(parent, group, said) {
                let only = Some(number);
                self.fields(parent, Frame { only, ..inner }, said);
            }
        }
        Some(())
    }

    /// How many items the arrays of a group have.
    fn items(&self, parent: &Value, group: &Spot, said: &mut Said) -> usize {
        let fields = parent.get("fields").and_then(Value::as_array);
        let mut found: Option<usize> = None;
        for field in fields.into_iter().flatten().take(LINES_MAX) {
            let path = string(field, "path").and_then(path::parse);
            let Some(path) = path.filter(|path| path.root == Root::Data) else {
                continue;
            };
            let items = path.spots(group, self.root).found.len();
            if found.is_some_and(|found| found != items) {
                said.is_incomplete();
            }
            found = Some(found.map_or(items, |found| found.max(items)));
        }
        found.unwrap_or(1)
    }

    fn spots(&self, path: &Path, group: &Spot, said: &mut Said) -> Option<Vec<Spot>> {
        let spots = path.spots(group, self.root);
        if spots.cut || spots.missing && !spots.found.is_empty() {
            said.is_incomplete();
        }
        (!spots.missing || !spots.found.is_empty()).then_some(spots.found)
    }

    /// One value; a list is one line for each of its items.
    fn show(&self, label: &str, node: &Node, place: &Place<'_>, said: &mut Said) -> Option<()> {
        match node {
            Node::List(items) => {
                for item in items.iter().take(SPOTS_MAX) {
                    self.show(label, item, place, said)?;
                }
                return Some(());
            }
            Node::Struct(members) => {
                for (name, item) in members {
                    self.show(&format!("{label} {name}"), item, place, said)?;
                }
                return Some(());
            }
            _ => {}
        }
        match visibility(place.field, node) {
            Visibility::Shown => {}
            Visibility::Hidden => return Some(()),
            Visibility::Wrong => said.doubt(format!(
                "the descriptor demands another value where `{label}` is {}",
                raw(node)
            )),
        }
        if place.field.string("format") == Some("calldata") {
            self.inner_call(label, node, place, said);
            return Some(());
        }
        said.push(label, &shown_as(node, place)?);
        Some(())
    }
}

/// The label of an item of a list, after the words that stand between its items.
fn separated<'l>(field: Field<'_>, label: &'l str, spot: &Spot) -> Cow<'l, str> {
    match (field.string("separator"), spot.indices.last()) {
        (Some(words), Some(index)) => {
            let words = words.replace("{index}", &index.to_string());
            Cow::Owned(format!("{words} {label}"))
        }
        _ => Cow::Borrowed(label),
    }
}

enum Visibility {
    Shown,
    Hidden,
    /// It was to be hidden, were it what the descriptor demands.
    Wrong,
}

fn visibility(field: Field<'_>, node: &Node) -> Visibility {
    let rules = field.get("visible");
    let listed = |name: &str| {
        let values = rules?.get(name)?.as_array()?;
        Some(values.iter().any(|value| is_same(node, value)))
    };
    // The text of the standard and its schema have two names for the same rule.
    match (
        listed("ifNotIn"),
        listed("mustMatch").or_else(|| listed("mustBe")),
    ) {
        (Some(true), _) | (_, Some(true)) => Visibility::Hidden,
        (_, Some(false)) => Visibility::Wrong,
        _ => Visibility::Shown,
    }
}

impl Said {
    pub(super) fn push(&mut self, label: &str, value: &str) {
        if self.fields.len() < LINES_MAX {
            self.fields.push(DisplayLine {
                label: Cow::Owned(display_safe(label, LABEL_CHARS_MAX)),
                value: display_safe(value, VALUE_CHARS_MAX),
            });
        } else {
            self.is_incomplete();
        }
    }

    pub(super) fn is_incomplete(&mut self) {
        self.doubt("the descriptor does not fit this request: parts of it are not shown");
    }

    /// Something a person should know; each once, and not without end.
    pub(super) fn doubt(&mut self, text: impl Into<String>) {
        let text = display_safe(&text.into(), VALUE_CHARS_MAX);
        if self.doubts.len() < DOUBTS_MAX && !self.doubts.contains(&text) {
            self.doubts.push(text);
        }
    }
}
