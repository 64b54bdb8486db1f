//! How long one decision takes, from request bytes to the hashed event: p50 and p99 over many
//! different payments; and how long it takes to decode a transfer, a plan of a router, and the
//! largest batch there can be.
//!
//! `cargo run --release -p holdfast-core --example latency [-- --json]`
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

#[path = "../benches/house/mod.rs"]
mod house;
#[path = "../benches/requests/mod.rs"]
mod requests;

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

use alloy_primitives::address;
use holdfast_core::asset::Registry;
use holdfast_core::chain::ChainId;
use holdfast_core::code::Code;
use holdfast_core::effects::decode;
use holdfast_core::guard::Guard;
use holdfast_core::policy::Facts;
use holdfast_core::request::{self, Body};

const WARM: u32 = 2_000;
const COUNT: u32 = 20_000;
const UNDER_WAY: usize = 256;

struct Figures {
    p50_us: f64,
    p99_us: f64,
}

/// Every request is another one, is granted, reserves in five windows, and gives one record. As
/// many are under way as in a busy guardian; how they end is not measured.
fn measure(mut guard: Guard) -> Figures {
    let mut under_way = VecDeque::new();
    let calls: Vec<Vec<u8>> = (0..WARM + COUNT).map(house::params).collect();
    let mut taken = Vec::with_capacity(calls.len());
    for (number, params) in calls.iter().enumerate() {
        let now = house::START_MS + number as u64 / 10;
        let begun = Instant::now();
        let applied = guard.submit("load", "eth_sendTransaction", params, &Facts::none(), now);
        taken.push(begun.elapsed().as_nanos());
        let applied = applied.expect("a decision");
        assert_eq!((applied.status, applied.records.len()), ("go", 1));
        under_way.push_back(applied.request.expect("an id").to_string());
        if under_way.len() > UNDER_WAY {
            let oldest = under_way.pop_front().unwrap_or_default();
            guard
                .fail(&oldest, Code::WouldFail, "", now)
                .expect("an end");
        }
    }
    figures(taken.split_off(WARM as usize))
}

fn figures(mut taken: Vec<u128>) -> Figures {
    taken.sort_unstable();
    let at = |share: usize| taken[(taken.len() * share / 100).min(taken.len() - 1)] as f64 / 1e3;
    Figures {
        p50_us: at(50),
        p99_us: at(99),
    }
}

/// A request decoded many times.
fn decoding(body: &Body, chain_id: ChainId, registry: &Registry, count: usize) -> Figures {
    let wallet = chain_id.at(address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
    let mut taken = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        let decoded = decode(black_box(body), wallet, registry);
        taken.push(begun.elapsed().as_nanos());
        drop(black_box(decoded).expect("effects"));
    }
    figures(taken)
}

fn body(params: &[u8]) -> Body {
    let parsed = request::parse("eth_sendTransaction", params);
    parsed.expect("a request").body
}

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let rows = [
        ("rules_20", measure(house::guard(20))),
        ("rules_10000", measure(house::guard(10_000))),
        (
            "window_1000000",
            measure(house::guard_with_history(1_000_000)),
        ),
        (
            "decode_transfer",
            decoding(
                &body(requests::TRANSFER),
                ChainId::new(31337),
                &requests::registry(),
                20_000,
            ),
        ),
        (
            "decode_plan",
            decoding(
                &body(requests::PLAN),
                ChainId::ETHEREUM,
                &requests::mainnet(),
                20_000,
            ),
        ),
        (
            "decode_batch",
            decoding(
                &requests::largest_batch(),
                ChainId::ETHEREUM,
                &requests::mainnet(),
                200,
            ),
        ),
    ];
    if json {
        let members = rows.iter().map(|(name, figures)| {
            let Figures { p50_us, p99_us } = figures;
            format!("\"{name}\":{{\"p50_us\":{p50_us:.3},\"p99_us\":{p99_us:.3}}}")
        });
        println!("{{{}}}", members.collect::<Vec<_>>().join(","));
        return;
    }
    for (name, figures) in &rows {
        println!(
            "{name:<16} p50 {:>7.2} µs   p99 {:>7.2} µs",
            figures.p50_us, figures.p99_us
        );
    }
}
