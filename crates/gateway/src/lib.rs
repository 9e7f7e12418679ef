//! Admits, forwards, meters and cuts model calls.
//!
//! The way of a call is the same in every [`Protocol`]: `door` identifies the run by its token, asks the containments in memory, picks a route,
//! sets the most it may cost aside in the [`ledger`], forwards the body as it came, and hands each chunk of the
//! answer on as it arrives while a tap reads the usage. Whatever happens then, the call is settled exactly once.
//!
//! Invariants: no byte goes upstream before its reservation is committed; a call without a price is refused; a
//! broken answer never ends cleanly at the client; a client that leaves takes its upstream request with it; a
//! contained run has no open stream and starts none; provider keys, tokens and bodies appear in no log or error.

mod blob;
mod budget;
pub mod config;
mod containment;
mod door;
mod flight;
mod gateway;
mod identity;
pub mod ledger;
mod peek;
mod protocol;
mod record;
pub mod rehearsal;
mod relay;
mod routing;
mod serve;
mod settlement;
mod tap;
mod upstream;

pub use config::{ANY_MODEL, Config, Kind, Limits, Provider, Route};
pub use gateway::{Error, Gateway};
pub use ledger::Ledger;
pub use protocol::{Operation, Protocol};
pub use serve::Door;
