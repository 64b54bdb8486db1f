//! Functions of contracts that the operator vouches for: "this call does nothing to the wallet but
//! what is said here". A call is one of them by chain, address and selector, and only with
//! arguments the operator allowed.

mod control;
mod members;
mod never_vouched;
mod path;
mod signature;

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{Address, B256, I256, U256};

use crate::chain::Account;

pub(crate) use control::control;
pub use members::Members;
pub use never_vouched::never;
pub use path::{Path, Step};
pub use signature::Signature;
pub(crate) use signature::{fits, type_text, word};

/// One function of one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The operator's name for it, unique in a policy.
    pub id: String,
    /// Whose function it is.
    pub contract: Account,
    /// Its name and arguments.
    pub signature: Signature,
    /// Whether native value may be sent along. It is a `transfer` of its own in any case.
    pub payable: bool,
    /// What arguments must be; one without a condition may be anything.
    pub conditions: Vec<(Path, Condition)>,
}

/// What one argument must be. Values are words of the ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// One of these, or the wallet that asks.
    In {
        /// In no particular order.
        words: Vec<B256>,
        /// The address of the wallet as well.
        wallet: bool,
    },
    /// An integer, both ends included.
    Between {
        /// The least.
        min: Option<B256>,
        /// The most.
        max: Option<B256>,
    },
}

impl Function {
    /// Why the operator does not vouch for a call with these arguments, all of them as one tuple;
    /// `None` if all is as it must be.
    pub fn unmet(
        &self,
        arguments: &DynSolValue,
        value: U256,
        wallet: Option<Address>,
    ) -> Option<String> {
        if !value.is_zero() && !self.payable {
            return Some("no native value may be sent along".to_owned());
        }
        let mut conditions = self.conditions.iter();
        conditions.find_map(|(path, condition)| {
            path.failing((self.signature.whole(), arguments), &|kind, value| {
                condition.holds(kind, value, wallet)
            })
        })
    }
}

impl Condition {
    fn holds(&self, kind: &DynSolType, argument: &DynSolValue, wallet: Option<Address>) -> bool {
        let Some(word) = argument.as_word() else {
            return false;
        };
        match self {
            Self::In {
                words,
                wallet: or_wallet,
            } => {
                let own = wallet.map(|own| own.into_word()).filter(|_| *or_wallet);
                words.contains(&word) || own == Some(word)
            }
            Self::Between { min, max } => {
                let number = rank(kind, word);
                min.is_none_or(|min| number >= rank(kind, min))
                    && max.is_none_or(|max| number <= rank(kind, max))
            }
        }
    }
}

/// Words of signed integers in their order.
pub fn rank(kind: &DynSolType, word: B256) -> U256 {
    let number = U256::from_be_bytes(word.0);
    if matches!(kind, DynSolType::Int(_)) {
        // The sign comes first and means less: turned over, it means more.
        number ^ I256::MIN.into_raw()
    } else {
        number
    }
}
