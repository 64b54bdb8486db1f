//! The points that tables tell apart. Each condition names its own, so a new condition is compared
//! as soon as it says where.

use std::collections::HashSet;
use std::hash::Hash;

use alloy_primitives::Address;

use crate::chain::ChainId;
use crate::policy::model::Matcher;
use crate::policy::Policy;
use crate::request::Method;

/// What tells an asset from any other.
pub(in crate::policy) type Identity = (ChainId, Option<Address>);

/// Values of one dimension.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Points<T> {
    named: Vec<T>,
    /// Nothing but these can be meant.
    closed: bool,
}

impl<T> Default for Points<T> {
    fn default() -> Self {
        Self {
            named: Vec::new(),
            closed: false,
        }
    }
}

impl<T: Clone + Eq + Hash> Points<T> {
    /// These, and nothing else.
    pub fn only(&mut self, values: impl IntoIterator<Item = T>) {
        self.named.extend(values);
        self.closed = true;
    }

    /// These, and anything else.
    pub fn also(&mut self, values: impl IntoIterator<Item = T>) {
        self.named.extend(values);
    }

    /// What is named.
    pub fn named(&self) -> &[T] {
        &self.named
    }

    /// Whether nothing else can be meant.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// What is named, then the others of `all` unless the dimension is closed; each once, and at
    /// most `most`.
    pub fn among(&self, all: impl IntoIterator<Item = T>, most: usize) -> Vec<T> {
        let mut seen = HashSet::new();
        let others = all.into_iter().filter(|_| !self.closed);
        let values = self.named.iter().cloned().chain(others);
        values
            .filter(|value| seen.insert(value.clone()))
            .take(most)
            .collect()
    }

    /// Whether a value can be meant.
    pub fn may_be(&self, value: &T) -> bool {
        !self.closed || self.named.contains(value)
    }

    fn or(&mut self, other: Self) {
        self.named.extend(other.named);
        self.closed &= other.closed;
    }

    fn and(&mut self, narrow: &Self) {
        if !narrow.closed {
            self.named.extend(narrow.named.iter().cloned());
            return;
        }
        let mut kept = narrow.named.clone();
        kept.retain(|value| self.may_be(value));
        self.named = kept;
        self.closed = true;
    }
}

/// Values of every dimension that conditions know.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct Samples {
    pub agents: Points<String>,
    pub wallets: Points<Address>,
    pub chains: Points<ChainId>,
    pub methods: Points<Method>,
    pub assets: Points<Identity>,
    /// By their ids.
    pub functions: Points<String>,
    pub payees: Points<Address>,
    /// Lists whose entries are payees, by their ids.
    pub lists: Points<String>,
    /// Schedules that say when, by their ids.
    pub schedules: Points<String>,
    /// Moments to ask at, ms.
    pub times_ms: Points<u64>,
    /// How long a payee is known after a payment, ms.
    pub trusts_ms: Points<u64>,
    /// How long a document can be used, ms.
    pub lives_ms: Points<u64>,
}

impl Samples {
    /// The points that a table tells apart.
    pub fn of(policy: &Policy, matcher: &Matcher) -> Self {
        let mut samples = Self::default();
        matcher.conditions.samples(policy, &mut samples);
        samples
    }

    /// The points of this table or of the other.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.agents.or(other.agents);
        self.wallets.or(other.wallets);
        self.chains.or(other.chains);
        self.methods.or(other.methods);
        self.assets.or(other.assets);
        self.functions.or(other.functions);
        self.payees.or(other.payees);
        self.lists.or(other.lists);
        self.schedules.or(other.schedules);
        self.times_ms.or(other.times_ms);
        self.trusts_ms.or(other.trusts_ms);
        self.lives_ms.or(other.lives_ms);
        self
    }

    /// Only the points that both allow, where either is closed.
    #[must_use]
    pub fn and(mut self, narrow: &Self) -> Self {
        self.agents.and(&narrow.agents);
        self.wallets.and(&narrow.wallets);
        self.chains.and(&narrow.chains);
        self.methods.and(&narrow.methods);
        self.assets.and(&narrow.assets);
        self.functions.and(&narrow.functions);
        if narrow.payees.closed {
            // Which of them the lists of the table have is not known here.
            self.payees = narrow.payees.clone();
            self.lists = Points::default();
        }
        self.schedules.and(&narrow.schedules);
        self.times_ms.and(&narrow.times_ms);
        self.trusts_ms.and(&narrow.trusts_ms);
        self.lives_ms.and(&narrow.lives_ms);
        self
    }

    /// Whether nothing can be meant in some dimension.
    pub fn is_empty(&self) -> bool {
        let none = |closed: bool, named: usize| closed && named == 0;
        none(self.agents.closed, self.agents.named.len())
            || none(self.wallets.closed, self.wallets.named.len())
            || none(self.chains.closed, self.chains.named.len())
            || none(self.methods.closed, self.methods.named.len())
            || none(self.assets.closed, self.assets.named.len())
    }
}
