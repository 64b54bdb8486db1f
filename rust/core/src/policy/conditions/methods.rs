//! `methods`: how it is asked for.

use super::{each, one_of, Condition};
use crate::code::PolicyCode;
use crate::policy::compare::samples::Samples;
use crate::policy::index::Query;
use crate::policy::model::{method_name, method_of, Bits};
use crate::policy::parse::reader::{Reader, Value};
use crate::policy::parse::File;
use crate::policy::Policy;
use crate::request::Method;

/// A set of methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::policy) struct Methods(Bits);

impl Methods {
    /// Whether it is one of them.
    pub const fn has(self, method: Method) -> bool {
        self.0.has(method as u8)
    }

    /// Whether one of them makes a transaction.
    pub const fn send(self) -> bool {
        self.has(Method::SendTransaction) || self.has(Method::SignTransaction)
    }
}

impl Condition for Methods {
    const KEY: &'static str = "methods";

    fn read(_file: &File, reader: &mut Reader<'_>, value: Value<'_>) -> Option<Self> {
        let methods = each(reader, value, Self::KEY, |reader, element| {
            let method = method_of(reader.string(element, Self::KEY)?);
            if method.is_none() {
                let text = "not a method that signs";
                let hint = "write eth_sendTransaction, eth_signTransaction, personal_sign or \
                            eth_signTypedData_v4 (other spellings of these count as the same)";
                reader.fault(element.span().start, PolicyCode::BadValue, text, hint);
            }
            method
        })?;
        let bits = methods.iter().map(|method| *method as u8);
        Some(Self(bits.fold(Bits::default(), Bits::with)))
    }

    fn fits(&self, query: &Query<'_>) -> bool {
        self.has(query.method)
    }

    fn said(&self, _policy: &Policy) -> String {
        let all = [
            Method::SendTransaction,
            Method::SignTransaction,
            Method::SignMessage,
            Method::SignTypedData,
        ];
        let named = all.into_iter().filter(|method| self.has(*method));
        let named = named.map(|method| method_name(method).to_owned());
        format!("the method is {}", one_of(named.collect()))
    }

    fn within(&self, outer: &Self) -> bool {
        self.0 .0 & !outer.0 .0 == 0
    }

    fn meets(&self, other: &Self) -> bool {
        self.0 .0 & other.0 .0 != 0
    }

    fn samples(&self, _policy: &Policy, into: &mut Samples) {
        let all = Method::NAMES.map(|(_, method)| method);
        into.methods
            .only(all.into_iter().filter(|method| self.has(*method)));
    }
}
