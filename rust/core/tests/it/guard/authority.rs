//! A policy and the settings are in force by an operator's signature, not by a file.

use alloy_primitives::B256;
use holdfast_core::canonical::sha256;
use holdfast_core::event::{Body, Event, PolicyLoaded};
use holdfast_core::guard::{Applied, Authority, Guard, LoadError, Refusal};
use serde_json::Value;

use crate::support::orders::code;
use crate::support::{self, policy, signed_authority, World, STRICT, TERMS};

fn load(world: &mut World, source: &str, signed: &(String, Vec<u8>)) -> Result<Applied, Refusal> {
    let (command, signature) = signed;
    let (command, now) = (command.as_bytes(), world.now);
    let authority = Authority {
        command,
        signature,
        also: &[],
    };
    let result = world
        .guard
        .load_policy(source, "test", Some(authority), now);
    let result = result.map_err(|error| match error {
        LoadError::Refused(refusal) => refusal,
        LoadError::Faults(faults) => panic!("{faults}"),
    });
    world.keep(result)
}

fn unsigned(world: &mut World, source: &str) -> Result<Applied, Refusal> {
    let result = world.guard.load_policy(source, "file", None, world.now);
    let result = result.map_err(|error| match error {
        LoadError::Refused(refusal) => refusal,
        LoadError::Faults(faults) => panic!("{faults}"),
    });
    world.keep(result)
}

fn signed(source: &str, revision: u64) -> (String, Vec<u8>) {
    signed_authority(0, ("policy", sha256(source.as_bytes())), revision)
}

fn status(world: &World) -> Value {
    serde_json::from_slice(&world.guard.status(world.now)).unwrap()
}

#[test]
fn the_first_policy_is_signed() {
    let mut world = World::without_policy();
    let source = policy(TERMS);
    let refusal = unsigned(&mut world, &source).unwrap_err();
    assert_eq!(refusal.code.as_str(), "policy_unsigned");
    assert!(refusal.text.contains("the first policy"), "{refusal}");
    load(&mut world, &source, &signed(&source, 1)).unwrap();
    assert_eq!(status(&world)["policy"]["revision"], 1);
}

#[test]
fn a_looser_policy_needs_a_signature_and_a_stricter_one_does_not() {
    let mut world = World::new();
    let lower = policy(support::Terms {
        count_max: 5,
        ..TERMS
    });
    unsigned(&mut world, &lower).unwrap();
    assert_eq!(status(&world)["policy"]["revision"], 2);
    let refusal = unsigned(&mut world, &policy(TERMS)).unwrap_err();
    assert_eq!(refusal.code.as_str(), "policy_unsigned");
    assert!(
        refusal
            .text
            .contains("`limit.often.max` changes from 5 to 6"),
        "{refusal}"
    );
    assert_eq!(
        status(&world)["policy"]["revision"],
        2,
        "the one before stays"
    );
    let source = policy(TERMS);
    load(&mut world, &source, &signed(&source, 3)).unwrap();
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.state_digest(), world.guard.state_digest());
}

#[test]
fn a_signature_is_good_for_one_policy_once() {
    let mut world = World::new();
    let (strict, loose) = (policy(STRICT), policy(TERMS));
    let stale = signed(&loose, 1);
    load(&mut world, &strict, &signed(&strict, 2)).unwrap();
    for (given, words) in [
        (stale, "revision 1, the next one is 3"),
        (signed(&strict, 3), "another policy"),
        (
            signed_authority(0, ("config", sha256(loose.as_bytes())), 3),
            "`action` is policy",
        ),
        (
            (signed(&loose, 3).0, vec![0; 64]),
            "not that of this operator",
        ),
        ((signed(&loose, 3).0, Vec::new()), "64 bytes"),
        (
            (
                signed(&loose, 3).0,
                signed_authority(1, ("policy", sha256(loose.as_bytes())), 3).1,
            ),
            "not that of this operator",
        ),
    ] {
        let refusal = load(&mut world, &loose, &given).unwrap_err();
        assert_eq!(refusal.code.as_str(), "policy_unsigned");
        assert!(refusal.text.contains(words), "{refusal}");
    }
    load(&mut world, &loose, &signed(&loose, 3)).unwrap();
    assert_eq!(code(load(&mut world, &strict, &signed(&strict, 4))), "ok");
    assert_eq!(
        code(load(&mut world, &loose, &signed(&loose, 3))),
        "policy_unsigned"
    );
}

