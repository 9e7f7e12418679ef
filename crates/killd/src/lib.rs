//! The kill plane: stops processes when everything else is down.
//!
//! A process of its own. Supervisors register what they start over a unix socket; a stop freezes and kills
//! every run it covers, proves that they are dead, and leaves a tombstone so that nothing it stopped comes back.
//! Invariants:
//! - it needs neither the store nor the gateway, and no network: one directory and one socket;
//! - a run whose supervisor is gone is killed, without being asked (dead-man);
//! - "verified" is only said of processes the kernel said are gone, and tombstones it said are on disk;
//! - a tombstone file that cannot be trusted means: nothing may start (deny-all); stopping always works.

pub mod client;
pub mod protocol;
pub mod server;

mod plane;
mod reach;
mod runs;
mod tombstones;
