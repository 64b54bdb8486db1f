//! Effects in the one spelling that events, screens and `holdfast decode` share.

use alloy_primitives::Address;

use super::Effect;
use crate::address::checksum;
use crate::amount::decimal;
use crate::asset::Asset;
use crate::json::write_string;
use crate::text::append;

impl Effect {
    /// Appends the canonical JSON
    /// `{"amount","asset","doubted"?,"effect","expires","from","function"?,"path","to","unlimited"}`; amounts are decimal
    /// strings in base units, addresses have their checksum.
    pub fn write_canonical(&self, out: &mut String) {
        out.push_str("{\"amount\":\"");
        out.push_str(&decimal(self.amount));
        out.push_str("\",\"asset\":");
        match &self.asset {
            Some(asset) => asset.write_canonical(out),
            None => out.push_str("null"),
        }
        if let Some(doubted) = self.doubted {
            out.push_str(",\"doubted\":\"");
            out.push_str(&decimal(doubted));
            out.push('"');
        }
        out.push_str(",\"effect\":\"");
        out.push_str(self.kind.as_str());
        out.push_str("\",\"expires\":");
        match self.expires {
            Some(expires) => append(out, format_args!("{expires}")),
            None => out.push_str("null"),
        }
        out.push_str(",\"from\":");
        write_address(Some(self.from).filter(|from| !from.is_zero()), out);
        if let Some(function) = &self.function {
            out.push_str(",\"function\":");
            write_string(function, out);
        }
        out.push_str(",\"path\":");
        write_string(&self.path, out);
        out.push_str(",\"to\":");
        write_address(self.to, out);
        out.push_str(if self.unlimited {
            ",\"unlimited\":true}"
        } else {
            ",\"unlimited\":false}"
        });
    }
}

impl Asset {
    /// Appends the canonical JSON `{"address","chain_id","decimals","id","standard","symbol"}`;
    /// `id` is null for an asset that is in no policy.
    pub fn write_canonical(&self, out: &mut String) {
        out.push_str("{\"address\":");
        write_address(self.address, out);
        append(
            out,
            format_args!(
                ",\"chain_id\":{},\"decimals\":{}",
                self.chain_id, self.decimals
            ),
        );
        out.push_str(",\"id\":");
        if self.id.is_empty() {
            out.push_str("null");
        } else {
            write_string(&self.id, out);
        }
        out.push_str(",\"standard\":\"");
        out.push_str(self.standard.as_str());
        out.push_str("\",\"symbol\":");
        write_string(&self.symbol, out);
        out.push('}');
    }
}

fn write_address(address: Option<Address>, out: &mut String) {
    let Some(address) = address else {
        out.push_str("null");
        return;
    };
    out.push('"');
    out.push_str(&checksum(address));
    out.push('"');
}
