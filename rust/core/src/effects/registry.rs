//! Every protocol that is decoded. A protocol is a folder or a file with a `DECODER`, and a line in
//! the list of its family.

use alloy_primitives::Address;

use crate::effects::call::Call;
use crate::effects::context::Context;
use crate::effects::message::Message;
use crate::effects::parts::Parts;
use crate::effects::{accounts, bridges, exchanges, lending, markets, permits, tokens, Denial};
use crate::protocol::Protocol;

/// Reads one call of a contract; `None` for a function that is not understood.
type Read = fn(&Call<'_>, &Context<'_>) -> Result<Option<Parts>, Denial>;

/// Reads one kind of document that this contract verifies; `None` when it is not one of those the
/// document is for.
pub(super) type Document = fn(Address, &Message<'_>, &Context<'_>) -> Result<Option<Parts>, Denial>;

/// What a folder or a file reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoder {
    /// The contracts whose calls it knows.
    pub contracts: &'static [Contract],
    /// Documents: `encodeType` (EIP-712) and reader.
    pub documents: &'static [(&'static str, Document)],
}

/// One kind of contract.
#[derive(Clone, Copy, Debug)]
pub struct Contract {
    protocol: Protocol,
    about: &'static str,
    call: Option<Read>,
    value: Option<Read>,
    documents: &'static [&'static str],
    before_tokens: bool,
    arrives_later: bool,
}

impl Contract {
    /// A contract none of whose calls is understood.
    pub(super) const fn new(protocol: Protocol, about: &'static str) -> Self {
        Self {
            protocol,
            about,
            call: None,
            value: None,
            documents: &[],
            before_tokens: false,
            arrives_later: false,
        }
    }

    /// What its calls do.
    pub(super) const fn calls(self, read: Read) -> Self {
        Self {
            call: Some(read),
            ..self
        }
    }

    /// What it makes of value without a call.
    pub(super) const fn value(self, read: Read) -> Self {
        Self {
            value: Some(read),
            ..self
        }
    }

    /// The names of the documents it verifies: one of such a name and of another type is denied.
    pub(super) const fn takes(self, documents: &'static [&'static str]) -> Self {
        Self { documents, ..self }
    }

    /// It is a token as well, and its own reading comes first.
    pub(super) const fn before_tokens(self) -> Self {
        Self {
            before_tokens: true,
            ..self
        }
    }

    /// What is given to it arrives later, and elsewhere.
    pub(super) const fn arrives_later(self) -> Self {
        Self {
            arrives_later: true,
            ..self
        }
    }

    /// Its word in policies.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What it is, for the documentation.
    pub const fn about(&self) -> &'static str {
        self.about
    }

    pub(super) const fn is_before_tokens(&self) -> bool {
        self.before_tokens
    }

    pub(super) const fn takes_value(&self) -> bool {
        self.value.is_some()
    }

    pub(super) const fn documents(&self) -> &'static [&'static str] {
        self.documents
    }

    /// What the call does; `None` where it is not understood.
    ///
    /// # Errors
    /// [`Denial`] for what no policy and no approval may allow.
    pub(super) fn call(
        &self,
        call: &Call<'_>,
        context: &Context<'_>,
    ) -> Result<Option<Parts>, Denial> {
        self.call.map_or(Ok(None), |read| read(call, context))
    }

    /// What value without a call does; `None` where it is a transfer like any other.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub(super) fn value_alone(
        &self,
        call: &Call<'_>,
        context: &Context<'_>,
    ) -> Result<Option<Parts>, Denial> {
        self.value.map_or(Ok(None), |read| read(call, context))
    }
}

/// Takes back what is pinned for an address.
const UNKNOWN: Decoder = Decoder {
    contracts: &[Contract::new(Protocol::UNKNOWN, "removes a built-in pin")],
    documents: &[],
};

const FAMILIES: [&[Decoder]; 8] = [
    &[UNKNOWN],
    tokens::DECODERS,
    permits::DECODERS,
    accounts::DECODERS,
    exchanges::DECODERS,
    markets::DECODERS,
    lending::DECODERS,
    bridges::DECODERS,
];

fn decoders() -> impl Iterator<Item = &'static Decoder> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Every kind of contract, in the order of the documentation.
pub fn contracts() -> impl Iterator<Item = &'static Contract> {
    decoders().flat_map(|decoder| decoder.contracts)
}

/// The protocol with this word, as policies write it.
pub fn protocol(word: &str) -> Option<Protocol> {
    let mut all = contracts().map(|contract| contract.protocol);
    all.find(|protocol| protocol.as_str() == word)
}

/// Whether what is given to a contract of this protocol arrives later, and elsewhere.
pub fn is_bridge(protocol: Protocol) -> bool {
    contract(protocol).is_some_and(|contract| contract.arrives_later)
}

/// What is known of contracts of this protocol.
pub(super) fn contract(protocol: Protocol) -> Option<&'static Contract> {
    contracts().find(|contract| contract.protocol == protocol)
}

/// Every document: `encodeType` and reader.
pub(super) fn documents() -> impl Iterator<Item = &'static (&'static str, Document)> {
    decoders().flat_map(|decoder| decoder.documents)
}