#[test]
fn a_policy_on_record_without_authority_is_not_believed() {
    let world = World::new();
    let source = policy(support::Terms {
        count_max: 7,
        ..TERMS
    });
    let (command, signature) = signed(&source, 2);
    let good = PolicyLoaded {
        also: Vec::new(),
        by: "file".to_owned(),
        command: Some(command),
        digest: sha256(source.as_bytes()),
        name: "test".to_owned(),
        revision: Some(2),
        signature: Some(signature.into()),
        source,
    };
    let replay = |data: PolicyLoaded| {
        let mut records = world.records.clone();
        let event = Event::new(records.len() as u64, world.now, Body::PolicyLoaded(data));
        records.push(event.to_record());
        Guard::replay(&records)
    };
    assert!(replay(good.clone()).is_ok());
    for (data, words) in [
        (
            PolicyLoaded {
                command: None,
                signature: None,
                ..good.clone()
            },
            "no operator signed",
        ),
        (
            PolicyLoaded {
                revision: Some(3),
                ..good.clone()
            },
            "another revision",
        ),
        (
            PolicyLoaded {
                signature: Some(vec![0; 64].into()),
                ..good.clone()
            },
            "signature",
        ),
        (
            PolicyLoaded {
                signature: None,
                ..good.clone()
            },
            "not a record",
        ),
        (
            PolicyLoaded {
                revision: None,
                ..good.clone()
            },
            "not a record",
        ),
        (
            PolicyLoaded {
                digest: B256::ZERO,
                ..good
            },
            "not that of the policy",
        ),
    ] {
        let error = replay(data).unwrap_err();
        assert!(error.text.contains(words), "{error}: {words}");
    }
}

#[test]
fn settings_are_noted_only_with_a_signature_over_them() {
    let mut world = World::new();
    let digest = sha256(b"settings");
    assert!(status(&world)["config"].is_null());
    let mut load = |action: &str, revision: u64, operator: u8| {
        let (command, signature) = signed_authority(operator, (action, digest), revision);
        let (command, signature) = (command.as_bytes(), signature.as_slice());
        let authority = Authority {
            command,
            signature,
            also: &[],
        };
        let result = world
            .guard
            .load_config(digest, "test", authority, world.now);
        world.keep(result)
    };
    assert_eq!(code(load("policy", 1, 0)), "malformed");
    assert_eq!(code(load("config", 2, 0)), "revision_mismatch");
    assert_eq!(code(load("config", 1, 1)), "ok");
    assert_eq!(code(load("config", 1, 0)), "revision_mismatch", "good once");
    assert_eq!(code(load("config", 2, 0)), "ok");
    let other = {
        let (command, signature) = signed_authority(0, ("config", B256::ZERO), 3);
        let (command, signature) = (command.as_bytes(), signature.as_slice());
        let authority = Authority {
            command,
            signature,
            also: &[],
        };
        world
            .guard
            .load_config(digest, "test", authority, world.now)
    };
    assert_eq!(code(other), "digest_mismatch");
    let config = &status(&world)["config"];
    assert_eq!(
        (&config["digest"], &config["revision"]),
        (&digest.to_string().into(), &2.into())
    );
    let replayed = Guard::replay(&world.records).unwrap();
    assert_eq!(replayed.state_digest(), world.guard.state_digest());
    let restored = Guard::restore(&world.guard.snapshot()).unwrap();
    assert_eq!(restored.state_digest(), world.guard.state_digest());
}

