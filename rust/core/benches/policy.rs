//! Deciding: 20 and 10,000 rules that differ in one dimension each, a list of 10,000 addresses,
//! five windows, a million posted entries.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]

use std::fmt::Write;
use std::hint::black_box;

use alloy_primitives::{keccak256, Address, U256};
use criterion::{criterion_group, criterion_main, BatchSize, Criterion};
use holdfast_core::policy::{decide, resolve, Facts, Policy, Reservation, Resolved};
use holdfast_core::request;
use holdfast_core::window::Windows;

const USDC: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const METHOD: &str = "eth_sendTransaction";
const NOW: u64 = 1_700_000_000_000;
const EFFECTS: [&str; 7] = [
    "transfer",
    "allowance",
    "revoke",
    "deploy",
    "call",
    "typed-data",
    "message",
];

fn party(number: usize) -> String {
    let hash = keccak256(number.to_be_bytes());
    Address::from_slice(hash.get(..20).unwrap()).to_checksum(None)
}

/// A list of 10,000, five limits, and `rules` rules of which the first grants; the others differ
/// from it in `by`.
fn policy(rules: usize, by: &str) -> Policy {
    let mut out = String::from(include_str!("../tests/data/policy_bench.toml"));
    let crowd = if by == "agents" || by == "assets" {
        rules
    } else {
        1
    };
    for n in 1..crowd {
        if by == "agents" {
            let _ = write!(
                out,
                "[[agent]]\nid = \"a{n}\"\nwallets = [\"main\"]\nchain = 31337\n"
            );
        } else {
            let address = party(n + 1_000_000);
            let _ = write!(
                out,
                "[[asset]]\nid = \"t{n}\"\nchain = 31337\naddress = \"{address}\"\n\
                 decimals = 6\nsymbol = \"T\"\n"
            );
        }
    }
    out.push_str("[[list]]\nid = \"vendors\"\n");
    for n in 0..10_000 {
        let _ = write!(out, "[[list.entry]]\naddress = \"{}\"\n", party(n));
    }
    for n in 0..rules {
        let differs = |dimension| by == dimension && n > 0;
        let agent = if differs("agents") {
            format!("a{n}")
        } else {
            "bot".into()
        };
        let asset = if differs("assets") {
            format!("t{n}")
        } else {
            "usdc".into()
        };
        let to = if differs("to") {
            party(n + 2_000_000)
        } else {
            "@vendors".into()
        };
        let kinds: Vec<&str> = (0..7)
            .filter(|kind| ((n % 127) + 1) >> kind & 1 == 1)
            .map(|kind| EFFECTS[kind])
            .collect();
        let kinds = if differs("effects") {
            kinds.join("\", \"")
        } else {
            "transfer".into()
        };
        let asset = if by == "effects" {
            String::new()
        } else {
            format!("assets = [\"{asset}\"]\n")
        };
        let _ = write!(
            out,
            "[[rule]]\nid = \"r{n}\"\nagents = [\"{agent}\"]\neffects = [\"{kinds}\"]\n\
             {asset}to = [\"{to}\"]\ntier = \"instant\"\n"
        );
    }
    Policy::parse(&out).unwrap()
}

fn params() -> String {
    let to = party(7_000).to_lowercase();
    let digits = to.trim_start_matches("0x");
    format!(
        r#"[{{"to":"{USDC}","gas":"0x5208","data":"0xa9059cbb{digits:0>64}{:064x}"}}]"#,
        5
    )
}

fn resolved<'p>(policy: &'p Policy, params: &str) -> Resolved<'p> {
    resolve(
        policy,
        "bot",
        request::parse(METHOD, params.as_bytes()).unwrap(),
        &|_| None,
    )
    .unwrap()
}

/// Windows in which 1,000,000 requests of the last 30 days were posted under every limit.
fn full(policy: &Policy, reservations: &[Reservation], entries: u64) -> Windows {
    let mut windows = Windows::for_policy(policy);
    let step_ms = 30 * 24 * 3_600_000 / entries.max(1);
    for n in 0..entries {
        let at = NOW - (entries - n) * step_ms;
        windows.reserve(reservations, at).unwrap();
        windows.post(reservations, at).unwrap();
    }
    windows
}

