//! Real sandboxes, the real built-in agent and the real Codex, against a small gateway of our own.

mod builtin;
mod codex;
mod drive;
mod gateway;
mod sandbox;
mod support;
