//! What holds whatever happens, in whatever order: arbitrary lives, judged by an auditor that only
//! reads records.

use holdfast_core::event::Event;
use holdfast_core::guard::Guard;
use holdfast_core::json::{self, Limits};
use holdfast_core::log::CompactRange;
use proptest::prelude::*;

use crate::support::auditor::Auditor;
use crate::support::commands::{life, Step};
use crate::support::{self, World, OTHER, VENDOR};

fn lived(steps: &[Step]) -> World {
    let mut world = World::new();
    for step in steps {
        world.step(step);
    }
    world
}

/// Few cases, so that the tests stay quick; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: if asked { config.cases } else { 48 },
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    /// Cut the journal anywhere, take a snapshot there or not: what comes out is the same state and
    /// the same root.
    #[test]
    fn replay_equals_live(steps in life(60), cut in any::<prop::sample::Index>()) {
        let world = lived(&steps);
        let replayed = Guard::replay(&world.records).unwrap();
        prop_assert_eq!(replayed.state_digest(), world.guard.state_digest());
        prop_assert_eq!(replayed.root(), world.guard.root());
        let cut = 1 + cut.index(world.records.len());
        let (before, after) = world.records.split_at(cut.min(world.records.len()));
        let early = Guard::replay(before).unwrap();
        let mut restored = Guard::restore(&early.snapshot()).unwrap();
        prop_assert_eq!(restored.state_digest(), early.state_digest());
        restored.extend(after).unwrap();
        prop_assert_eq!(restored.state_digest(), world.guard.state_digest());
        prop_assert_eq!(restored.root(), world.guard.root());
        prop_assert_eq!(restored.limits(None, world.now), world.guard.limits(None, world.now));
    }

    /// A record is one event and one sequence of bytes: canonical by another writer too.
    #[test]
    fn records_are_canonical(steps in life(40)) {
        let world = lived(&steps);
        let bounds = Limits { max_bytes: 1 << 24, ..Limits::REQUEST };
        let mut log = CompactRange::new();
        for (seq, record) in world.records.iter().enumerate() {
            let again = json::parse(record, &bounds).unwrap().to_canonical();
            prop_assert_eq!(again.as_bytes(), record.as_slice());
            let event = Event::from_record(record).unwrap();
            prop_assert_eq!(event.seq, seq as u64);
            prop_assert_eq!(&event.to_record(), record);
            log.append(record);
        }
        prop_assert_eq!(log.root(), world.guard.root());
    }

    /// Every event was possible, limits held at each of them, and what the guardian says is used
    /// and held is what the records add up to.
    #[test]
    fn limits_hold_and_every_request_has_one_end(steps in life(80)) {
        let world = lived(&steps);
        let auditor = Auditor::of(&world.records);
        let now = world.now.max(world.guard.last_at());
        for agent in ["shopper", "trader"] {
            let said = world.limit("hour", &format!("agent:{agent}"));
            prop_assert_eq!(said, auditor.wei(agent, now), "{}", agent);
            let said = world.limit("rights", &format!("agent:{agent}"));
            prop_assert_eq!(said, auditor.standing(agent), "{}", agent);
        }
        for to in [VENDOR, OTHER] {
            let said = world.limit("often", &format!("recipient:{}:{to}", support::CHAIN));
            prop_assert_eq!(said, auditor.payments(to, now), "{}", to);
        }
        let open: Vec<String> =
            world.guard.open_requests().iter().map(ToString::to_string).collect();
        for (id, end) in auditor.ends() {
            prop_assert_eq!(open.contains(id), end.is_none(), "{} {:?}", id, end);
        }
    }

    /// After a freeze nothing in its scope is authorised, signed or sent until an operator lifts
    /// it.
    #[test]
    fn a_frozen_scope_never_signs(steps in life(60)) {
        let mut world = World::new();
        let mut auditor = Auditor::default();
        let mut read = 0;
        for step in &steps {
            world.step(step);
            // The auditor panics at an event of a frozen scope.
            world.records[read..].iter().for_each(|record| auditor.read(record));
            read = world.records.len();
            for (id, request) in auditor.requests.iter().filter(|(_, one)| one.recalled) {
                prop_assert!(!world.guard.may_send(id), "{} {:?}", id, request.ends);
            }
            let frozen: Vec<String> = auditor.frozen_requests().cloned().collect();
            for id in frozen {
                let taken_back = auditor.requests[&id].nothing == Some(true);
                prop_assert!(taken_back || !world.guard.may_send(&id));
                let size = world.guard.size();
                prop_assert!(world.authorise(&id, Some(0)).is_err());
                prop_assert!(world.guard.signed(&id, &[0; 65], world.now).is_err());
                prop_assert_eq!(world.guard.size(), size);
            }
        }
    }

    /// Bytes nobody wrote are an error that names the event, never a panic, and never folded.
    #[test]
    fn a_damaged_record_is_named(steps in life(20), at in any::<prop::sample::Index>(),
                                 place in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut records = lived(&steps).records;
        let at = at.index(records.len());
        let place = place.index(records[at].len());
        records[at][place] ^= 1 << bit;
        match Guard::replay(&records) {
            Err(error) => prop_assert!(error.seq >= at as u64, "{error}"),
            // A change inside words is another valid history, and has another root.
            Ok(other) => prop_assert_ne!(other.root(), lived(&steps).guard.root()),
        }
    }

    /// A journal with an event missing, doubled or swapped does not replay.
    #[test]
    fn a_reordered_journal_is_refused(steps in life(20), at in any::<prop::sample::Index>()) {
        let records = lived(&steps).records;
        let at = at.index(records.len() - 1);
        let mut missing = records.clone();
        missing.remove(at);
        prop_assert_eq!(Guard::replay(&missing).unwrap_err().seq, at as u64);
        let mut doubled = records.clone();
        doubled.insert(at, records[at].clone());
        prop_assert_eq!(Guard::replay(&doubled).unwrap_err().seq, at as u64 + 1);
        let mut swapped = records;
        swapped.swap(at, at + 1);
        prop_assert_eq!(Guard::replay(&swapped).unwrap_err().seq, at as u64);
    }
}

/// The lives above are worth nothing if they never get anywhere.
#[test]
fn arbitrary_lives_reach_every_kind_of_event() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<&str, u32>::new();
    for _ in 0..240 {
        let steps = life(80).new_tree(&mut runner).unwrap().current();
        for record in &lived(&steps).records {
            let kind = Event::from_record(record).unwrap().body.kind();
            *seen.entry(kind).or_default() += 1;
        }
    }
    // Not in these lives: signed agents, settings, faulty files, clocks and an orderly stop.
    let elsewhere = [
        "config.loaded",
        "request.attached",
        "policy.rejected",
        "policy.scheduled",
        "clock.jumped",
        "clock.set",
        "guardian.stopped",
    ];
    for kind in holdfast_core::event::Body::KINDS {
        let count = seen.get(kind).copied().unwrap_or_default();
        assert!(
            count > 4 || elsewhere.contains(kind),
            "{kind}: {count} of {seen:?}"
        );
    }
}
