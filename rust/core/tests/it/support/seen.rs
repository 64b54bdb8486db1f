//! Worlds where every contract that a policy's requests may rely on is there.

use holdfast_core::policy::Policy;
use serde_json::{json, Map, Value};

/// Code that is known nowhere.
const SOME: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";

/// `{"0x…": {"hash", "implementation", "at"}}` of every contract whose code the policy does not pin.
pub fn everything(policy: &str, at: u64) -> Value {
    let policy = Policy::parse(policy).unwrap();
    let believed = policy.believed().into_iter();
    let seen = believed.map(|(contract, known)| {
        let hash = known.map_or_else(|| SOME.to_owned(), |hash| hash.to_string());
        let code = json!({"hash": hash, "implementation": null, "at": at});
        (contract.address.to_checksum(None), code)
    });
    Value::Object(seen.collect::<Map<String, Value>>())
}

/// The facts with this code beside whatever else they say.
pub fn with_code(facts: &str, code: Value) -> String {
    let mut facts: Value = serde_json::from_str(facts).unwrap();
    facts["code"] = code;
    facts.to_string()
}
