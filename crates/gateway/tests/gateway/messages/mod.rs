//! The Messages API: what differs from the Responses API, and that what is the same is the same.

mod calls;
mod refusals;
mod rehearsal;
