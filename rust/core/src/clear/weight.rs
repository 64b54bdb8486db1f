//! What call data would become when it is decoded, counted before anything is copied.
//!
//! Offsets of the ABI may point at the same bytes over and over, and then a little data is a lot of
//! values. Types come from descriptors and data from agents, so both can be made for that.

use alloy_dyn_abi::DynSolType;
use alloy_primitives::U256;

const WORD: usize = 32;
/// Honest data is never longer decoded than encoded; a bit of sharing does no harm.
const TIMES_MAX: usize = 4;
const WORDS_FREE: usize = 64;

/// Whether the arguments decode to no more than a few times their own size.
pub(super) fn is_light(kinds: &[DynSolType], data: &[u8]) -> bool {
    let words = data.len().checked_div(WORD).unwrap_or(0);
    let left = words.saturating_mul(TIMES_MAX).saturating_add(WORDS_FREE);
    Scale { data, left }.sequence(kinds.iter(), 0).is_some()
}

struct Scale<'d> {
    data: &'d [u8],
    left: usize,
}

impl Scale<'_> {
    fn spend(&mut self, words: usize) -> Option<()> {
        self.left = self.left.checked_sub(words)?;
        Some(())
    }

    /// The word at this byte, as a length or an offset.
    fn number(&self, at: usize) -> Option<usize> {
        let word = self.data.get(at..at.checked_add(WORD)?)?;
        usize::try_from(U256::from_be_slice(word)).ok()
    }

    /// Values one after the other, their offsets counted from `base`.
    fn sequence<'k>(
        &mut self,
        kinds: impl Iterator<Item = &'k DynSolType>,
        base: usize,
    ) -> Option<()> {
        let mut at = base;
        for kind in kinds {
            self.value(kind, base, at)?;
            at = at.checked_add(head(kind)?)?;
        }
        Some(())
    }

    fn value(&mut self, kind: &DynSolType, base: usize, at: usize) -> Option<()> {
        self.spend(1)?;
        let inner = |scale: &Self| base.checked_add(scale.number(at)?);
        match kind {
            DynSolType::Bytes | DynSolType::String => {
                let length = self.number(inner(self)?)?;
                self.spend(length.checked_div(WORD)?)
            }
            DynSolType::Array(item) => {
                let start = inner(self)?;
                let length = self.number(start)?;
                self.items(item, length, start.checked_add(WORD)?)
            }
            DynSolType::FixedArray(item, length) => {
                let start = if kind.is_dynamic() { inner(self)? } else { at };
                self.items(item, *length, start)
            }
            DynSolType::Tuple(kinds) | DynSolType::CustomStruct { tuple: kinds, .. } => {
                let start = if kind.is_dynamic() { inner(self)? } else { at };
                self.sequence(kinds.iter(), start)
            }
            _ => Some(()),
        }
    }

    fn items(&mut self, item: &DynSolType, length: usize, start: usize) -> Option<()> {
        let step = head(item)?;
        let mut at = start;
        for _ in 0..length {
            self.value(item, start, at)?;
            at = at.checked_add(step)?;
        }
        Some(())
    }
}

/// Bytes of the value itself, or of the offset that leads to it.
fn head(kind: &DynSolType) -> Option<usize> {
    if kind.is_dynamic() {
        return Some(WORD);
    }
    match kind {
        DynSolType::FixedArray(item, length) => head(item)?.checked_mul(*length),
        DynSolType::Tuple(kinds) | DynSolType::CustomStruct { tuple: kinds, .. } => kinds
            .iter()
            .try_fold(0usize, |sum, kind| sum.checked_add(head(kind)?)),
        _ => Some(WORD),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_dyn_abi::DynSolValue;

    fn word(number: usize) -> Vec<u8> {
        U256::from(number).to_be_bytes_vec()
    }

    #[test]
    fn what_is_encoded_once_is_light() {
        let text = DynSolValue::String("hello ".repeat(40));
        let pair = DynSolValue::Tuple(vec![text.clone(), DynSolValue::Bool(true)]);
        let fixed = DynSolValue::FixedArray(vec![DynSolValue::Bool(false); 5]);
        let values = vec![
            DynSolValue::Array(vec![pair.clone(), pair]),
            fixed,
            text,
            DynSolValue::Array(Vec::new()),
        ];
        let kind = DynSolType::parse("((string,bool)[],bool[5],string,bytes[])").unwrap();
        let DynSolType::Tuple(kinds) = kind else {
            return;
        };
        let mut data = DynSolValue::Tuple(values).abi_encode_params();
        assert!(is_light(&kinds, &data));
        data.extend([0xab; 40]);
        assert!(is_light(&kinds, &data));
        assert!(!is_light(&kinds, data.get(..64).unwrap()));
    }

    #[test]
    fn offsets_that_share_what_they_point_at_are_not() {
        let kind = |depth: usize| {
            (0..depth).fold(DynSolType::Bytes, |kind, _| {
                DynSolType::Array(Box::new(kind))
            })
        };
        // Each array of a hundred items, every one of them the next array.
        for depth in 1..4 {
            let mut data = word(32);
            for _ in 0..depth {
                data.extend(word(100));
                for _ in 0..100 {
                    data.extend(word(100 * 32));
                }
            }
            data.extend(word(3_200));
            data.extend([7; 3_200]);
            assert!(!is_light(&[kind(depth)], &data), "{depth}");
        }
        let endless = DynSolType::FixedArray(Box::new(DynSolType::Bool), usize::MAX);
        assert!(!is_light(&[endless], &word(1)));
        let empty = DynSolType::Array(Box::new(DynSolType::Tuple(Vec::new())));
        let data = [word(32), word(usize::MAX)].concat();
        assert!(!is_light(&[empty], &data));
    }
}
