//! `castVote(uint256 proposal, uint8 support)`: a name, types, and names for arguments; members of
//! tuples have names too.

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{hex, keccak256, B256, I256, U256};

use super::members::{is_name, read, Members};

/// No function anybody vouches for is longer.
const CHARS_MAX: usize = 512;
/// Tuples inside of tuples.
pub(super) const DEPTH_MAX: usize = 4;
/// Arguments, with those inside of tuples.
const TYPES_MAX: usize = 32;
/// Words of the head: what is there whatever the data says.
const WORDS_MAX: usize = 64;

/// A function's name and arguments, as far as they can be read in time linear in the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    canonical: String,
    selector: [u8; 4],
    /// A tuple of all arguments.
    whole: DynSolType,
    members: Members,
}

impl Signature {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > CHARS_MAX || text.matches('(').count() > TYPES_MAX || !text.is_ascii() {
            return Err("it is too long".to_owned());
        }
        let shape = || "it is not a name with its arguments in parentheses".to_owned();
        let inner = text.strip_suffix(')').ok_or_else(shape)?;
        let (name, inner) = inner.split_once('(').ok_or_else(shape)?;
        if !is_name(name) {
            return Err(shape());
        }
        let (types, members) = read(inner)?;
        if types.iter().map(leaves).fold(0, usize::saturating_add) > TYPES_MAX {
            return Err(format!("it has more than {TYPES_MAX} arguments"));
        }
        let whole = DynSolType::Tuple(types);
        if whole.minimum_words() > WORDS_MAX {
            return Err(format!("its arguments take more than {WORDS_MAX} words"));
        }
        let canonical = format!("{name}{}", name_of(&whole)?);
        let [a, b, c, d, ..] = keccak256(canonical.as_bytes()).0;
        Ok(Self {
            canonical,
            selector: [a, b, c, d],
            whole,
            members,
        })
    }

    /// `castVote(uint256,uint8)`
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The first bytes of the call.
    pub const fn selector(&self) -> [u8; 4] {
        self.selector
    }

    /// All arguments as one tuple.
    pub const fn whole(&self) -> &DynSolType {
        &self.whole
    }

    /// The types of the arguments.
    pub fn types(&self) -> &[DynSolType] {
        self.whole.as_tuple().unwrap_or_default()
    }

    /// The names of arguments and of what is in them.
    pub const fn members(&self) -> &Members {
        &self.members
    }

    /// The name of an argument, otherwise its number from 1.
    pub fn name_of(&self, place: usize) -> String {
        let name = self.members.name(place).map(str::to_owned);
        name.unwrap_or_else(|| place.saturating_add(1).to_string())
    }

    /// Whether an argument has bytes of any length in it, which may be a call for somebody.
    pub fn carries_bytes(&self) -> bool {
        carries_bytes(&self.whole)
    }
}

/// A value of an elementary type as a word of the ABI, in its one spelling; addresses are read
/// elsewhere. `None` if it is none, or the type has no words.
pub(crate) fn word(kind: &DynSolType, text: &str) -> Option<B256> {
    let value = match *kind {
        DynSolType::Bool => DynSolValue::Bool(text.parse().ok()?),
        DynSolType::Uint(bits) => {
            DynSolValue::Uint(U256::from_str_radix(plain(text)?, 10).ok()?, bits)
        }
        DynSolType::Int(bits) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let zero = plain(digits)? == "0";
            let number = I256::from_dec_str(text)
                .ok()
                .filter(|_| !zero || digits == text)?;
            DynSolValue::Int(number, bits)
        }
        DynSolType::FixedBytes(size) => {
            let bytes = hex::decode(text.strip_prefix("0x")?).ok()?;
            let fits = bytes.len() == size;
            fits.then(|| DynSolValue::FixedBytes(B256::right_padding_from(&bytes), size))?
        }
        _ => return None,
    };
    fits(&value).then(|| value.as_word())?
}

/// Whether every number in it, and every string of a fixed length, is one of its type: a word has
/// room for others.
pub(crate) fn fits(value: &DynSolValue) -> bool {
    match value {
        DynSolValue::Uint(number, bits) => number.bit_len() <= *bits,
        DynSolValue::Int(number, bits) => {
            // All bits above are copies of the sign.
            let above = bits.checked_sub(1).map(|bits| number.asr(bits));
            above.is_some_and(|above| above.is_zero() || above == I256::MINUS_ONE)
        }
        DynSolValue::FixedBytes(word, size) => word
            .get(*size..)
            .is_some_and(|rest| rest.iter().all(|byte| *byte == 0)),
        DynSolValue::Array(items) | DynSolValue::FixedArray(items) | DynSolValue::Tuple(items) => {
            items.iter().all(fits)
        }
        _ => true,
    }
}

/// Decimal digits without leading zeros.
fn plain(text: &str) -> Option<&str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (text == "0" || !text.starts_with('0'))).then_some(text)
}

/// The name of a type in a signature. (A tuple of one has no comma, as it has in Rust.)
pub(super) fn name_of(kind: &DynSolType) -> Result<String, String> {
    Ok(match kind {
        DynSolType::Tuple(inner) => {
            let names: Result<Vec<String>, String> = inner.iter().map(name_of).collect();
            format!("({})", names?.join(","))
        }
        DynSolType::Array(inner) => format!("{}[]", name_of(inner)?),
        DynSolType::FixedArray(inner, size) => format!("{}[{size}]", name_of(inner)?),
        DynSolType::CustomStruct { .. } => return Err("a struct is a tuple here".to_owned()),
        elementary => elementary.sol_type_name().into_owned(),
    })
}

/// The type as a signature writes it, for words.
pub(crate) fn type_text(kind: &DynSolType) -> String {
    name_of(kind).unwrap_or_default()
}

/// What decodes in time linear in the data. Elements of an array may all point at the same bytes,
/// so they must not point at all.
pub(super) fn readable(kind: &DynSolType) -> bool {
    match kind {
        DynSolType::Bool
        | DynSolType::Int(_)
        | DynSolType::Uint(_)
        | DynSolType::FixedBytes(_)
        | DynSolType::Address
        | DynSolType::Bytes
        | DynSolType::String => true,
        DynSolType::Array(inner) => !inner.is_dynamic() && readable(inner),
        DynSolType::FixedArray(inner, size) => {
            (1..=WORDS_MAX).contains(size) && !inner.is_dynamic() && readable(inner)
        }
        DynSolType::Tuple(inner) => !inner.is_empty() && inner.iter().all(readable),
        _ => false,
    }
}

fn leaves(kind: &DynSolType) -> usize {
    match kind {
        DynSolType::Array(inner) | DynSolType::FixedArray(inner, _) => leaves(inner),
        DynSolType::Tuple(inner) => inner.iter().map(leaves).fold(0, usize::saturating_add),
        _ => 1,
    }
}

fn carries_bytes(kind: &DynSolType) -> bool {
    match kind {
        DynSolType::Bytes => true,
        DynSolType::Array(inner) | DynSolType::FixedArray(inner, _) => carries_bytes(inner),
        DynSolType::Tuple(inner) => inner.iter().any(carries_bytes),
        _ => false,
    }
}
