//! Laws of deciding, on random policies: a second implementation agrees, the order of tables does
//! not matter, and what is added never loosens.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::U256;
use holdfast_core::effects::EffectKind;
use holdfast_core::policy::{decide, Decision, Facts, Policy, Reservation, Spends, Verdict};
use holdfast_core::window::{Book, Happened, Span, Windows};
use proptest::prelude::*;

use crate::codes::first_is_highest;
use crate::laws::naive::{self, World};
use crate::laws::world::{
    asks, facts, focused, parse, tables, Ask, Does, Scope, Table, EXPIRES_MS, HEAD, LISTS,
};

fn source(tables: &[Table], order: &[usize]) -> String {
    let mut parts: Vec<String> = tables.iter().map(Table::toml).collect();
    parts.extend(LISTS.map(str::to_owned));
    let shuffled = order
        .iter()
        .filter_map(|n| parts.get(*n))
        .map(String::as_str);
    format!("{HEAD}{}", shuffled.collect::<String>())
}

fn in_order(tables: &[Table]) -> Policy {
    let order: Vec<usize> = (0..tables.len() + LISTS.len()).collect();
    parse(&source(tables, &order))
}

fn run(policy: &Policy, ask: &Ask, windows: &Windows, facts: &Facts, now_ms: u64) -> Decision {
    let effects = ask.effects();
    let subject = ask.subject(&effects, &[]);
    decide(policy, &subject, windows, facts, now_ms)
}

fn added(decision: &Decision) -> BTreeMap<(String, String), u128> {
    let parts = decision.reservations.iter();
    parts
        .map(|part| ((part.limit.clone(), part.key.clone()), part.amount))
        .collect()
}

/// `a` is at least as strict as `b`.
fn at_least(a: Verdict, b: Verdict) -> bool {
    a.strictest(b) == a
}

/// Around the moment at which a list entry expires.
fn times() -> impl Strategy<Value = u64> {
    EXPIRES_MS - 100_000..EXPIRES_MS + 100_000
}

fn prices() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![1 => Just(None), 3 => (1u64..6).prop_map(Some)]
}

/// A book in which `before` have been decided, held and, all but the last, posted.
fn book(policy: &Policy, before: &[(Ask, Option<u64>)], now_ms: u64) -> Book {
    let mut book = Book::new();
    book.load(policy, now_ms).unwrap();
    for (n, (ask, price)) in before.iter().enumerate() {
        let decision = run(policy, ask, book.windows(), &facts(*price, now_ms), now_ms);
        if let Some(spends) = decision.spends {
            let id = format!("r{n}");
            book.hold(&id, spends, decision.reservations, now_ms)
                .unwrap();
            if n % 3 != 2 {
                book.post(Some(policy), &id, Happened::LAST, now_ms)
                    .unwrap();
            }
        }
    }
    book
}

fn used(windows: &Windows, now_ms: u64) -> BTreeMap<(String, String), u128> {
    let usages = windows.usages(now_ms).into_iter();
    usages
        .map(|u| ((u.limit.to_owned(), u.key.to_owned()), u.posted + u.held))
        .collect()
}

/// What was ever paid may count more than it did: nobody knows which entries had expired by then.
/// The same as in `exact` where it does; where it counts less, as it is.
fn no_more(
    policy: &Policy,
    mut found: BTreeMap<(String, String), u128>,
    exact: &Windows,
    now_ms: u64,
) -> BTreeMap<(String, String), u128> {
    let exact = used(exact, now_ms);
    let is_total = |limit: &str| policy.limit_by_id(limit).unwrap().window == Span::Lifetime;
    found.retain(|place, _| exact.contains_key(place) || !is_total(&place.0));
    for (place, amount) in &mut found {
        if is_total(&place.0) {
            *amount = (*amount).min(exact[place]);
        }
    }
    found
}

