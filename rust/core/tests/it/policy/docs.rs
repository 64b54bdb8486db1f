//! Every example of `docs/policy.md` and the pages below it is valid: whole files by themselves,
//! additions with the first of them.

use std::fs;
use std::path::Path;

use holdfast_core::policy::Policy;

const PAGE: &str = include_str!("../../../../../docs/policy.md");

/// The outline, then its topics; read at run time, so that a new page counts as well.
fn pages() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy");
    let topics = fs::read_dir(folder).unwrap();
    let topics = topics.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    [PAGE.to_owned()].into_iter().chain(topics).collect()
}

fn blocks<'a>(pages: &'a [String], fence: &str) -> Vec<&'a str> {
    let fence = format!("```{fence}\n");
    let after = pages
        .iter()
        .flat_map(|page| page.split(fence.as_str()).skip(1));
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
    let pages = pages();
    let whole = blocks(&pages, "toml policy");
    let additions = blocks(&pages, "toml add");
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
