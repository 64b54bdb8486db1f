//! Tokens that descriptors speak of and that hardly any list knows, for display. Policies never see
//! them, and where they are shown, it is said whose word it is.

use std::collections::HashMap;

use crate::chain::Account;

const LIST: &str = include_str!("tokens.tsv");

/// Symbol and decimals.
type Token = (&'static str, u8);

/// The list.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<Account, Token>);

impl Tokens {
    pub(super) fn read() -> Self {
        Self(LIST.lines().filter_map(token).collect())
    }

    pub(super) fn get(&self, contract: Account) -> Option<Token> {
        self.0.get(&contract).copied()
    }
}

fn token(line: &'static str) -> Option<(Account, Token)> {
    let mut words = line.split('\t');
    let contract = Account {
        chain_id: words.next()?.parse().ok()?,
        address: words.next()?.parse().ok()?,
    };
    Some((contract, (words.next()?, words.next()?.parse().ok()?)))
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
            let (contract, (symbol, decimals)) = token(line).unwrap();
            assert!(line.contains(&contract.address.to_checksum(None)), "{line}");
            assert!(decimals <= 18 && !symbol.is_empty(), "{line}");
            let shown = crate::text::display_safe(symbol, 24);
            assert_eq!(shown, symbol);
        }
    }
}
