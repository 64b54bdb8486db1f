//! Addresses that look like known ones: the first and the last four hex digits are what people
//! compare, and making an address that shares them costs an attacker seconds.

use std::collections::{HashMap, HashSet};

use alloy_primitives::Address;

/// The first and the last two bytes.
type Face = [u8; 4];

/// Every address the operator wrote down, by what a person sees of it.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct LookAlikes {
    known: HashSet<Address>,
    by_face: HashMap<Face, Address>,
}

impl LookAlikes {
    pub fn new(addresses: impl IntoIterator<Item = Address>) -> Self {
        let mut faces = Self::default();
        for address in addresses {
            faces.by_face.entry(face(&address)).or_insert(address);
            faces.known.insert(address);
        }
        faces
    }

    /// The known address that this unknown one looks like.
    pub fn imitated(&self, address: Address) -> Option<Address> {
        let like = self.by_face.get(&face(&address))?;
        (!self.known.contains(&address)).then_some(*like)
    }
}

fn face(address: &Address) -> Face {
    let [a, b, .., c, d] = address.0 .0;
    [a, b, c, d]
}
