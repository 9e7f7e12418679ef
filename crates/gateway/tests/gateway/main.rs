//! The whole gateway in this process: real sockets, a fake store, a fake provider.

mod budgets;
mod calls;
mod containment;
mod doors;
mod house;
mod ledger;
mod provider;
mod rehearsal;
mod tokens;