fn deciding(criterion: &mut Criterion) {
    let params = params();
    let facts =
        Facts::parse(format!(r#"{{"prices":{{"usdc":{{"usd":"1","at":{NOW}}}}}}}"#).as_bytes())
            .unwrap();
    let mut group = criterion.benchmark_group("decide");
    for (rules, by) in [
        (20, "to"),
        (10_000, "to"),
        (20, "assets"),
        (10_000, "assets"),
        (20, "agents"),
        (10_000, "agents"),
        (20, "effects"),
        (10_000, "effects"),
    ] {
        let policy = policy(rules, by);
        let asked = resolved(&policy, &params);
        let subject = asked.subject(METHOD, &[]);
        let windows = Windows::for_policy(&policy);
        let first = decide(&policy, &subject, &windows, &facts, NOW);
        assert_eq!(first.verdict.as_str(), "instant", "{:?}", first.reasons);
        assert_eq!(first.reservations.len(), 5);
        group.bench_function(format!("{rules}_rules_by_{by}"), |b| {
            b.iter(|| {
                decide(
                    black_box(&policy),
                    black_box(&subject),
                    &windows,
                    &facts,
                    NOW,
                )
            });
        });
    }
    let policy = policy(20, "to");
    let asked = resolved(&policy, &params);
    let subject = asked.subject(METHOD, &[]);
    let empty = Windows::for_policy(&policy);
    let reservations = decide(&policy, &subject, &empty, &facts, NOW).reservations;
    let windows = full(&policy, &reservations, 1_000_000);
    group.bench_function("20_rules_1000000_entries_in_each_month", |b| {
        b.iter(|| {
            decide(
                black_box(&policy),
                black_box(&subject),
                &windows,
                &facts,
                NOW,
            )
        });
    });
    group.bench_function("resolve_and_decide", |b| {
        let request = request::parse(METHOD, params.as_bytes()).unwrap();
        b.iter_batched(
            || request.clone(),
            |request| {
                let asked = resolve(&policy, "bot", request, &|_| None).unwrap();
                decide(&policy, &asked.subject(METHOD, &[]), &windows, &facts, NOW)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn windows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("window");
    let part = |amount: u128| Reservation {
        limit: "month".into(),
        key: "global".into(),
        amount,
    };
    for entries in [1_000u64, 1_000_000] {
        let step_ms = 30 * 24 * 3_600_000 / entries;
        let mut windows = Windows::with_limits([("month", 30 * 24 * 3_600_000)]);
        let mut now = NOW;
        for _ in 0..entries {
            now += step_ms;
            windows.reserve(&[part(5)], now).unwrap();
            windows.post(&[part(5)], now).unwrap();
        }
        group.bench_function(format!("reserve_post_used_{entries}_entries"), |b| {
            b.iter(|| {
                now += step_ms;
                windows.reserve(&[part(5)], now).unwrap();
                windows.post(&[part(5)], now).unwrap();
                black_box(windows.used("month", "global", now))
            });
        });
        group.bench_function(format!("used_after_idle_{entries}_entries"), |b| {
            let later = now + 15 * 24 * 3_600_000;
            b.iter(|| black_box(windows.used("month", "global", black_box(later))));
        });
    }
    group.finish();
}

fn loading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("policy");
    group.sample_size(10);
    let policy = policy(10_000, "to");
    let source = policy.source().to_owned();
    group.bench_function("parse_10000_rules_10000_addresses", |b| {
        b.iter(|| Policy::parse(black_box(&source)).unwrap());
    });
    let spends = {
        let params = params();
        let asked = resolved(&policy, &params);
        let windows = Windows::for_policy(&policy);
        decide(
            &policy,
            &asked.subject(METHOD, &[]),
            &windows,
            &Facts::none(),
            NOW,
        )
        .spends
        .unwrap()
    };
    group.bench_function("reservations_of_one_request", |b| {
        b.iter(|| policy.reservations(black_box(&spends.with_fee(Some(U256::from(1))))));
    });
    group.finish();
}

criterion_group!(benches, deciding, windows, loading);
criterion_main!(benches);