fn before() -> impl Strategy<Value = Vec<(Ask, Option<u64>)>> {
    prop::collection::vec((asks(), prices()), 0..6)
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_second_implementation_agrees(
        tables in tables(1..30), before in before(), ask in asks(),
        price in prices(), now in times(),
    ) {
        agrees(&tables, &before, &ask, price, now);
    }

    #[test]
    fn the_order_of_tables_never_matters(
        (tables, order) in tables(1..12).prop_flat_map(|tables| {
            let all: Vec<usize> = (0..tables.len() + LISTS.len()).collect();
            (Just(tables), Just(all).prop_shuffle())
        }),
        before in before(), ask in asks(),
        price in prices(), now in times(),
    ) {
        let policy = in_order(&tables);
        let shuffled = parse(&source(&tables, &order));
        let book = book(&policy, &before, now);
        let facts = facts(price, now);
        let one = run(&policy, &ask, book.windows(), &facts, now);
        let other = run(&shuffled, &ask, book.windows(), &facts, now);
        prop_assert_eq!(one, other);
    }

    #[test]
    fn another_forbid_or_limit_never_loosens_and_no_rule_lifts_a_forbid(
        tables in tables(1..12), more in tables(1..2), before in before(), ask in asks(),
        price in prices(), now in times(),
    ) {
        let policy = in_order(&tables);
        let mut grown = tables.clone();
        let mut more = more[0].clone();
        more.id = "more".to_owned();
        let is_rule = matches!(more.does, Does::Grant(_));
        grown.push(more);
        let grown = in_order(&grown);
        let mut book = book(&policy, &before, now);
        let facts = facts(price, now);
        let old = run(&policy, &ask, book.windows(), &facts, now);
        book.load(&grown, now).unwrap();
        let new = run(&grown, &ask, book.windows(), &facts, now);
        if is_rule {
            let forbids = |decision: &Decision| -> Vec<Option<String>> {
                let forbidden = decision.reasons.iter().filter(|reason| reason.code.as_str() == "forbidden");
                forbidden.map(|reason| reason.rule.clone()).collect()
            };
            prop_assert_eq!(forbids(&old), forbids(&new));
            prop_assert!(forbids(&old).is_empty() || new.verdict == Verdict::Deny);
        } else {
            prop_assert!(at_least(new.verdict, old.verdict), "{:?} {:?}", old, new);
        }
    }

    #[test]
    fn the_first_reason_is_the_one_of_the_highest_precedence(
        tables in tables(1..15), before in before(), ask in asks(), price in prices(),
        now in times(),
    ) {
        let policy = in_order(&tables);
        let book = book(&policy, &before, now);
        first_is_highest(&run(&policy, &ask, book.windows(), &facts(price, now), now));
    }

    #[test]
    fn an_unknown_price_never_makes_it_instant(
        tables in tables(1..15), before in before(), ask in asks(), price in 1u64..6,
        now in times(),
    ) {
        let policy = in_order(&tables);
        let book = book(&policy, &before, now);
        let known = run(&policy, &ask, book.windows(), &facts(Some(price), now), now).verdict;
        let unknown = run(&policy, &ask, book.windows(), &Facts::none(), now);
        let least = if known == Verdict::Deny {
            Verdict::Approval { quorum: 1, timeout_ms: u64::MAX }
        } else {
            known
        };
        prop_assert!(at_least(unknown.verdict, least), "{:?} {:?}", known, unknown);
    }

    #[test]
    fn a_payment_in_parts_never_finds_a_milder_verdict_than_the_whole(
        tables in tables(1..15), before in before(), ask in asks(),
        cuts in prop::collection::vec(1u64..30, 1..6), price in prices(), now in times(),
    ) {
        let policy = in_order(&tables);
        let book = book(&policy, &before, now);
        let facts = facts(price, now);
        let mut whole = ask.clone();
        whole.effects.truncate(1);
        let (kind, asset, party, mut left) = whole.effects[0];
        let mut parts = whole.clone();
        parts.effects.clear();
        for cut in cuts {
            parts.effects.push((kind, asset, party, left.min(cut)));
            left -= left.min(cut);
        }
        parts.effects.push((kind, asset, party, left));
        let one = run(&policy, &whole, book.windows(), &facts, now).verdict;
        let split = run(&policy, &parts, book.windows(), &facts, now);
        prop_assert!(at_least(split.verdict, one), "{:?} {:?}", one, split);
    }

    #[test]
    fn a_batch_never_finds_a_milder_verdict_than_one_of_its_parts(
        tables in tables(1..15), before in before(), ask in asks(), price in prices(),
        now in times(),
    ) {
        let policy = in_order(&tables);
        let book = book(&policy, &before, now);
        let facts = facts(price, now);
        let all = run(&policy, &ask, book.windows(), &facts, now);
        for part in &ask.effects {
            let alone = Ask { effects: vec![*part], ..ask.clone() };
            let one = run(&policy, &alone, book.windows(), &facts, now).verdict;
            prop_assert!(at_least(all.verdict, one), "{:?} {:?}", one, all);
        }
    }

    #[test]
    fn vouching_for_a_call_loosens_nothing_but_for_rules_that_name_it(
        tables in tables(1..15), before in before(), ask in asks(), price in prices(),
        now in times(),
    ) {
        let policy = in_order(&tables);
        let book = book(&policy, &before, now);
        let facts = facts(price, now);
        let mut opaque = ask.clone();
        opaque.function = None;
        let old = run(&policy, &opaque, book.windows(), &facts, now).verdict;
        let new = run(&policy, &ask, book.windows(), &facts, now);
        let names = |id: &String| {
            tables.iter().any(|table| table.id == *id && table.scope.functions.0.is_some())
        };
        let mut granted = new.reasons.iter().filter(|reason| reason.code.as_str() == "granted");
        let named = granted.any(|reason| reason.rule.as_ref().is_some_and(names));
        let spared = tables.iter().any(|table| table.scope.functions.1.is_some());
        prop_assert!(named || spared || at_least(new.verdict, old), "{:?} {:?}", old, new);
        // Without functions in any table it makes no difference at all.
        if tables.iter().all(|table| table.scope.functions == (None, None)) {
            prop_assert_eq!(new.verdict, old);
        }
    }

    #[test]
    fn another_rule_loosens_nothing_that_was_granted(
        tables in tables(1..15), more in tables(1..2), ask in asks(), price in prices(),
        now in times(),
    ) {
        let mut grown = tables.clone();
        let mut more = more[0].clone();
        more.id = "more".to_owned();
        more.does = Does::Grant(0);
        more.scope.kinds.retain(|kind| *kind != holdfast_core::effects::EffectKind::Fee);
        if more.scope.kinds.is_empty() {
            more.scope.kinds.push(holdfast_core::effects::EffectKind::Call);
        }
        grown.push(more);
        let (policy, grown) = (in_order(&tables), in_order(&grown));
        let facts = facts(price, now);
        let old = run(&policy, &ask, &Windows::for_policy(&policy), &facts, now).verdict;
        let new = run(&grown, &ask, &Windows::for_policy(&grown), &facts, now).verdict;
        prop_assert!(old == Verdict::Deny || at_least(new, old), "{:?} {:?}", old, new);
    }

    #[test]
    fn a_request_that_is_held_is_not_counted_twice_when_it_is_decided_again(
        tables in tables(1..15), ask in asks(), price in prices(), now in times(),
    ) {
        let policy = in_order(&tables);
        let mut book = book(&policy, &[], now);
        let facts = facts(price, now);
        let first = run(&policy, &ask, book.windows(), &facts, now);
        if let Some(spends) = first.spends.clone() {
            book.hold("r1", spends, first.reservations.clone(), now).unwrap();
            let effects = ask.effects();
            let subject = ask.subject(&effects, book.reservations("r1"));
            prop_assert_eq!(decide(&policy, &subject, book.windows(), &facts, now), first);
        }
    }

    #[test]
    fn a_policy_that_comes_later_counts_what_was_spent_before(
        old in tables(1..12), new in tables(1..12), steps in steps(),
    ) {
        let (old, new) = (in_order(&old), in_order(&new));
        let mut live = Book::new();
        live.load(&old, 0).unwrap();
        // The same spends, under the new policy from the beginning.
        let mut always = Book::new();
        always.load(&new, 0).unwrap();
        let (mut now, mut open) = (EXPIRES_MS - 100_000, Vec::<String>::new());
        for (n, step) in steps.iter().enumerate() {
            now += step.wait_ms;
            let decision = run(&old, &step.ask, live.windows(), &facts(step.price, now), now);
            if let Some(spends) = decision.spends {
                let id = format!("r{n}");
                live.hold(&id, spends.clone(), decision.reservations.clone(), now).unwrap();
                prop_assert_eq!(&decision.reservations, &old.reservations(&spends));
                always.hold(&id, spends.clone(), new.reservations(&spends), now).unwrap();
                open.push(id);
            }
            if !open.is_empty() {
                let id = open.remove(step.pick % open.len());
                settle(&mut live, &old, &id, step.end, now);
                settle(&mut always, &new, &id, step.end, now);
            }
            let fresh = Windows::rebuild(&old, live.ledger(), live.claims(), held(&live, &open), now).unwrap();
            prop_assert_eq!(used(live.windows(), now), no_more(&old, used(&fresh, now), live.windows(), now));
        }
        live.load(&new, now).unwrap();
        for later in [0, 30_000, 59_999, 60_000] {
            let at = now + later;
            let found = no_more(&new, used(live.windows(), at), always.windows(), at);
            prop_assert_eq!(found, used(always.windows(), at));
        }
        for id in &open {
            prop_assert_eq!(live.reservations(id), always.reservations(id));
            live.void(id).unwrap();
        }
        let copy: Book = postcard::from_bytes(&postcard::to_stdvec(&live).unwrap()).unwrap();
        prop_assert_eq!(copy, live);
    }

    #[test]
    fn limits_hold_whatever_the_order_of_holding_approving_posting_and_voiding(
        tables in tables(1..15), steps in steps(),
    ) {
        let policy = in_order(&tables);
        let mut book = Book::new();
        book.load(&policy, 0).unwrap();
        let (mut now, mut open) = (EXPIRES_MS - 100_000, Vec::<String>::new());
        let mut waiting = Vec::<String>::new();
        for (n, step) in steps.iter().enumerate() {
            now += step.wait_ms;
            let decision = run(&policy, &step.ask, book.windows(), &facts(step.price, now), now);
            let Some(spends) = decision.spends else { continue };
            let id = format!("r{n}");
            if matches!(decision.verdict, Verdict::Approval { .. }) {
                book.hold_waiting(&id, spends, decision.reservations, now).unwrap();
                waiting.push(id);
            } else {
                book.hold(&id, spends, decision.reservations, now).unwrap();
                open.push(id);
            }
            // One that finds no room once it is approved goes no further.
            if step.pick < 5 && !waiting.is_empty() {
                let id = waiting.remove(step.pick % waiting.len());
                book.approve(&id, now).unwrap();
                let own = book.reservations(&id);
                if policy.over_shared(own, &[], book.windows(), now).is_empty() {
                    open.push(id);
                } else {
                    book.void(&id).unwrap();
                }
            }
            if step.end == 1 && !open.is_empty() {
                let id = open.remove(step.pick % open.len());
                settle(&mut book, &policy, &id, step.pick % 4, now);
            }
            for usage in book.windows().usages(now) {
                let limit = policy.limit_by_id(usage.limit).unwrap();
                let denies = limit.on_exceed == holdfast_core::policy::OnExceed::Deny;
                prop_assert!(!denies || usage.posted + usage.held <= limit.max, "{:?}", usage);
            }
        }
        // A policy that comes in between changes nothing of what waits and what is held.
        let before = used(book.windows(), now);
        book.load(&policy, now).unwrap();
        prop_assert_eq!(before, used(book.windows(), now));
    }

    #[test]
    fn strictest_is_one_law_for_any_order(a in verdicts(), b in verdicts(), c in verdicts()) {
        prop_assert_eq!(a.strictest(b), b.strictest(a));
        prop_assert_eq!(a.strictest(b).strictest(c), a.strictest(b.strictest(c)));
        prop_assert_eq!(a.strictest(a), a);
        prop_assert!(at_least(a.strictest(b), a));
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_second_implementation_agrees_on_long_policies(
        tables in focused(200..400), before in before(), ask in asks(),
        price in prices(), now in times(),
    ) {
        agrees(&tables, &before, &ask, price, now);
    }
}

fn agrees(
    tables: &[Table],
    before: &[(Ask, Option<u64>)],
    ask: &Ask,
    price: Option<u64>,
    now_ms: u64,
) {
    let policy = in_order(tables);
    let book = book(&policy, before, now_ms);
    let found = run(&policy, ask, book.windows(), &facts(price, now_ms), now_ms);
    let world = World {
        now_ms,
        price,
        used: used(book.windows(), now_ms),
    };
    let (verdict, reserved) = naive::decide(tables, ask, &world);
    assert_eq!(
        (found.verdict, added(&found)),
        (verdict, reserved),
        "{:?}",
        found.reasons
    );
    if verdict != Verdict::Deny {
        let named = found
            .reasons
            .iter()
            .filter(|reason| reason.code.as_str() == "granted");
        let named: BTreeSet<String> = named.filter_map(|reason| reason.rule.clone()).collect();
        assert_eq!(named, naive::granted(tables, ask, &world));
    }
}

#[derive(Clone, Debug)]
struct Step {
    ask: Ask,
    price: Option<u64>,
    wait_ms: u64,
    pick: usize,
    end: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![Just(0u64), 1u64..20_000, 59_000u64..61_000];
    let step = (asks(), prices(), wait, 0usize..10, 0usize..4);
    let step = step.prop_map(|(ask, price, wait_ms, pick, end)| Step {
        ask,
        price,
        wait_ms,
        pick,
        end,
    });
    prop::collection::vec(step, 1..25)
}

fn settle(book: &mut Book, policy: &Policy, id: &str, end: usize, now_ms: u64) {
    let spends = book.spends(id).unwrap().clone();
    match end {
        0 => book.void(id).unwrap(),
        1 => book.post(Some(policy), id, Happened::LAST, now_ms).unwrap(),
        2 => book
            .post_partial(policy, id, (&spends.fee_only(None), Happened::LAST), now_ms)
            .unwrap(),
        _ => {
            let paid = spends.with_fee(Some(U256::from(1)));
            book.post_partial(policy, id, (&paid, Happened::LAST), now_ms)
                .unwrap();
        }
    }
}

fn held<'b>(book: &'b Book, open: &'b [String]) -> Vec<&'b Spends> {
    open.iter().map(|id| book.spends(id).unwrap()).collect()
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Instant),
        Just(Verdict::Notify),
        (0u64..4).prop_map(|delay_ms| Verdict::Delay { delay_ms }),
        (1u8..4, 0u64..4).prop_map(|(quorum, timeout_ms)| Verdict::Approval { quorum, timeout_ms }),
        Just(Verdict::Deny),
    ]
}

