//! Paths of ERC-7730: `#.orders.[].amount`, `@.to`, `$.metadata.constants.max`, `data.[-20:]`.

use std::borrow::Cow;

use alloy_primitives::U256;
use serde_json::Value;

use super::tree::Node;
use super::Container;

/// Items of arrays one field may stand for.
pub(super) const SPOTS_MAX: usize = 64;
const PATH_BYTES_MAX: usize = 512;
const STEPS_MAX: usize = 32;

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

/// One place of the data, and which items of arrays lead to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    pub steps: Vec<Step>,
    pub indices: Vec<i64>,
}

/// The places a path stands for.
#[derive(Debug, Default)]
pub(super) struct Spots {
    pub found: Vec<Spot>,
    /// The data has nothing of this name.
    pub missing: bool,
    /// There are more of them.
    pub cut: bool,
}

pub(super) fn parse(text: &str) -> Option<Path> {
    if text.len() > PATH_BYTES_MAX {
        return None;
    }
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
    (steps.len() <= STEPS_MAX).then_some(Path {
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
    /// Whether it is one member of the container.
    pub(super) fn is_container(&self, name: &str) -> bool {
        self.root == Root::Container
            && matches!(self.steps.as_slice(), [Step::Member(member)] if member == name)
    }

    /// The same path below a group, unless it is absolute.
    pub(super) fn below(mut self, group: &[Step]) -> Self {
        if !self.absolute {
            self.steps.splice(0..0, group.iter().cloned());
            self.absolute = true;
        }
        self
    }

    /// Every place it stands for below `group`; a list at its end is each of its items.
    pub(super) fn spots(&self, group: &Spot, root: &Node) -> Spots {
        let mut spots = Spots::default();
        let steps = if self.absolute {
            self.steps.clone()
        } else {
            [group.steps.as_slice(), &self.steps].concat()
        };
        let mut spot = Spot::default();
        if !self.absolute {
            spot.indices.clone_from(&group.indices);
        }
        spread(root, &steps, &mut spot, &mut spots);
        spots
    }

    /// The same path below `group`, its `[]` standing for the items that lead to `spot`.
    pub(super) fn beside(mut self, group: &Spot, spot: &Spot) -> Self {
        let known = if self.absolute {
            0
        } else {
            group.indices.len()
        };
        let mut indices = spot.indices.iter().skip(known);
        for step in &mut self.steps {
            if *step == Step::All {
                if let Some(index) = indices.next() {
                    *step = Step::Index(*index);
                }
            }
        }
        if !self.absolute {
            self.steps.splice(0..0, group.steps.iter().cloned());
        }
        self
    }

    /// The value, when no `[]` is left.
    pub(super) fn value<'n>(&self, root: &'n Node, container: &Container) -> Option<Cow<'n, Node>> {
        match self.root {
            Root::Data => walk(root, &self.steps),
            Root::Container => {
                let (first, rest) = self.steps.split_first()?;
                let Step::Member(name) = first else {
                    return None;
                };
                let node = of_container(name, container)?;
                walk(&node, rest).map(|node| Cow::Owned(node.into_owned()))
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
        "chainId" => Node::Uint(U256::from(container.chain_id.get())),
        _ => return None,
    })
}

fn spread(node: &Node, steps: &[Step], spot: &mut Spot, spots: &mut Spots) {
    if spots.found.len() >= SPOTS_MAX {
        spots.cut = true;
        return;
    }
    match (node, steps.split_first()) {
        (Node::List(items), None) => each(items, 0, &[], spot, spots),
        (_, None) => spots.found.push(spot.clone()),
        (Node::List(items), Some((Step::All, rest))) => each(items, 0, rest, spot, spots),
        (Node::List(items), Some((Step::Slice(from, to), rest))) => {
            match bounds(*from, *to, items.len())
                .and_then(|(from, to)| Some((items.get(from..to)?, i64::try_from(from).ok()?)))
            {
                Some((part, first)) => each(part, first, rest, spot, spots),
                None => spots.missing = true,
            }
        }
        // A slice of bytes is taken when the value is.
        (_, Some((Step::Slice(..), []))) => {
            spot.steps.extend(steps.first().cloned());
            spots.found.push(spot.clone());
            spot.steps.pop();
        }
        (_, Some((step, rest))) => match child(node, step) {
            Some(inner) => {
                spot.steps.push(step.clone());
                spread(inner, rest, spot, spots);
                spot.steps.pop();
            }
            None if is_length(node, steps) => {
                let mut spot = spot.clone();
                spot.steps.push(step.clone());
                spots.found.push(spot);
            }
            None => spots.missing = true,
        },
    }
}

fn each(items: &[Node], first: i64, rest: &[Step], spot: &mut Spot, spots: &mut Spots) {
    for (index, item) in (first..).zip(items) {
        spot.steps.push(Step::Index(index));
        spot.indices.push(index);
        spread(item, rest, spot, spots);
        spot.indices.pop();
        spot.steps.pop();
    }
}

pub(super) fn walk<'n>(node: &'n Node, steps: &[Step]) -> Option<Cow<'n, Node>> {
    match (node, steps.split_first()) {
        (_, None) => Some(Cow::Borrowed(node)),
        (_, Some((Step::Slice(from, to), rest))) => {
            let part = slice(node, *from, *to)?;
            walk(&part, rest).map(|node| Cow::Owned(node.into_owned()))
        }
        (Node::List(items), _) if is_length(node, steps) => {
            Some(Cow::Owned(Node::Uint(U256::from(items.len()))))
        }
        (_, Some((step, rest))) => walk(child(node, step)?, rest),
    }
}

/// `recipients.length`
fn is_length(node: &Node, steps: &[Step]) -> bool {
    matches!((node, steps), (Node::List(_), [Step::Member(name)]) if name == "length")
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
    if path.len() > PATH_BYTES_MAX {
        return None;
    }
    let mut value = whole;
    for name in path.strip_prefix("$.")?.split('.') {
        value = value.get(name)?;
    }
    Some(value)
}
