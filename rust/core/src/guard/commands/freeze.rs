//! Stop. No key is needed; only an operator's command lifts it again.

use alloy_primitives::Address;

use crate::event::{Body, FreezeSet, Id, Scope};
use crate::guard::commands::lifecycle::bad;
use crate::guard::fold::in_scope;
use crate::guard::{Applied, Guard, Refusal, WORDS_MAX};
use crate::json::{self, Json, Limits};
use crate::text::display_safe;

const SCOPE: Limits = Limits {
    max_bytes: 1024,
    max_depth: 2,
    max_nodes: 8,
    max_string: 256,
};

impl Guard {
    /// Freezes everything, an agent or a wallet (by address or by its name in the policy). What is
    /// not signed in scope ends; what is signed and not sent is held.
    ///
    /// # Errors
    /// [`Refusal`] `malformed` when the scope names nothing that can be frozen.
    pub fn freeze(
        &mut self,
        scope: &[u8],
        reason: &str,
        actor: &str,
        now_ms: u64,
    ) -> Result<Applied, Refusal> {
        let body = self.freeze_of(self.scope(scope)?, reason, actor);
        self.one(now_ms, body)
    }

    /// The event of a freeze at this moment: it names exactly what it stops.
    pub(in crate::guard) fn freeze_of(&self, scope: Scope, reason: &str, actor: &str) -> Body {
        let (ended, held) = in_scope(&self.state, &scope);
        let ids = |seqs: Vec<u64>| seqs.into_iter().map(Id).collect();
        Body::FreezeSet(FreezeSet {
            actor: display_safe(actor, 64),
            ended: ids(ended),
            freeze: self.state.seq,
            held: ids(held),
            reason: display_safe(reason, WORDS_MAX),
            scope,
        })
    }

    fn scope(&self, scope: &[u8]) -> Result<Scope, Refusal> {
        let tree = json::parse(scope, &SCOPE).map_err(|fault| bad(format!("scope: {fault}")))?;
        let known = |(key, _): &(std::borrow::Cow<'_, str>, Json<'_>)| key == "kind" || key == "id";
        if !tree
            .as_object()
            .is_some_and(|members| members.iter().all(known))
        {
            return Err(bad("a scope is `{\"kind\", \"id\"}`"));
        }
        let id = tree.get("id").filter(|id| !id.is_null());
        match (
            tree.get("kind").and_then(Json::as_str),
            id.map(Json::as_str),
        ) {
            (Some("everything"), None) => Ok(Scope::Everything),
            (Some("agent"), Some(Some(id))) if is_agent_id(id) => Ok(Scope::Agent(id.to_owned())),
            (Some("wallet"), Some(Some(id))) => self.wallet(id).map(Scope::Wallet),
            _ => Err(bad(
                "freeze `everything`, an `agent` by id or a `wallet` by address or id",
            )),
        }
    }

    fn wallet(&self, id: &str) -> Result<Address, Refusal> {
        let named = self.state.policy().and_then(|policy| {
            policy
                .wallets()
                .iter()
                .find(|wallet| wallet.id == id)
                .map(|wallet| wallet.address)
        });
        let address = || id.strip_prefix("0x").and_then(|hex| hex.parse().ok());
        let shown = || bad(format!("no wallet `{}`", display_safe(id, 64)));
        named.or_else(address).ok_or_else(shown)
    }
}

/// As policies write them: `[a-z0-9][a-z0-9-]{0,31}`. Somebody no policy knows yet can be frozen
/// too.
fn is_agent_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !id.is_empty() && id.len() <= 32 && !id.starts_with('-') && id.bytes().all(plain)
}
