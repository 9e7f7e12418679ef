//! What the demo proved, as one document: `seawall demo --json`.

use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;

/// The whole demo.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether every chapter proved itself.
    pub ok: bool,
    /// Always: no model was called.
    pub rehearsal: bool,
    /// Where it was played; the files stay.
    pub dir: PathBuf,
    /// The dashboard's address, while it is kept open.
    pub dashboard: String,
    /// The isolation that agents had: `bare`, `walled` or `isolated`.
    pub isolation: String,
    /// From the first line to the last.
    pub seconds: f64,
    /// In order.
    pub chapters: Vec<Chapter>,
    /// The first issue, from its run down to each model request.
    pub trace: Option<wire::Trace>,
    /// What all calls cost, micro-dollars at the rehearsal's prices.
    pub cost_micro_usd: u64,
}

/// One chapter of the story.
#[derive(Clone, Debug, Serialize)]
pub struct Chapter {
    /// From 1.
    pub number: usize,
    /// What it is about.
    pub title: String,
    /// Whether all of its claims hold.
    pub proved: bool,
    /// What it claims.
    pub claims: Vec<Claim>,
}

/// One claim, with what shows it and how to check it again.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// What is claimed.
    pub claim: String,
    /// Whether it was seen to hold.
    pub proved: bool,
    /// What was seen: shas, ids, receipts, statuses.
    pub proof: Value,
    /// A command that shows it again, from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recheck: Option<String>,
}
