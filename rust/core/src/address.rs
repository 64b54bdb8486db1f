//! Addresses with their EIP-55 checksum, remembered: the same few addresses occur in every request,
//! and the hash behind a checksum costs more than parsing the request.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;

use alloy_primitives::Address;

/// Addresses remembered in each thread; a power of two. An address has one place, the last one
/// there stays.
const REMEMBERED: usize = 1024;

/// `0x` and 40 hex digits in the case EIP-55 asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Checksummed([u8; 42]);

thread_local! {
    static PLACES: RefCell<Vec<Option<(Address, Checksummed)>>> =
        RefCell::new(vec![None; REMEMBERED]);
}

/// The address with its checksum. The result depends on the address only.
pub fn checksum(address: Address) -> Checksummed {
    let [.., first, second] = address.into_array();
    let place = usize::from(u16::from_be_bytes([first, second])) & REMEMBERED.saturating_sub(1);
    PLACES.with_borrow_mut(|places| match places.get_mut(place) {
        Some(Some((known, text))) if *known == address => *text,
        Some(slot) => slot.insert((address, compute(address))).1,
        None => compute(address),
    })
}

fn compute(address: Address) -> Checksummed {
    let mut text = [0; 42];
    // It gives the buffer back as text.
    let _ = address.to_checksum_raw(&mut text, None);
    Checksummed(text)
}

impl Checksummed {
    /// The same as bytes.
    pub const fn as_ascii(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Checksummed {
    type Target = str;

    fn deref(&self) -> &str {
        // Always ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Checksummed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self)
    }
}

impl fmt::Debug for Checksummed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self)
    }
}
