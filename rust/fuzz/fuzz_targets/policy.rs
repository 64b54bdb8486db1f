//! Policy files, facts and cases: understood completely or refused with a place, and a policy that
//! was understood decides.
#![no_main]

use holdfast_core::policy::{Facts, Policy, FAULTS_MAX};
use holdfast_core::simulate::Simulator;
use libfuzzer_sys::fuzz_target;

const CASE: &[u8] = br#"{"id":1,"agent":"a","at":1767225600000,"request":{"method":"eth_sendTransaction","params":[{"to":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","value":"0x1"}]}}"#;

fuzz_target!(|data: &[u8]| {
    let _ = Facts::parse(data);
    let Ok(source) = std::str::from_utf8(data) else {
        return;
    };
    match Policy::parse(source) {
        Err(errors) => assert!(!errors.faults().is_empty() && errors.faults().len() <= FAULTS_MAX),
        Ok(policy) => {
            let _ = policy.lint(Some(1_767_225_600_000));
            let mut simulator = Simulator::new(source, true).expect("it parsed before");
            assert!(!simulator.decide(CASE).is_empty());
            assert!(!simulator.decide(data).is_empty());
        }
    }
});
