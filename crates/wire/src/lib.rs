//! Bodies of the public API of the control door, and a typed client for it.
//!
//! Invariants: a body names its units at the end of the field (`_ms`, `_us`, `_micro_usd`); an instant is an
//! RFC 3339 text in UTC; a field once shipped is never renamed, and a reader ignores fields it does not know.

pub mod budget;
pub mod client;
pub mod error;
pub mod event;
pub mod order;
pub mod page;
pub mod pause;
pub mod run;
pub mod state;
pub mod time;
pub mod trace;
pub mod why;

pub use budget::BudgetView;
pub use client::Client;
pub use error::{Code, ErrorBody};
pub use event::EventView;
pub use order::{LiftRequest, LiftView, OrderPreview, OrderRequest, OrderView, ReceiptView};
pub use page::Page;
pub use pause::{PauseRequest, PauseView, ResumeRequest};
pub use run::{RunDetail, RunState, RunSummary, Spend};
pub use state::State;
pub use time::Time;
pub use trace::{Span, SpanKind, Trace};
pub use why::{WhyVerdict, WhyView};

/// The most bytes of a request body the control door reads; its largest body is a reason in a person's words.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// The most bytes of a tracker's delivery that the control door reads: GitHub caps its payloads at 25 MB, and Linear's hold one
/// issue each.
pub const MAX_DELIVERY_BYTES: usize = 25 * 1024 * 1024;
/// The most bytes of an answer the client reads: a trace of some thousand calls stays well below it.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