const DELAY_MS: u64 = 600_000;

/// A policy that makes looser ones wait for ten minutes, and one of its kind with other terms.
fn delayed(terms: support::Terms) -> String {
    format!("loosen_delay = \"10m\"\n{}", policy(terms))
}

fn tick(world: &mut World) -> Vec<&'static str> {
    support::kinds(&world.tick())
}

fn replays(world: &World) {
    let records: Vec<&[u8]> = world.records.iter().map(Vec::as_slice).collect();
    let again = Guard::replay(&records).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.state_digest(), world.guard.state_digest());
}

#[test]
fn a_looser_policy_waits_as_long_as_the_one_in_force_says() {
    let mut world = World::without_policy();
    let strict = delayed(STRICT);
    load(&mut world, &strict, &signed(&strict, 1)).unwrap();
    let loose = delayed(TERMS);
    let applied = load(&mut world, &loose, &signed(&loose, 2)).unwrap();
    assert_eq!(support::kinds(&applied), ["policy.scheduled"]);
    let shown = status(&world)["policy"].clone();
    assert_eq!(shown["revision"], 1);
    assert_eq!(shown["coming"]["due_ms"], world.now + DELAY_MS);
    assert!(
        shown["coming"]["looser"]
            .as_str()
            .unwrap()
            .contains("amount_above"),
        "{shown}"
    );
    assert_eq!(world.guard.next_deadline(), Some(world.now + DELAY_MS));
    // The same file again, at a start say, neither begins the time anew nor shortens it.
    world.now += 1000;
    let again = load(&mut world, &loose, &signed(&loose, 2)).unwrap();
    assert!(again.records.is_empty());
    world.now += DELAY_MS - 1001;
    assert!(tick(&mut world).is_empty());
    let records: Vec<&[u8]> = world.records.iter().map(Vec::as_slice).collect();
    world.guard = Guard::replay(&records).unwrap();
    world.now += 1;
    assert_eq!(tick(&mut world), ["policy.loaded"]);
    let shown = status(&world)["policy"].clone();
    assert_eq!(
        (&shown["revision"], &shown["coming"]),
        (&2.into(), &Value::Null)
    );
    replays(&world);
}

#[test]
fn a_stricter_policy_is_in_force_at_once_and_ends_the_one_that_waits() {
    let mut world = World::without_policy();
    let strict = delayed(STRICT);
    load(&mut world, &strict, &signed(&strict, 1)).unwrap();
    let loose = delayed(TERMS);
    load(&mut world, &loose, &signed(&loose, 2)).unwrap();
    let stricter = strict.replace("max = 3", "max = 2");
    assert_ne!(stricter, strict);
    let applied = unsigned(&mut world, &stricter).unwrap();
    assert_eq!(support::kinds(&applied), ["policy.loaded"]);
    assert_eq!(status(&world)["policy"]["coming"], Value::Null);
    world.now += DELAY_MS;
    assert!(tick(&mut world).is_empty());
    // It was signed for another revision, too.
    assert_eq!(
        code(load(&mut world, &loose, &signed(&loose, 2))),
        "policy_unsigned"
    );
    replays(&world);
}

#[test]
fn no_record_puts_a_looser_policy_in_force_before_its_time() {
    let mut world = World::without_policy();
    let strict = delayed(STRICT);
    load(&mut world, &strict, &signed(&strict, 1)).unwrap();
    let loose = delayed(TERMS);
    let (command, signature) = signed(&loose, 2);
    let body = Body::PolicyLoaded(PolicyLoaded {
        also: Vec::new(),
        by: "test".to_owned(),
        command: Some(command),
        digest: sha256(loose.as_bytes()),
        name: "guard".to_owned(),
        revision: Some(2),
        signature: Some(signature.into()),
        source: loose.clone(),
    });
    let seq = u64::try_from(world.records.len()).unwrap();
    let event = Event {
        seq,
        at: world.now,
        version: holdfast_core::event::VERSION,
        body,
    };
    let mut records = world.records.clone();
    records.push(event.to_record());
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let error = Guard::replay(&records).unwrap_err().to_string();
    assert!(error.contains("did not wait"), "{error}");
}

