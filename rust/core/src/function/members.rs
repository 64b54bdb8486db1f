//! What is between the parentheses of a signature: types, with names for them and for the members of
//! tuples.

use alloy_dyn_abi::DynSolType;

use super::signature::{name_of, readable, DEPTH_MAX};

/// Names of the members of a tuple and of what is in them; of a list, those of its elements. Empty
/// where there are no members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(Vec<Member>);

/// One member: its name, if the operator wrote one, and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Member {
    name: Option<String>,
    inner: Members,
}

impl Members {
    /// Where the member of this name is.
    pub fn place(&self, name: &str) -> Option<usize> {
        let mut members = self.0.iter();
        members.position(|one| one.name.as_deref() == Some(name))
    }

    /// The name of the member at a place.
    pub fn name(&self, place: usize) -> Option<&str> {
        self.0.get(place)?.name.as_deref()
    }

    /// All names there are.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|one| one.name.as_deref())
    }

    /// The members of a member.
    pub fn of(&self, place: usize) -> Option<&Self> {
        self.0.get(place).map(|one| &one.inner)
    }
}

/// Types and names of a list like `uint256 id, (address to, uint256 amount)[] orders`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(inner: &str) -> Result<(Vec<DynSolType>, Members), String> {
    let shape = || "it is not a name with its arguments in parentheses".to_owned();
    let (mut types, mut members) = (Vec::new(), Vec::new());
    for part in parts(inner).ok_or_else(shape)? {
        let (kind, member) = read_one(part)?;
        if member.name.is_some() && members.iter().any(|one: &Member| one.name == member.name) {
            return Err("two arguments have the same name".to_owned());
        }
        types.push(kind);
        members.push(member);
    }
    Ok((types, Members(members)))
}

/// What is between commas outside of parentheses; `None` if the parentheses do not match.
fn parts(inner: &str) -> Option<Vec<&str>> {
    if inner.trim().is_empty() {
        return Some(Vec::new());
    }
    let (mut found, mut depth, mut start) = (Vec::new(), 0usize, 0usize);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'(' => depth = depth.saturating_add(1),
            b')' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                found.push(inner.get(start..at)?);
                start = at.saturating_add(1);
            }
            _ => {}
        }
        if depth > DEPTH_MAX {
            return None;
        }
    }
    found.push(inner.get(start..)?);
    (depth == 0).then_some(found)
}

/// `uint8 support`, `uint8`, `(address to, uint256 amount)[] orders`
fn read_one(part: &str) -> Result<(DynSolType, Member), String> {
    let part = part.trim();
    let (kind, name) = match part.rsplit_once(' ') {
        Some((kind, name)) if is_name(name) => (kind.trim_end(), Some(name.to_owned())),
        _ => (part, None),
    };
    let (written, inner) = match kind.strip_prefix('(').zip(kind.rfind(')')) {
        Some((rest, end)) => {
            let inner = rest.get(..end.saturating_sub(1)).unwrap_or_default();
            let suffix = kind.get(end.saturating_add(1)..).unwrap_or_default();
            let (types, inner) = read(inner)?;
            let tuple = name_of(&DynSolType::Tuple(types))?;
            (format!("{tuple}{suffix}"), inner)
        }
        None => (kind.to_owned(), Members::default()),
    };
    let parsed = DynSolType::parse(&written).ok();
    let Some(parsed) = parsed.filter(|parsed| name_of(parsed).as_ref() == Ok(&written)) else {
        let shown = crate::text::display_safe(kind, 60);
        return Err(format!("`{shown}` is not a type as the ABI writes it"));
    };
    if !readable(&parsed) {
        return Err(format!("arguments of type `{written}` are not read"));
    }
    Ok((parsed, Member { name, inner }))
}

/// `[A-Za-z_$][A-Za-z0-9_$]*`
pub(super) fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$';
    text.len() <= 64
        && text.bytes().next().is_some_and(letter)
        && text
            .bytes()
            .all(|byte| letter(byte) || byte.is_ascii_digit())
}
