//! A fake Linear: a GraphQL endpoint on loopback that answers the questions a Symphony implementation asks, whatever
//! words it asks them in.
//!
//! Invariants: what is answered is decided by the parsed query, its variables and the issues of the case, never by the
//! text of one implementation. Every request is in the timeline before it is answered. A question that the fake does
//! not know is refused aloud, as Linear does, not answered with nothing.

mod answer;
mod board;
mod connection;
mod fault;
mod filter;
mod query;
mod server;

pub(crate) use board::Issue;
pub(crate) use fault::{Change, Fault};
pub(crate) use server::Linear;

use serde::Deserialize;

/// What a case says about its tracker.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Setup {
    /// How many issues a page holds at most, whatever the client asks for.
    pub(crate) page_size: Option<usize>,
    /// Who asks.
    pub(crate) viewer: Option<String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) changes: Vec<Change>,
}
