//! Paths of ERC-7730: `#.orders.[].amount`, `@.to`, `$.metadata.constants.max`, `data.[-20:]`.

use alloy_primitives::U256;
use serde_json::Value;

use super::tree::Node;
use super::Container;

/// Items of arrays one field may stand for.
pub(super) const PLACES_MAX: usize = 64;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Index(i64),
    All,
    Slice(Option<i64>, Option<i64>),
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Data,
    Container,
    Descriptor,
}

/// A path in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub root: Root,
    /// It began with `#`, `@` or `$`: no group lies before it.
    pub absolute: bool,
    pub steps: Vec<Step>,
}

pub(super) fn parse(text: &str) -> Option<Path> {
    let mut parts = text.split('.').filter(|part| !part.is_empty()).peekable();
    let root = match parts.peek() {
        Some(&"#") => Some(Root::Data),
        Some(&"@") => Some(Root::Container),
        Some(&"$") => Some(Root::Descriptor),
        _ => None,
    };
    if root.is_some() {
        parts.next();
    }
    let mut steps = Vec::new();
    for part in parts {
        let (name, index) = match part.find('[') {
            Some(at) => part.split_at_checked(at)?,
            None => (part, ""),
        };
        if !name.is_empty() {
            steps.push(Step::Member(name.to_owned()));
        }
        for inner in index.split('[').skip(1) {
            steps.push(bracket(inner.strip_suffix(']')?)?);
        }
    }
    Some(Path {
        root: root.unwrap_or(Root::Data),
        absolute: root.is_some(),
        steps,
    })
}

fn bracket(inner: &str) -> Option<Step> {
    let number = |text: &str| {
        if text.is_empty() {
            Some(None)
        } else {
            text.parse().ok().map(Some)
        }
    };
    if inner.is_empty() {
        return Some(Step::All);
    }
    match inner.split_once(':') {
        Some((from, to)) => Some(Step::Slice(number(from)?, number(to)?)),
        None => inner.parse().ok().map(Step::Index),
    }
}

impl Path {
    /// This path below a group, unless it is absolute.
    pub(super) fn below(mut self, group: &[Step]) -> Self {
        if !self.absolute {
            self.steps.splice(0..0, group.iter().cloned());
            self.absolute = true;
        }
        self
    }

    /// The same path with its `[]` replaced, one after the other, by these places.
    pub(super) fn at(mut self, places: &[i64]) -> Self {
        let mut places = places.iter();
        for step in &mut self.steps {
            if *step == Step::All {
                match places.next() {
                    Some(place) => *step = Step::Index(*place),
                    None => return self,
                }
            }
        }
        self
    }

    /// Every place the `[]` of this path can stand for; one more than `PLACES_MAX` when there are
    /// too many.
    pub(super) fn places(&self, root: &Node) -> Vec<Vec<i64>> {
        let mut found = Vec::new();
        spread(root, &self.steps, &mut Vec::new(), &mut found);
        found
    }

    /// The value, when no `[]` is left.
    pub(super) fn value(&self, root: &Node, container: &Container) -> Option<Node> {
        match self.root {
            Root::Data => walk(root, &self.steps),
            Root::Container => {
                let (first, rest) = self.steps.split_first()?;
                let Step::Member(name) = first else {
                    return None;
                };
                walk(&of_container(name, container)?, rest)
            }
            Root::Descriptor => None,
        }
    }
}

fn of_container(name: &str, container: &Container) -> Option<Node> {
    Some(match name {
        "from" => Node::Address(container.from?),
        "to" => Node::Address(container.to),
        "value" => Node::Uint(container.value),
        "chainId" => Node::Uint(U256::from(container.chain_id)),
        _ => return None,
    })
}

fn spread(node: &Node, steps: &[Step], places: &mut Vec<i64>, found: &mut Vec<Vec<i64>>) {
    if found.len() > PLACES_MAX {
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        found.push(places.clone());
        return;
    };
    match (node, step) {
        (Node::List(items), Step::All) => {
            for (place, item) in (0i64..).zip(items) {
                places.push(place);
                spread(item, rest, places, found);
                places.pop();
            }
        }
        (_, Step::Slice(..)) => found.push(places.clone()),
        _ => {
            if let Some(inner) = child(node, step) {
                spread(inner, rest, places, found);
            }
        }
    }
}

fn walk(node: &Node, steps: &[Step]) -> Option<Node> {
    match steps.split_first() {
        None => Some(node.clone()),
        Some((Step::Slice(from, to), rest)) => walk(&slice(node, *from, *to)?, rest),
        Some((step, rest)) => walk(child(node, step)?, rest),
    }
}

/// A part of the tree; nothing is copied on the way to it.
fn child<'n>(node: &'n Node, step: &Step) -> Option<&'n Node> {
    match (node, step) {
        (Node::Struct(members), Step::Member(name)) => members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value),
        (Node::List(items), Step::Index(place)) => items.get(position(*place, items.len())?),
        _ => None,
    }
}

fn slice(node: &Node, from: Option<i64>, to: Option<i64>) -> Option<Node> {
    if let Node::List(items) = node {
        let (from, to) = bounds(from, to, items.len())?;
        return items.get(from..to).map(|part| Node::List(part.to_vec()));
    }
    let bytes = node.bytes()?;
    let (from, to) = bounds(from, to, bytes.len())?;
    bytes.get(from..to).map(|part| Node::Bytes(part.to_vec()))
}

/// Counted from the end when negative.
fn position(place: i64, length: usize) -> Option<usize> {
    match usize::try_from(place) {
        Ok(place) => Some(place),
        Err(_) => length.checked_sub(usize::try_from(place.checked_neg()?).ok()?),
    }
}

fn bounds(from: Option<i64>, to: Option<i64>, length: usize) -> Option<(usize, usize)> {
    let from = from.map_or(Some(0), |from| position(from, length))?;
    let to = to.map_or(Some(length), |to| position(to, length))?;
    (from <= to).then_some((from, to.min(length)))
}

/// The value of a descriptor that `$.…` names.
pub(super) fn of_descriptor<'v>(path: &str, whole: &'v Value) -> Option<&'v Value> {
    let mut value = whole;
    for name in path.strip_prefix("$.")?.split('.') {
        value = value.get(name)?;
    }
    Some(value)
}
