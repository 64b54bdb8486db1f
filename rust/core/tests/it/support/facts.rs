//! Facts for tests, written as JSON.

use holdfast_core::guard::{AuthoriseFacts, Told};
use holdfast_core::policy::Facts;
use serde_json::{Map, Value};

/// `{"prices"?, "code"?}`.
pub fn facts(told: &Value) -> Facts {
    Facts::parse(told.to_string().as_bytes()).unwrap()
}

/// The members of `AuthoriseFacts` but `simulated`, and those of its `facts` beside them. Numbers are
/// integers or decimal strings.
pub fn order_facts(told: &Value) -> AuthoriseFacts {
    let mut read = AuthoriseFacts::default();
    let mut others = Map::new();
    for (key, value) in told.as_object().unwrap() {
        match key.as_str() {
            "gas" => read.gas = number(value),
            "max_fee_per_gas" => read.max_fee_per_gas = number(value),
            "max_priority_fee_per_gas" => read.max_priority_fee_per_gas = number(value),
            "chain_nonce" => read.chain_nonce = number(value),
            "nonce_proved" => read.nonce_proved = value.as_bool().unwrap(),
            "l1_fee" => read.l1_fee = number(value),
            _ => {
                others.insert(key.clone(), value.clone());
            }
        }
    }
    read.facts = facts(&Value::Object(others));
    read
}

fn number(value: &Value) -> Option<Told> {
    let text = value.as_str().map(str::to_owned);
    let text = text.unwrap_or_else(|| value.as_i64().unwrap().to_string());
    Some(match text.parse() {
        Ok(number) => Told::Number(number),
        Err(_) if text.starts_with('-') => Told::Negative,
        Err(_) => Told::TooLarge,
    })
}
