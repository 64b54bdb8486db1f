//! Windows count exactly, whatever is reserved, posted or voided in whatever order: checked against
//! a model that keeps every entry and adds them all up each time.

use holdfast_core::policy::{Reservation, AMOUNT_MAX};
use holdfast_core::window::{WindowError, Windows};
use proptest::prelude::*;

const LIMITS: [(&str, u64); 3] = [
    ("minute", 60_000),
    ("second", 1_000),
    ("month", 2_678_400_000),
];
const KEYS: [&str; 3] = ["agent:a", "agent:b", "global"];

fn part(limit: &str, key: &str, amount: u128) -> Reservation {
    Reservation {
        limit: limit.to_owned(),
        key: key.to_owned(),
        amount,
    }
}

fn windows() -> Windows {
    Windows::with_limits(LIMITS)
}

/// The model: one line per amount, never forgotten.
#[derive(Clone, Debug)]
struct Line {
    part: Reservation,
    posted_at: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Model {
    lines: Vec<Line>,
}

impl Model {
    fn used(&self, limit: &str, key: &str, window_ms: u64, now: u64) -> u128 {
        let mine = self
            .lines
            .iter()
            .filter(|l| l.part.limit == limit && l.part.key == key);
        mine.filter(|l| l.posted_at.is_none_or(|at| now < at + window_ms))
            .map(|l| l.part.amount)
            .sum()
    }

    fn remove(&mut self, parts: &[Reservation]) {
        for part in parts {
            let at = self
                .lines
                .iter()
                .position(|l| l.posted_at.is_none() && l.part == *part);
            self.lines.remove(at.unwrap());
        }
    }

    fn add(&mut self, parts: &[Reservation], posted_at: Option<u64>) {
        let line = |part: &Reservation| Line {
            part: part.clone(),
            posted_at,
        };
        self.lines.extend(parts.iter().map(line));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Reserve(Vec<(usize, usize, u128)>),
    Post(usize),
    PostPart(usize, u8),
    Void(usize),
    Evict,
    Reload,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = prop_oneof![4 => 1u128..100, 1 => Just(AMOUNT_MAX), 1 => 1u128..AMOUNT_MAX];
    let parts = prop::collection::btree_map((0usize..3, 0usize..3), amount, 1..4);
    let parts = parts.prop_map(|map| map.into_iter().map(|((l, k), a)| (l, k, a)).collect());
    let wait = prop_oneof![
        Just(0u64),
        1u64..3,
        900u64..1_100,
        59_000u64..61_000,
        2_678_000_000u64..2_679_000_000,
    ];
    let step = prop_oneof![
        3 => wait.prop_map(Step::Wait),
        5 => parts.prop_map(Step::Reserve),
        4 => (0usize..8).prop_map(Step::Post),
        2 => (0usize..8, 0u8..=100).prop_map(|(n, share)| Step::PostPart(n, share)),
        2 => (0usize..8).prop_map(Step::Void),
        1 => Just(Step::Evict),
        1 => Just(Step::Reload),
    ];
    prop::collection::vec(step, 1..60)
}

fn assert_same(windows: &Windows, model: &Model, now: u64) {
    for (limit, window_ms) in LIMITS {
        for key in KEYS {
            for at in [now, now + 1, now + window_ms - 1, now + window_ms] {
                let wanted = model.used(limit, key, window_ms, at);
                assert_eq!(
                    windows.used(limit, key, at),
                    wanted,
                    "{limit} {key} at {at}"
                );
            }
        }
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn nothing_is_counted_twice_or_forgotten(steps in steps()) {
        let (mut windows, mut model, mut now) = (windows(), Model::default(), 1_000_000u64);
        let mut held: Vec<Vec<Reservation>> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(ms) => now += ms,
                Step::Reserve(parts) => {
                    let parts: Vec<_> =
                        parts.iter().map(|(l, k, a)| part(LIMITS[*l].0, KEYS[*k], *a)).collect();
                    windows.reserve(&parts, now).unwrap();
                    model.add(&parts, None);
                    held.push(parts);
                }
                Step::Post(n) if !held.is_empty() => {
                    let parts = held.remove(n % held.len());
                    windows.post(&parts, now).unwrap();
                    model.remove(&parts);
                    model.add(&parts, Some(now));
                }
                Step::PostPart(n, share) if !held.is_empty() => {
                    let parts = held.remove(n % held.len());
                    let kept: Vec<_> = parts
                        .iter()
                        .map(|p| part(&p.limit, &p.key, p.amount * u128::from(share) / 100))
                        .collect();
                    windows.post_partial(&parts, &kept, now).unwrap();
                    model.remove(&parts);
                    model.add(&kept, Some(now));
                }
                Step::Void(n) if !held.is_empty() => {
                    let parts = held.remove(n % held.len());
                    windows.void(&parts).unwrap();
                    model.remove(&parts);
                }
                Step::Evict => windows.evict(now),
                Step::Reload => {
                    let bytes = postcard::to_stdvec(&windows).unwrap();
                    let copy: Windows = postcard::from_bytes(&bytes).unwrap();
                    prop_assert_eq!(&copy, &windows);
                    let json = serde_json::to_string(&windows).unwrap();
                    prop_assert_eq!(serde_json::from_str::<Windows>(&json).unwrap(), copy.clone());
                    windows = copy;
                }
                _ => {}
            }
            assert_same(&windows, &model, now);
        }
        for parts in held {
            windows.void(&parts).unwrap();
        }
        windows.evict(now + 2_678_400_000);
        prop_assert!(windows.usages(now).is_empty());
        prop_assert_eq!(windows.entries(), 0);
    }

