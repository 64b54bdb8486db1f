//! Tokens that descriptors speak of and that hardly any list knows, for display. Policies never see
//! them, and where they are shown, it is said whose word it is.

use std::collections::HashMap;

use alloy_primitives::Address;

const LIST: &str = include_str!("tokens.tsv");

/// Symbol and decimals by chain and contract.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<(u64, Address), (&'static str, u8)>);

impl Tokens {
    pub(super) fn read() -> Self {
        Self(LIST.lines().filter_map(token).collect())
    }

    pub(super) fn get(&self, chain_id: u64, address: Address) -> Option<(&'static str, u8)> {
        self.0.get(&(chain_id, address)).copied()
    }
}

fn token(line: &'static str) -> Option<((u64, Address), (&'static str, u8))> {
    let mut words = line.split('\t');
    let place = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((place, (words.next()?, words.next()?.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_line_of_the_list_is_a_token_and_none_is_there_twice() {
        let lines = LIST.lines().filter(|line| !line.starts_with('#'));
        let lines: Vec<_> = lines.collect();
        assert!(lines.len() >= 150);
        assert_eq!(Tokens::read().0.len(), lines.len());
        for line in lines {
            let ((_, address), (symbol, decimals)) = token(line).unwrap();
            assert!(line.contains(&address.to_checksum(None)), "{line}");
            assert!(decimals <= 18 && !symbol.is_empty(), "{line}");
            let shown = crate::text::display_safe(symbol, 24);
            assert_eq!(shown, symbol);
        }
    }
}