/// Reservations of two limits that never mix.
#[test]
fn a_sum_that_cannot_be_counted_is_denied() {
    let limit =
        "[[limit]]\nid = \"l\"\nper = \"global\"\nmeasure = \"amount\"\nassets = [\"usd\"]\n\
                 max = \"1\"\nwindow = \"1m\"\non_exceed = \"approval\"\n";
    let rule = "[[rule]]\nid = \"r\"\neffects = [\"transfer\"]\ntier = \"instant\"\n";
    let policy = parse(&format!("{HEAD}{limit}{rule}"));
    let mut windows = Windows::for_policy(&policy);
    let full = Reservation {
        limit: "l".into(),
        key: "global".into(),
        amount: u128::MAX,
    };
    windows.reserve(&[full], 0).unwrap();
    let effects = vec![(
        holdfast_core::effects::EffectKind::Transfer,
        Some(2),
        Some(0),
        1,
    )];
    let ask = Ask {
        agent: 0,
        wallet: 0,
        method: 0,
        effects,
        fee: 0,
        function: None,
        expires: None,
    };
    let decision = run(&policy, &ask, &windows, &Facts::none(), 0);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(decision.reasons[0].code.as_str(), "amount_overflow");
}

/// A payee that is on a list for good is spared at any time, also one that is not known any more.
#[test]
fn a_lifetime_limit_that_spares_a_list_counts_the_same_when_a_policy_is_loaded_again() {
    let scope = |kinds: &[EffectKind]| Scope {
        kinds: kinds.to_vec(),
        ..Scope::default()
    };
    let spares = Scope {
        not_to: Some((vec![1], vec![])),
        when: 2,
        ..scope(&[EffectKind::Transfer])
    };
    let table = |id: &str, scope: Scope, does: Does| Table {
        id: id.to_owned(),
        scope,
        does,
    };
    let policy = in_order(&[
        table("t0", scope(&[EffectKind::Transfer]), Does::Grant(0)),
        table("t1", spares, Does::Limit(0, 0, 3, false)),
    ]);
    let mut book = Book::new();
    book.load(&policy, 0).unwrap();
    let now = EXPIRES_MS - 100_000;
    for (n, to) in [0usize, 1, 0].into_iter().enumerate() {
        let ask = Ask {
            agent: 0,
            wallet: 0,
            method: 0,
            effects: vec![(EffectKind::Transfer, Some(0), Some(to), 0)],
            fee: 0,
            function: None,
            expires: None,
        };
        let decision = run(&policy, &ask, book.windows(), &facts(None, now), now);
        let id = format!("r{n}");
        book.hold(&id, decision.spends.unwrap(), decision.reservations, now)
            .unwrap();
        settle(&mut book, &policy, &id, 1, now);
    }
    let before = used(book.windows(), now);
    assert_eq!(before.values().copied().collect::<Vec<_>>(), [2]);
    book.load(&policy, now).unwrap();
    assert_eq!(before, used(book.windows(), now));
}
