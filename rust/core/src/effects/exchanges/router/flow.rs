//! Value on its way through a router that holds it between the steps of a plan. Every amount that
//! leaves the wallet is a lot; where it can end up is followed step by step, and a lot is a swap only
//! if all of it stays on its way back to the wallet and a minimum of something registered surely
//! comes out.

use alloy_primitives::{Address, U256};

use crate::effects::call::Call;
use crate::effects::common::trade::{measured_return, Coin};
use crate::effects::context::{check_not_token, check_payee, Context};
use crate::effects::parts::Parts;
use crate::effects::Denial;

/// Who gets value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::effects) enum Party {
    /// The wallet that signs.
    Wallet,
    /// The router itself, where a later step must fetch it.
    Router,
    /// Anybody else.
    Other(Address),
}

/// How much of what the router holds a step uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::effects) enum Take {
    All,
    Exactly(U256),
    AtMost(U256),
}

/// What is held or handed on: a coin, or the wrapped coin of a router nobody named the address of.
pub(in crate::effects) type Kind = Option<Coin>;

/// One amount that leaves the wallet, and what becomes of it.
#[derive(Clone, Debug)]
pub(in crate::effects) struct Lot {
    pub coin: Coin,
    pub amount: U256,
    /// Somebody else gets it, or what was bought with it; whether as a share of a plan.
    pub to: Vec<(Address, bool)>,
    /// Somebody else gets such a share (part, whole) of what was bought with it.
    pub shares: Vec<(Address, U256, U256)>,
    /// Some of it can stay in the router.
    pub left: bool,
    /// It came back just as it left, or wrapped or unwrapped.
    pub back: bool,
    /// A minimum of something registered comes back for it.
    pub got: bool,
    /// A minimum of something comes back that is not registered.
    pub got_unknown: bool,
}

/// Lots in the hands of a step. `exact`: they are there in full, and nowhere else.
#[derive(Clone, Debug, Default)]
pub(in crate::effects) struct Hand {
    pub lots: Vec<usize>,
    pub exact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Native,
    Wrapped,
    Token(Address),
}

impl Place {
    /// The coin and the wrapped coin are worth the same.
    fn same_value(self, other: Self) -> bool {
        let coin = |place| matches!(place, Self::Native | Self::Wrapped);
        self == other || coin(self) && coin(other)
    }
}

#[derive(Debug)]
struct Held {
    place: Place,
    hand: Hand,
}

/// A plan while it is read.
#[derive(Debug)]
pub(in crate::effects) struct Flow<'c, 'r> {
    pub context: &'c Context<'r>,
    /// The contract that carries the plan out.
    pub router: Address,
    /// Whom the contract sees.
    pub sender: Option<Address>,
    pub lots: Vec<Lot>,
    held: Vec<Held>,
    /// What goes to somebody in a known amount; whether out of what the router holds.
    pub sends: Vec<(Coin, U256, Address, bool)>,
    /// The least that comes to the wallet.
    pub gets: Vec<(Coin, U256)>,
    /// What else the plan does: allowances.
    pub parts: Parts,
    /// Something in the plan is not understood.
    pub unknown: bool,
    /// Steps read so far.
    pub steps: usize,
    /// What comes to the wallet is measured by its balance, at least in part.
    pub measured: bool,
    /// Nobody else can call the router while it carries the plan out.
    pub locked: bool,
    /// The router's own wrapped coin.
    wrapped: Option<Address>,
}

impl<'c, 'r> Flow<'c, 'r> {
    /// The plan of this call, whose value the router holds first of all.
    pub fn new(call: &Call<'_>, context: &'c Context<'r>) -> Self {
        let mut flow = Self {
            context,
            router: call.to,
            sender: call.sender,
            lots: Vec::new(),
            held: Vec::new(),
            sends: Vec::new(),
            gets: Vec::new(),
            parts: Parts::default(),
            unknown: false,
            steps: 0,
            measured: false,
            locked: false,
            wrapped: context.wrapped_coin(),
        };
        if !call.value.is_zero() {
            let value = flow.enter(Coin::Native, call.value);
            flow.put(Some(Coin::Native), &value);
        }
        flow
    }

    /// Whoever called the router.
    pub fn caller(&self) -> Party {
        match self.sender {
            sender if sender == self.context.wallet => Party::Wallet,
            Some(sender) => Party::Other(sender),
            None => Party::Wallet,
        }
    }

    /// Who is behind an address that is meant as it is written, getting this coin.
    ///
    /// # Errors
    /// `recipient_forbidden`.
    pub fn party(&self, address: Address, kind: Kind) -> Result<Party, Denial> {
        if address == self.router {
            return Ok(Party::Router);
        }
        if self.context.is_own(address) {
            return Ok(Party::Wallet);
        }
        check_payee(address, self.context)?;
        if let Some(Coin::Token(token)) = kind {
            check_not_token(address, token)?;
        }
        Ok(Party::Other(address))
    }

