//! `params.recipient`, `orders[].to`, `pair[0]`: the way to an argument inside of tuples and lists.

use alloy_dyn_abi::DynSolType;

use super::reader::{closest, Reader};
use crate::code::PolicyCode;
use crate::function::{type_text, Members, Path, Signature, Step};
use crate::text::display_safe;

/// The path that a text writes, and the type at its end; `None` after a fault at `at` was noted.
pub(super) fn read_path<'s>(
    reader: &mut Reader<'_>,
    at: usize,
    text: &str,
    signature: &'s Signature,
) -> Option<(Path, &'s DynSolType)> {
    let mut here = Here {
        kind: signature.whole(),
        members: Some(signature.members()),
        gone: String::new(),
    };
    let mut steps = Vec::new();
    for (number, part) in text.split('.').enumerate() {
        let (name, indexes) = part.split_at(part.find('[').unwrap_or(part.len()));
        if number > 0 {
            here.gone.push('.');
        }
        let read = here.member(name).and_then(|step| {
            steps.push(step);
            steps.extend(here.indexes(indexes)?);
            Ok(())
        });
        if let Err((code, text, hint)) = read {
            reader.fault(at, code, text, hint);
            return None;
        }
    }
    if let Some((text, hint)) = here.compared() {
        reader.fault(at, PolicyCode::Conflict, text, hint);
        return None;
    }
    let text = text.to_owned();
    Some((Path { steps, text }, here.kind))
}

/// Code, words and what to write instead.
type Wrong = (PolicyCode, String, String);

/// How far a path is read.
struct Here<'s> {
    kind: &'s DynSolType,
    members: Option<&'s Members>,
    /// What was read, as it is written.
    gone: String,
}

impl<'s> Here<'s> {
    /// A member of the tuple here, by its name.
    fn member(&mut self, name: &str) -> Result<Step, Wrong> {
        let DynSolType::Tuple(kinds) = self.kind else {
            return Err(self.no_members());
        };
        let found = self.members.and_then(|members| members.place(name));
        let Some((place, kind)) = found.and_then(|place| Some((place, kinds.get(place)?))) else {
            return Err(self.unknown(name));
        };
        self.kind = kind;
        self.members = self.members.and_then(|members| members.of(place));
        self.gone.push_str(name);
        Ok(Step::Member(place))
    }

    /// `[]`, `[0]`, one after the other.
    fn indexes(&mut self, mut text: &str) -> Result<Vec<Step>, Wrong> {
        let mut steps = Vec::new();
        while !text.is_empty() {
            let split = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let Some((index, rest)) = split else {
                let what = display_safe(text, 64);
                let text = format!("`{what}` after `{}` is no index", self.gone);
                let hint = "write `[]` for every element, or `[0]` for the first one";
                return Err((PolicyCode::BadValue, text, hint.to_owned()));
            };
            steps.push(self.index(index)?);
            text = rest;
        }
        Ok(steps)
    }

    fn index(&mut self, index: &str) -> Result<Step, Wrong> {
        let every = format!("write `{}[]`: every element", self.gone);
        let (inner, size) = match self.kind {
            DynSolType::Array(inner) => (inner, None),
            DynSolType::FixedArray(inner, size) => (inner, Some(*size)),
            _ => {
                let text = format!("`{}` is `{}`, and no list", self.gone, type_text(self.kind));
                let hint = format!("write `{}` without an index", self.gone);
                return Err((PolicyCode::Conflict, text, hint));
            }
        };
        let step = match (index, size) {
            ("", _) => Step::Each,
            (_, None) => {
                let text = format!(
                    "`{}` is `{}`: it may have any number of elements, so none of them is there \
                     for sure",
                    self.gone,
                    type_text(self.kind)
                );
                return Err((PolicyCode::Conflict, text, every));
            }
            (_, Some(size)) => {
                let plain = index == "0" || !index.starts_with(['0', '+']);
                let place = index.parse::<usize>().ok().filter(|_| plain);
                let Some(place) = place.filter(|place| *place < size) else {
                    let shown = display_safe(index, 64);
                    let text = format!("`{}` has no element `{shown}`", self.gone);
                    let last = size.saturating_sub(1);
                    let hint = format!("write a number from 0 to {last}, or `[]`: every element");
                    return Err((PolicyCode::BadValue, text, hint));
                };
                Step::Element(place)
            }
        };
        self.kind = inner;
        self.gone.push_str(&format!("[{index}]"));
        Ok(step)
    }

    fn no_members(&self) -> Wrong {
        let gone = self.gone.trim_end_matches('.');
        let text = format!(
            "`{gone}` is `{}`, which has no members",
            type_text(self.kind)
        );
        let hint = match self.kind {
            DynSolType::Array(_) | DynSolType::FixedArray(..) => {
                format!("write `{gone}[]`: every element")
            }
            _ => format!("write `{gone}`"),
        };
        (PolicyCode::Conflict, text, hint)
    }

    fn unknown(&self, name: &str) -> Wrong {
        let shown = display_safe(name, 64);
        let known: Vec<&str> = self.members.into_iter().flat_map(Members::names).collect();
        let hint = match (closest(name, &known), self.gone.is_empty()) {
            (Some(name), _) => format!("did you mean `{}{name}`?", self.gone),
            (None, true) => "write names behind the types: \"claim(uint256 id)\"".to_owned(),
            (None, false) => {
                "write names in the tuple too: \"pay((address to, uint256 amount) params)\""
                    .to_owned()
            }
        };
        let text = match self.gone.trim_end_matches('.') {
            "" => format!("the signature names no argument `{shown}`"),
            gone => format!("the signature names no member `{shown}` of `{gone}`"),
        };
        (PolicyCode::UnknownReference, text, hint)
    }

    /// Why what is at the end cannot be compared, and what can be.
    fn compared(&self) -> Option<(String, String)> {
        let gone = &self.gone;
        let hint = match self.kind {
            DynSolType::Tuple(_) => {
                let name = self.members.and_then(|members| members.names().next());
                match name {
                    Some(name) => format!("name a member of it: `{gone}.{name}`"),
                    None => "write names in the tuple, and one of them here".to_owned(),
                }
            }
            DynSolType::Array(_) | DynSolType::FixedArray(..) => {
                format!("write `{gone}[]`: every element")
            }
            _ => return None,
        };
        let text = format!(
            "`{gone}` is `{}`, which is not one value",
            type_text(self.kind)
        );
        Some((text, hint))
    }
}
