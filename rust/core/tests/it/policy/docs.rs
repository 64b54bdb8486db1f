//! Every example of `docs/policy.md` is valid: whole files by themselves, additions with the first
//! of them.

use holdfast_core::policy::Policy;

const PAGE: &str = include_str!("../../../../../docs/policy.md");

fn blocks(fence: &str) -> Vec<&'static str> {
    let fence = format!("```{fence}\n");
    let after = PAGE.split(fence.as_str()).skip(1);
    after
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

fn check(source: &str) {
    match Policy::parse(source) {
        Ok(policy) => assert!(
            policy.lint(None).is_empty(),
            "{:?}\n{source}",
            policy.lint(None)
        ),
        Err(errors) => panic!("{errors}\n{source}"),
    }
}

#[test]
fn every_example_of_the_documentation_is_valid_and_without_a_warning() {
    let whole = blocks("toml policy");
    let additions = blocks("toml add");
    assert!(
        whole.len() == 1 && additions.len() >= 8,
        "fences were renamed"
    );
    let first = whole.first().unwrap();
    check(first);
    for addition in additions {
        check(&format!("{first}\n{addition}"));
    }
}

#[test]
fn every_policy_of_these_tests_parses() {
    Policy::parse(include_str!("../../data/policy_demo.toml")).unwrap();
}