    /// Whether every one of these tokens is registered, or the wrapped coin.
    pub fn all_known(&self, tokens: &[Address]) -> bool {
        let known =
            |token: &Address| self.context.token(*token).is_some() || self.is_wrapped(*token);
        tokens.iter().all(known)
    }

    pub fn is_wrapped(&self, token: Address) -> bool {
        self.wrapped == Some(token)
    }

    /// Code nobody vouches for runs. If the router is not locked it can call it as well, and take
    /// whatever is held there; only a stated minimum shows then that something came back.
    pub fn expose(&mut self) {
        if self.locked {
            return;
        }
        for held in &mut self.held {
            held.hand.exact = false;
        }
    }

    fn place(&self, kind: Kind) -> Place {
        match kind {
            None => Place::Wrapped,
            Some(Coin::Native) => Place::Native,
            Some(Coin::Token(token)) if self.is_wrapped(token) => Place::Wrapped,
            Some(Coin::Token(token)) => Place::Token(token),
        }
    }

    /// Value that leaves the wallet.
    pub fn enter(&mut self, coin: Coin, amount: U256) -> Hand {
        let number = self.lots.len();
        self.lots.push(Lot {
            coin,
            amount,
            to: Vec::new(),
            shares: Vec::new(),
            left: false,
            back: false,
            got: false,
            got_unknown: false,
        });
        Hand {
            lots: vec![number],
            exact: true,
        }
    }

    /// What the router is known to hold in full; `None` where that is not certain.
    pub fn held_exactly(&self, kind: Kind) -> Option<U256> {
        let place = self.place(kind);
        let Some(held) = self.held.iter().find(|held| held.place == place) else {
            return Some(U256::ZERO);
        };
        (held.hand.exact || held.hand.lots.is_empty()).then(|| self.total(&held.hand.lots))
    }

    fn total(&self, lots: &[usize]) -> U256 {
        let amounts = lots.iter().filter_map(|number| self.lots.get(*number));
        amounts.fold(U256::ZERO, |sum, lot| sum.saturating_add(lot.amount))
    }

    /// What a step fetches from the router. A step that may be skipped leaves it there as well.
    pub fn take(&mut self, kind: Kind, take: Take, sure: bool) -> Hand {
        let place = self.place(kind);
        let Some(index) = self.held.iter().position(|held| held.place == place) else {
            return Hand::default();
        };
        let Some(held) = self.held.get_mut(index) else {
            return Hand::default();
        };
        let amount = match take {
            Take::All if sure => {
                return Hand {
                    lots: std::mem::take(&mut held.hand.lots),
                    exact: held.hand.exact,
                };
            }
            Take::Exactly(amount) | Take::AtMost(amount) if held.hand.exact => amount,
            _ => {
                held.hand.exact = false;
                return held.hand.clone();
            }
        };
        let all = std::mem::take(&mut held.hand.lots);
        let (mut taken, mut kept) = self.split(all, amount);
        let exact = sure && matches!(take, Take::Exactly(_));
        if !exact {
            kept.extend(taken.iter().copied());
        }
        if let Some(held) = self.held.get_mut(index) {
            held.hand = Hand { lots: kept, exact };
        }
        taken.dedup();
        Hand { lots: taken, exact }
    }

    /// The lots of the first `amount`, and the rest. The last one may be divided.
    fn split(&mut self, all: Vec<usize>, amount: U256) -> (Vec<usize>, Vec<usize>) {
        let (mut taken, mut kept) = (Vec::new(), Vec::new());
        let mut open = amount;
        for number in all {
            let Some(lot) = self.lots.get_mut(number) else {
                continue;
            };
            if open.is_zero() {
                kept.push(number);
                continue;
            }
            taken.push(number);
            if lot.amount > open {
                let mut rest = lot.clone();
                rest.amount = lot.amount.saturating_sub(open);
                lot.amount = open;
                kept.push(self.lots.len());
                self.lots.push(rest);
                open = U256::ZERO;
            } else {
                open = open.saturating_sub(lot.amount);
            }
        }
        (taken, kept)
    }

    /// Leaves it in the router.
    pub fn put(&mut self, kind: Kind, hand: &Hand) {
        let place = self.place(kind);
        let Some(held) = self.held.iter_mut().find(|held| held.place == place) else {
            let hand = hand.clone();
            self.held.push(Held { place, hand });
            return;
        };
        held.hand.exact = hand.exact && (held.hand.exact || held.hand.lots.is_empty());
        for number in &hand.lots {
            if !held.hand.lots.contains(number) {
                held.hand.lots.push(*number);
            }
        }
    }

    /// Hands on at least `least` of a coin, bought with the lots or made of them.
    pub fn give(&mut self, hand: &Hand, kind: Kind, party: Party, least: U256, sure: bool) {
        if hand.lots.is_empty() {
            return;
        }
        match party {
            Party::Router => self.put(kind, hand),
            Party::Other(address) => self.mark_foreign(hand, address, false),
            Party::Wallet if !sure => {}
            Party::Wallet if hand.exact => self.each(hand, |lot| lot.back = true),
            Party::Wallet => self.comes_back(hand, kind, least),
        }
    }

