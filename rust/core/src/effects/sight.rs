//! Which contracts a decode relies on, and whether each of them counts as what it is known for.

use std::cell::Cell;
use std::fmt;

use alloy_primitives::Address;

/// Whether the code of a contract was seen.
pub(crate) type Seen<'s> = &'s dyn Fn(Address) -> bool;

/// Contracts whose calls and documents were read as those of a known protocol.
pub(crate) struct Sight<'s> {
    /// `None` believes every address.
    seen: Option<Seen<'s>>,
    relied: Cell<Vec<Address>>,
}

impl<'s> Sight<'s> {
    /// Every contract is taken for what its address says.
    pub(crate) const fn believing() -> Self {
        Self {
            seen: None,
            relied: Cell::new(Vec::new()),
        }
    }

    /// A contract that was not seen is one nothing is known of.
    pub(crate) const fn of(seen: Seen<'s>) -> Self {
        Self {
            seen: Some(seen),
            relied: Cell::new(Vec::new()),
        }
    }

    /// Notes that what follows relies on this contract; whether it may.
    pub(crate) fn counts(&self, address: Address) -> bool {
        let mut relied = self.relied.take();
        if !relied.contains(&address) {
            relied.push(address);
        }
        self.relied.set(relied);
        self.seen.is_none_or(|seen| seen(address))
    }

    /// Every contract that was relied on or asked for, in that order.
    pub(crate) fn into_relied(self) -> Vec<Address> {
        self.relied.into_inner()
    }
}

impl fmt::Debug for Sight<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let believes = self.seen.is_none();
        to.debug_struct("Sight")
            .field("believes", &believes)
            .finish()
    }
}
