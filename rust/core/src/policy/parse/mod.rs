//! From TOML source to a policy, or to every fault in it.

mod assets;
mod checks;
mod contracts;
mod deadlines;
mod functions;
mod hints;
mod limits;
mod lists;
mod paths;
pub(in crate::policy) mod reader;
mod rules;
mod schedules;
mod scope;
mod syntax;
pub(in crate::policy) mod tables;
mod values;

use std::collections::BTreeSet;

use toml::de::DeTable;

use super::check::Check;
use super::fault::PolicyErrors;
use super::model::{
    Agent, AssetEntry, Chain, ContractEntry, Forbid, FunctionEntry, Limit, List, Review, Rule,
    Wallet,
};
use super::schedule::Schedule;
use crate::chain::ChainId;
use crate::code::PolicyCode;
use reader::{Names, Reader, Section};

pub(crate) use rules::APPROVAL;

/// Everything of a file, in its order. Indexes in matchers point into these.
#[derive(Default)]
pub(in crate::policy) struct File {
    pub name: String,
    pub loosen_delay_ms: Option<u64>,
    pub loosen_quorum: Option<u64>,
    pub chains: Vec<Chain>,
    pub wallets: Vec<Wallet>,
    pub agents: Vec<Agent>,
    pub assets: Vec<Option<AssetEntry>>,
    pub contracts: Vec<ContractEntry>,
    pub functions: Vec<FunctionEntry>,
    pub lists: Vec<List>,
    pub rules: Vec<Rule>,
    pub forbids: Vec<Forbid>,
    pub reviews: Vec<Review>,
    pub limits: Vec<Limit>,
    pub schedules: Vec<Schedule>,
    pub checks: Vec<Check>,
    /// Contracts that are on a list.
    tagged: Vec<lists::Tagged>,
    chain_ids: BTreeSet<ChainId>,
    wallet_names: Names,
    pub(in crate::policy) agent_names: Names,
    pub(in crate::policy) asset_names: Names,
    contract_names: Names,
    pub(in crate::policy) function_names: Names,
    pub(in crate::policy) list_names: Names,
    pub(in crate::policy) schedule_names: Names,
    check_names: Names,
    rule_names: Names,
    forbid_names: Names,
    review_names: Names,
    limit_names: Names,
}

/// What is written in two pairs of brackets.
const TABLES: [&str; 15] = [
    "chain",
    "wallet",
    "agent",
    "asset",
    "contract",
    "function",
    "function.argument",
    "list",
    "list.entry",
    "schedule",
    "check",
    "rule",
    "forbid",
    "review",
    "limit",
];

/// Keys that stand above every table.
const HEAD: [&str; 2] = ["version", "loosen_delay"];

/// The longest that a looser policy waits.
const LOOSEN_DELAY_MS_MAX: u64 = 31 * 24 * 60 * 60 * 1000;

/// Reads the whole file. Faults of TOML itself hide all others.
pub(super) fn parse(source: &str) -> Result<File, PolicyErrors> {
    let mut reader = Reader::new(source);
    let (document, errors) = DeTable::parse_recoverable(source);
    let faulty = if errors.is_empty() { "" } else { source };
    let in_one = hints::InOneBracket::new(faulty, &TABLES);
    let mut faulty_line = None;
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        let duplicate = error.message().contains("duplicate");
        if let Some((name, first)) = in_one.of(at).filter(|_| duplicate) {
            let text = format!("`{name}` must be a list of tables, not a table");
            reader.fault(
                first,
                PolicyCode::WrongType,
                text,
                format!("write [[{name}]]"),
            );
            continue;
        }
        if duplicate {
            let key = error.span().and_then(|span| source.get(span));
            let key = crate::text::display_safe(key.unwrap_or_default(), 64);
            let text = format!("`{key}` is written twice in the same table");
            reader.fault(at, PolicyCode::DuplicateKey, text, "keep one of them");
            continue;
        }
        let found = syntax::mistake(source, at, error.message());
        // The parser reads on in the middle of a line it did not understand.
        let line = reader.place(found.at).line;
        if faulty_line == Some(line) {
            continue;
        }
        faulty_line = Some(line);
        reader.fault(found.at, PolicyCode::Syntax, found.text, found.hint);
        if found.hides_the_rest {
            break;
        }
    }
    if !errors.is_empty() {
        return Err(PolicyErrors::new(reader.faults));
    }
    if document.get_ref().is_empty() {
        let hint = "begin with what `holdfast policy new` prints";
        reader.fault(
            0,
            PolicyCode::MissingKey,
            "the file has no policy in it",
            hint,
        );
        return Err(PolicyErrors::new(reader.faults));
    }
    let root = Section {
        table: document.get_ref(),
        at: 0,
        name: "policy",
    };
    let mut file = File::default();
    read_head(&mut reader, root, &mut file);
    file.read_chains(&mut reader, root);
    file.read_wallets(&mut reader, root);
    file.read_agents(&mut reader, root);
    file.read_assets(&mut reader, root);
    file.read_contracts(&mut reader, root);
    file.read_lists(&mut reader, root);
    file.read_functions(&mut reader, root);
    file.read_schedules(&mut reader, root);
    file.read_checks(&mut reader, root);
    file.read_rules(&mut reader, root);
    file.read_forbids(&mut reader, root);
    file.read_reviews(&mut reader, root);
    file.read_limits(&mut reader, root);
    if reader.faults.is_empty() {
        Ok(file)
    } else {
        Err(PolicyErrors::new(reader.faults))
    }
}

fn read_head(reader: &mut Reader<'_>, root: Section<'_>, file: &mut File) {
    let keys = [
        "version",
        "name",
        "include",
        "loosen_delay",
        "loosen_quorum",
        "chain",
        "wallet",
        "agent",
        "asset",
        "contract",
        "function",
        "list",
        "schedule",
        "check",
        "rule",
        "forbid",
        "review",
        "limit",
    ];
    reader.known(root, &keys);
    if let Some(value) = reader.required(root, "version", "write version = 1") {
        let version = value.get_ref().as_integer();
        if version.is_none_or(|version| version.as_str() != "1") {
            let text = "this version of the policy language is not known";
            reader.fault(
                value.span().start,
                PolicyCode::Version,
                text,
                "write version = 1",
            );
        }
    }
    if let Some(value) = reader.required(
        root,
        "name",
        "write name = \"…\", what you call this policy",
    ) {
        file.name = reader.label(value, "name", 128).unwrap_or_default();
    }
    if let Some(value) = root.table.get("include") {
        reader.fault(
            value.span().start,
            PolicyCode::UnknownKey,
            "a policy in force is one text: `include` is for the commands that read a file",
            "put the files together and in force with `holdfast policy apply FILE`",
        );
    }
    if let Some(value) = root.table.get("loosen_delay") {
        file.loosen_delay_ms = reader.duration(value, "loosen_delay", 1000..=LOOSEN_DELAY_MS_MAX);
    }
    if let Some(value) = root.table.get("loosen_quorum") {
        file.loosen_quorum = reader.integer(value, "loosen_quorum", 1..=rules::QUORUM_MAX);
    }
}