#[test]
fn another_delay_waits_as_long_as_the_one_in_force() {
    let mut world = World::without_policy();
    let ten = delayed(TERMS);
    load(&mut world, &ten, &signed(&ten, 1)).unwrap();
    let twenty = ten.replacen("10m", "20m", 1);
    // It binds operators, so that one of them signs it.
    assert_eq!(code(unsigned(&mut world, &twenty)), "policy_unsigned");
    load(&mut world, &twenty, &signed(&twenty, 2)).unwrap();
    world.now += DELAY_MS;
    assert_eq!(tick(&mut world), ["policy.loaded"]);
    let none = policy(TERMS);
    assert_eq!(code(unsigned(&mut world, &none)), "policy_unsigned");
    let applied = load(&mut world, &none, &signed(&none, 3)).unwrap();
    assert_eq!(support::kinds(&applied), ["policy.scheduled"]);
    assert_eq!(
        status(&world)["policy"]["coming"]["due_ms"],
        world.now + 2 * DELAY_MS
    );
}

/// Two operators together loosen this one.
fn together(terms: support::Terms) -> String {
    format!("loosen_quorum = 2\n{}", policy(terms))
}

fn load_by(
    world: &mut World,
    source: &str,
    operators: &[u8],
    revision: u64,
) -> Result<Applied, Refusal> {
    let digest = sha256(source.as_bytes());
    let sign = |operator: &u8| {
        let (command, signature) = signed_authority(*operator, ("policy", digest), revision);
        (command.into_bytes(), signature)
    };
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = operators.iter().map(sign).collect();
    let (command, signature) = all.remove(0);
    let authority = Authority {
        command: &command,
        signature: &signature,
        also: &all,
    };
    let result = world
        .guard
        .load_policy(source, "test", Some(authority), world.now);
    let result = result.map_err(|error| match error {
        LoadError::Refused(refusal) => refusal,
        LoadError::Faults(faults) => panic!("{faults}"),
    });
    world.keep(result)
}

#[test]
fn as_many_operators_loosen_a_policy_as_it_says() {
    let mut world = World::without_policy();
    let strict = together(STRICT);
    load(&mut world, &strict, &signed(&strict, 1)).unwrap();
    assert_eq!(status(&world)["policy"]["loosen_quorum"], 2);
    let loose = together(TERMS);
    for few in [&[0u8][..], &[1], &[0, 0]] {
        let refusal = load_by(&mut world, &loose, few, 2).unwrap_err();
        assert_eq!(refusal.code.as_str(), "policy_unsigned", "{few:?}");
        let why = if few.len() == 2 {
            "twice"
        } else {
            "1 of the 2 operators"
        };
        assert!(refusal.text.contains(why), "{refusal}");
    }
    // A signature for another revision makes nothing of the good one beside it.
    let refusal = load_by(&mut world, &loose, &[0, 1], 3).unwrap_err();
    assert_eq!(refusal.code.as_str(), "policy_unsigned");
    load_by(&mut world, &loose, &[1, 0], 2).unwrap();
    replays(&world);
    // What is at least as strict one operator signs alone, or none.
    let stricter = together(support::Terms {
        count_max: 5,
        ..TERMS
    });
    load(&mut world, &stricter, &signed(&stricter, 3)).unwrap();
    replays(&world);
    // No record puts the looser one in force with fewer.
    let record = world.records.iter().position(|record| {
        let event = Event::from_record(record).unwrap();
        matches!(&event.body, Body::PolicyLoaded(loaded) if !loaded.also.is_empty())
    });
    let place = record.unwrap();
    let mut records = world.records[..=place].to_vec();
    let mut event = Event::from_record(&records[place]).unwrap();
    let Body::PolicyLoaded(loaded) = &event.body else {
        panic!("a policy")
    };
    let first = loaded.also.clone();
    for also in [Vec::new(), [first.clone(), first].concat()] {
        let Body::PolicyLoaded(loaded) = &mut event.body else {
            panic!("a policy")
        };
        loaded.also = also;
        records[place] = event.to_record();
        let error = Guard::replay(&records).unwrap_err();
        assert!(error.text.contains("operator"), "{error}");
    }
}

