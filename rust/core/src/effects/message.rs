//! Members of a message in the one spelling the strict parser gave them. A member that is missing
//! or has another form cannot occur under a known type hash; then the document stays opaque.

use alloy_primitives::{hex, Address, U256};

use crate::json::Json;

/// A struct of the document.
#[derive(Clone, Copy, Debug)]
pub(in crate::effects) struct Message<'j> {
    members: &'j Json<'j>,
}

impl<'j> Message<'j> {
    pub(in crate::effects) const fn new(members: &'j Json<'j>) -> Self {
        Self { members }
    }

    pub(in crate::effects) fn uint(&self, name: &str) -> Option<U256> {
        U256::from_str_radix(self.members.get(name)?.as_str()?, 10).ok()
    }

    pub(in crate::effects) fn address(&self, name: &str) -> Option<Address> {
        self.members.get(name)?.as_str()?.parse().ok()
    }

    pub(in crate::effects) fn bool(&self, name: &str) -> Option<bool> {
        self.members.get(name)?.as_bool()
    }

    pub(in crate::effects) fn text(&self, name: &str) -> Option<&'j str> {
        self.members.get(name)?.as_str()
    }

    /// A member of type `bytes` or `bytesN`.
    pub(in crate::effects) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        hex::decode(self.text(name)?).ok()
    }

    /// A member of any type.
    pub(in crate::effects) fn member(&self, name: &str) -> Option<&'j Json<'j>> {
        self.members.get(name)
    }

    /// A member that is a struct itself.
    pub(in crate::effects) fn inner(&self, name: &str) -> Option<Self> {
        self.members.get(name).map(Self::new)
    }

    /// A member that is an array of structs.
    pub(in crate::effects) fn items(&self, name: &str) -> Option<impl Iterator<Item = Self>> {
        Some(self.members.get(name)?.as_array()?.iter().map(Self::new))
    }
}
