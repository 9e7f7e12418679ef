//! The git forge against the real `git`: bare remotes, hostile trees, crashes, races.

mod hostile;
mod land;
mod rebase;
mod support;
mod work;