#[test]
fn so_many_operators_sign_it_before_it_waits() {
    let mut world = World::without_policy();
    let strict = format!("loosen_delay = \"10m\"\n{}", together(STRICT));
    load(&mut world, &strict, &signed(&strict, 1)).unwrap();
    let loose = format!("loosen_delay = \"10m\"\n{}", together(TERMS));
    assert_eq!(
        code(load_by(&mut world, &loose, &[1], 2)),
        "policy_unsigned"
    );
    let applied = load_by(&mut world, &loose, &[1, 0], 2).unwrap();
    assert_eq!(support::kinds(&applied), ["policy.scheduled"]);
    world.now += DELAY_MS;
    assert_eq!(tick(&mut world), ["policy.loaded"]);
    replays(&world);
    let restored = Guard::restore(&world.guard.snapshot()).unwrap();
    assert_eq!(restored.state_digest(), world.guard.state_digest());
}

/// A file of another origin makes nothing that operators cannot undo.
#[test]
fn how_a_policy_is_loosened_is_changed_by_operators_alone() {
    let mut world = World::without_policy();
    let source = policy(TERMS);
    load(&mut world, &source, &signed(&source, 1)).unwrap();
    for line in ["loosen_quorum = 2", "loosen_delay = \"10m\""] {
        let more = format!("{line}\n{source}");
        let refusal = unsigned(&mut world, &more).unwrap_err();
        assert_eq!(refusal.code.as_str(), "policy_unsigned");
        assert!(
            refusal.text.contains("how a policy is loosened"),
            "{refusal}"
        );
    }
    let many = format!("loosen_quorum = 3\n{source}");
    let refusal = load(&mut world, &many, &signed(&many, 2)).unwrap_err();
    assert!(refusal.text.contains("has 2 operators"), "{refusal}");
    let more = together(TERMS);
    load(&mut world, &more, &signed(&more, 2)).unwrap();
    // Back to one is looser: both sign it.
    assert_eq!(
        code(load(&mut world, &source, &signed(&source, 3))),
        "policy_unsigned"
    );
    load_by(&mut world, &source, &[0, 1], 3).unwrap();
    replays(&world);
}

/// A program that cannot read the policy in force takes its word on operators all the same.
#[test]
fn a_policy_that_cannot_be_read_is_loosened_by_as_many_as_it_says() {
    let mut world = World::new();
    let unread = format!("of_a_later_version = 1\n{}", together(TERMS));
    let (command, signature) = signed(&unread, 2);
    let body = Body::PolicyLoaded(PolicyLoaded {
        also: Vec::new(),
        by: "test".to_owned(),
        command: Some(command),
        digest: sha256(unread.as_bytes()),
        name: "guard".to_owned(),
        revision: Some(2),
        signature: Some(signature.into()),
        source: unread,
    });
    let event = Event {
        seq: u64::try_from(world.records.len()).unwrap(),
        at: world.now,
        version: holdfast_core::event::VERSION,
        body,
    };
    world.records.push(event.to_record());
    let records: Vec<&[u8]> = world.records.iter().map(Vec::as_slice).collect();
    world.guard = Guard::replay(&records).unwrap();
    let source = policy(TERMS);
    let refusal = load(&mut world, &source, &signed(&source, 3)).unwrap_err();
    assert!(refusal.text.contains("1 of the 2 operators"), "{refusal}");
    load_by(&mut world, &source, &[0, 1], 3).unwrap();
    replays(&world);
}
