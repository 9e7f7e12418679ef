//! A provider of the product that plays a scenario instead of calling a model, in any protocol: `dialect` is what a
//! protocol says differently, everything else is the same for all.
//!
//! Invariant: what is played depends on the request alone. Which script and which turn stand in the
//! conversation itself (our call ids carry both), so a restarted attempt plays from the first turn, a crash
//! needs no memory, and any number of gateways play the same.
//!
//! ```
//! let scenario = gateway::rehearsal::Scenario::parse(
//!     r#"
//! [[script]]                                  # the first script that matches plays the conversation
//! name = "fix-rounding"
//! when = { contains = ["rounding"], model = "rehearsal-1" }   # all must hold; leave out to match everything
//!
//! [[script.turn]]
//! text = "I read the code first."
//! delay = "200ms"                             # before the turn; `chunk_delay` stands between its pieces
//! [[script.turn.call]]
//! run = "cat src/lib.rs"                      # through whichever shell tool the request offers
//!
//! [[script.turn]]
//! [[script.turn.call]]                        # through whichever way to change files the request offers
//! patch = """
//! *** Begin Patch
//! *** Update File: src/lib.rs
//! @@
//! -old
//! +new
//! *** End Patch
//! """
//! [[script.turn.call]]
//! tool = "set_state"                          # this tool, or the one that an MCP server has by this name
//! arguments = { state = "Done" }
//!
//! [[script.turn]]
//! error = { status = 429, code = "rate_limit_exceeded", message = "slow down", retry_after = 1 }
//!
//! [[script.turn]]
//! text = "Still at it."
//! usage = { input = 1200, cached = 1000, output = 40, reasoning = 10 }  # estimated from the bytes if left out
//! cut_after = 3                               # break the connection after three pieces
//! repeat = true                               # every later turn plays this one again
//! "#,
//!     "fix.toml",
//! )
//! .expect("the example is a scenario");
//! assert_eq!(scenario.scripts[0].turns.len(), 4);
//! ```
//!
//! An error turn is played again when the client repeats the same request: the request is all there is to go by.

mod conversation;
mod dialect;
mod edits;
mod frames;
mod item;
mod messages;
mod parse;
mod playback;
mod reply;
mod responses;
mod scenario;
mod tools;

pub use parse::ScenarioError;
pub use playback::{Cut, Playback};
pub use reply::{Reply, answer};
pub use scenario::{Act, Fault, Play, Scenario, Script, Turn, When};