    #[test]
    fn what_frees_at_says_is_the_first_moment(
        posts in prop::collection::vec((0u64..400, 1u128..50), 1..40),
        excess in 1u128..600,
    ) {
        let (mut windows, mut now) = (windows(), 5_000u64);
        for (wait, amount) in posts {
            now += wait;
            let parts = [part("second", "global", amount)];
            windows.reserve(&parts, now).unwrap();
            windows.post(&parts, now).unwrap();
        }
        let used = windows.used("second", "global", now);
        match windows.frees_at("second", "global", excess, now) {
            None => prop_assert!(excess > used),
            Some(at) => {
                prop_assert!(windows.used("second", "global", at) + excess <= used);
                prop_assert!(windows.used("second", "global", at - 1) + excess > used);
            }
        }
    }
}

#[test]
fn an_entry_counts_up_to_but_not_at_its_age() {
    let mut windows = windows();
    let parts = [part("second", "global", 5)];
    windows.reserve(&parts, 100).unwrap();
    windows.post(&parts, 100).unwrap();
    assert_eq!(windows.used("second", "global", 1_099), 5);
    assert_eq!(windows.used("second", "global", 1_100), 0);
}

#[test]
fn what_is_held_never_ages() {
    let mut windows = windows();
    windows.reserve(&[part("second", "global", 5)], 0).unwrap();
    windows.evict(u64::MAX);
    assert_eq!(windows.used("second", "global", u64::MAX), 5);
    assert_eq!(windows.frees_at("second", "global", 1, u64::MAX), None);
}

#[test]
fn a_clock_that_steps_back_never_counts_less() {
    let mut windows = windows();
    for at in [10_000, 9_000] {
        let parts = [part("second", "global", 5)];
        windows.reserve(&parts, at).unwrap();
        windows.post(&parts, at).unwrap();
    }
    assert_eq!(windows.used("second", "global", 9_000), 10);
    assert_eq!(windows.used("second", "global", 10_999), 10);
}

#[test]
fn a_refused_change_changes_nothing() {
    let mut windows = windows();
    windows.reserve(&[part("minute", "global", 7)], 0).unwrap();
    let before = windows.clone();
    let unknown = [part("minute", "global", 1), part("year", "global", 1)];
    let unknown_limit = Err(WindowError::UnknownLimit("year".to_owned()));
    let not_held = Err(WindowError::NotHeld("minute".to_owned()));
    assert_eq!(windows.reserve(&unknown, 0), unknown_limit);
    assert_eq!(windows.void(&unknown), unknown_limit);
    assert_eq!(windows.void(&[part("minute", "global", 8)]), not_held);
    let twice = [part("minute", "global", 4), part("minute", "global", 4)];
    assert_eq!(windows.void(&twice), not_held);
    assert_eq!(windows.post(&twice, 0), not_held);
    assert_eq!(windows.post(&[part("minute", "agent:a", 1)], 0), not_held);
    let (held, kept) = ([part("minute", "global", 7)], [part("minute", "global", 8)]);
    assert_eq!(windows.post_partial(&held, &kept, 0), not_held);
    assert_eq!(windows, before);
}

#[test]
fn a_sum_that_does_not_fit_is_refused() {
    let mut windows = windows();
    windows
        .reserve(&[part("minute", "global", u128::MAX)], 0)
        .unwrap();
    let more = [part("minute", "agent:a", 1), part("minute", "global", 1)];
    let overflow = WindowError::Overflow("minute".to_owned());
    assert_eq!(windows.reserve(&more, 0), Err(overflow.clone()));
    assert_eq!(windows.used("minute", "agent:a", 0), 0);
    windows
        .post(&[part("minute", "global", u128::MAX)], 0)
        .unwrap();
    assert_eq!(windows.reserve(&more, 59_999), Err(overflow));
    windows.reserve(&more, 60_000).unwrap();
}

#[test]
fn recipients_that_were_paid_once_are_forgotten_in_time() {
    let mut windows = windows();
    let mut now = 0;
    for n in 0..20_000u64 {
        now += 1_000;
        let parts = [part("second", &format!("recipient:1:{n}"), 1)];
        windows.reserve(&parts, now).unwrap();
        windows.post(&parts, now).unwrap();
    }
    assert!(windows.entries() < 3_000, "{}", windows.entries());
}