    /// A swap whose output is measured by the balance of the wallet; not `kept` where code that
    /// nobody knows runs in between. What the router itself gets, a later step must pay from it.
    pub fn measure(&mut self, measured: bool, kept: bool, party: Party) {
        if !measured || party != Party::Wallet {
            return;
        }
        self.measured = true;
        let warning = measured_return();
        if !kept && !self.parts.warnings.contains(&warning) {
            self.parts.warnings.push(warning);
        }
    }

    /// Hands on what a swap gives for the lots: how much that is, nobody knows.
    pub fn swap(&mut self, hand: Hand, kind: Kind, party: Party, least: U256, sure: bool) {
        let bought = Hand {
            lots: hand.lots,
            exact: false,
        };
        self.give(&bought, kind, party, least, sure);
    }

    /// The wallet's own value of the same kind does not count as a return for anything else.
    fn comes_back(&mut self, hand: &Hand, kind: Kind, least: U256) {
        let place = self.place(kind);
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for number in &hand.lots {
            let Some(lot) = self.lots.get(*number) else {
                continue;
            };
            if self.place(Some(lot.coin)).same_value(place) {
                own.push(*number);
            } else {
                others.push(*number);
            }
        }
        let whole = self.total(&own);
        if others.is_empty() && !least.is_zero() && least >= whole {
            self.each(hand, |lot| lot.back = true);
            return;
        }
        let surplus = least.saturating_sub(whole);
        let Some(coin) = kind else {
            return;
        };
        if surplus.is_zero() || others.is_empty() {
            return;
        }
        let registered = coin.fungible(self.context).is_some();
        self.gets.push((coin, surplus));
        let others = Hand {
            lots: others,
            exact: false,
        };
        self.each(&others, |lot| {
            lot.got |= registered;
            lot.got_unknown |= !registered;
        });
    }

    fn each(&mut self, hand: &Hand, change: impl Fn(&mut Lot)) {
        for number in &hand.lots {
            if let Some(lot) = self.lots.get_mut(*number) {
                change(lot);
            }
        }
    }

    fn mark_foreign(&mut self, hand: &Hand, address: Address, share: bool) {
        self.each(hand, |lot| {
            if !lot.to.iter().any(|(one, _)| *one == address) {
                lot.to.push((address, share));
            }
        });
    }

    /// Pays from what the router holds.
    pub fn pay(&mut self, kind: Kind, party: Party, take: Take, sure: bool) {
        match (party, take) {
            (Party::Router, _) => {}
            (Party::Wallet, _) => {
                let least = match take {
                    Take::Exactly(amount) => amount,
                    _ => U256::ZERO,
                };
                let hand = self.take(kind, take, sure);
                self.give(&hand, kind, party, least, sure);
            }
            (Party::Other(address), Take::Exactly(amount))
                if self.held_exactly(kind).is_none() && self.is_registered(kind) =>
            {
                let send = kind.map(|coin| (coin, amount, address, true));
                self.sends.extend(send);
            }
            (Party::Other(address), _) => {
                let hand = self.take(kind, take, sure);
                self.mark_foreign(&hand, address, true);
            }
        }
    }

    fn is_registered(&self, kind: Kind) -> bool {
        kind.is_some_and(|coin| coin.is_measured(self.context))
    }

    /// Pays `part` of `whole` of what the router holds.
    pub fn pay_share(&mut self, kind: Kind, party: Party, share: (U256, U256), sure: bool) {
        if share.0.is_zero() {
            return;
        }
        let exactly = self.held_exactly(kind).filter(|_| sure);
        match (party, exactly) {
            (Party::Router, _) => {}
            (Party::Other(address), Some(total)) => {
                let hand = self.take(kind, Take::Exactly(part_of(total, share)), sure);
                self.mark_foreign(&hand, address, true);
            }
            (Party::Other(address), None) => {
                // Copied, so that the rest stays where it is.
                let hand = self.take(kind, Take::All, false);
                self.mark_share(&hand, address, share);
            }
            (Party::Wallet, _) => {
                // An amount nobody states is no minimum.
                self.take(kind, Take::All, false);
            }
        }
    }

    /// Somebody gets a share of what was bought with the lots.
    pub fn mark_share(&mut self, hand: &Hand, address: Address, share: (U256, U256)) {
        self.each(hand, |lot| lot.shares.push((address, share.0, share.1)));
    }

    /// What is still in the router when the plan ends.
    pub fn mark_left(&mut self) {
        for held in std::mem::take(&mut self.held) {
            self.each(&held.hand, |lot| lot.left = true);
        }
    }
}

/// `part` of `whole` of an amount, rounded up.
pub(in crate::effects) fn part_of(amount: U256, (part, whole): (U256, U256)) -> U256 {
    let product = amount.checked_mul(part);
    let share = product.and_then(|product| {
        let (quotient, rest) = (product.checked_div(whole)?, product.checked_rem(whole)?);
        Some(quotient.saturating_add(U256::from(!rest.is_zero())))
    });
    share.unwrap_or(amount).min(amount)
}
