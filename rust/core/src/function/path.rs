//! Where in the arguments a condition looks: `support`, `params.recipient`, `orders[].to`.

use alloy_dyn_abi::{DynSolType, DynSolValue};

/// One step into a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The member of a tuple at this place.
    Member(usize),
    /// Each element of a list.
    Each,
    /// The element at this place, of a list of a fixed length.
    Element(usize),
}

/// The way to one value of elementary type, or to one in each element of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// From the arguments as one tuple.
    pub steps: Vec<Step>,
    /// As the operator wrote it.
    pub text: String,
}

impl Path {
    /// What is wrong with the values at its end, by the way to the first of them that is: `None` if
    /// all of them hold. A list without elements does not hold: that none is wrong says nothing of
    /// what the contract does then.
    pub(super) fn failing(
        &self,
        whole: (&DynSolType, &DynSolValue),
        holds: &impl Fn(&DynSolType, &DynSolValue) -> bool,
    ) -> Option<String> {
        let mut at = Vec::new();
        match walk(&self.steps, whole, holds, &mut at) {
            Found::Holds => None,
            Found::Fails => Some(format!(
                "`{}` is not one of the values that are allowed",
                self.with(&at)
            )),
            Found::Empty => Some(format!(
                "`{}`: the list is empty, and each element must be one of the values that are \
                 allowed",
                self.with(&at)
            )),
        }
    }

    /// The path with the number of the element for each `[]` that was gone through.
    fn with(&self, at: &[usize]) -> String {
        let mut parts = self.text.split("[]");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for (number, part) in parts.enumerate() {
            match at.get(number) {
                Some(place) => text.push_str(&format!("[{place}]")),
                None => text.push_str("[]"),
            }
            text.push_str(part);
        }
        text
    }
}

enum Found {
    Holds,
    Fails,
    Empty,
}

/// `at` are the elements of lists that the walk is in; after a failure, those that lead to it.
fn walk(
    steps: &[Step],
    (kind, value): (&DynSolType, &DynSolValue),
    holds: &impl Fn(&DynSolType, &DynSolValue) -> bool,
    at: &mut Vec<usize>,
) -> Found {
    let Some((step, rest)) = steps.split_first() else {
        return match holds(kind, value) {
            true => Found::Holds,
            false => Found::Fails,
        };
    };
    let one = |place: usize| {
        let kind = match kind {
            DynSolType::Tuple(kinds) => kinds.get(place)?,
            DynSolType::Array(kind) | DynSolType::FixedArray(kind, _) => kind,
            _ => return None,
        };
        Some((kind, items(value)?.get(place)?))
    };
    match step {
        Step::Member(place) | Step::Element(place) => match one(*place) {
            Some(next) => walk(rest, next, holds, at),
            None => Found::Fails,
        },
        Step::Each => {
            let count = items(value).map_or(0, <[DynSolValue]>::len);
            for place in 0..count {
                let Some(next) = one(place) else {
                    return Found::Fails;
                };
                at.push(place);
                match walk(rest, next, holds, at) {
                    Found::Holds => at.pop(),
                    failed => return failed,
                };
            }
            match count {
                0 => Found::Empty,
                _ => Found::Holds,
            }
        }
    }
}

fn items(value: &DynSolValue) -> Option<&[DynSolValue]> {
    match value {
        DynSolValue::Tuple(items) | DynSolValue::Array(items) | DynSolValue::FixedArray(items) => {
            Some(items)
        }
        _ => None,
    }
}
