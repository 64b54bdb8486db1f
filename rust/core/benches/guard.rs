//! The parts of a decision, and the whole of it.
#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects)]

mod house;

use std::hint::black_box;

use criterion::{criterion_group, criterion_main, BatchSize, Criterion};
use holdfast_core::event::Event;
use holdfast_core::guard::Guard;
use holdfast_core::log::leaf_hash;
use holdfast_core::policy::Facts;
use holdfast_core::request;

fn decisions(c: &mut Criterion) {
    let mut guard = house::guard(20);
    let mut number = 0;
    c.bench_function("submit", |b| {
        b.iter_batched(
            || {
                number += 1;
                house::params(number)
            },
            |params| {
                guard.submit(
                    "load",
                    "eth_sendTransaction",
                    &params,
                    &Facts::none(),
                    house::START_MS,
                )
            },
            BatchSize::SmallInput,
        );
    });
    let params = house::params(7);
    c.bench_function("check", |b| {
        b.iter(|| {
            guard.check(
                "load",
                "eth_sendTransaction",
                &params,
                &Facts::none(),
                house::START_MS,
            )
        });
    });
    c.bench_function("parse", |b| {
        b.iter(|| request::parse("eth_sendTransaction", black_box(&params)));
    });
}

fn records(c: &mut Criterion) {
    let mut guard = house::guard(20);
    let params = house::params(1);
    let applied = guard.submit(
        "load",
        "eth_sendTransaction",
        &params,
        &Facts::none(),
        house::START_MS,
    );
    let record = applied.expect("a decision").records.remove(0);
    c.bench_function("leaf hash", |b| b.iter(|| leaf_hash(black_box(&record))));
    let event = Event::from_record(&record).expect("a record");
    c.bench_function("write record", |b| b.iter(|| black_box(&event).to_record()));
    c.bench_function("read record", |b| {
        b.iter(|| Event::from_record(black_box(&record)))
    });
    c.bench_function("snapshot and restore", |b| {
        b.iter(|| Guard::restore(&black_box(&guard).snapshot()));
    });
}

criterion_group!(benches, decisions, records);
criterion_main!(benches);
