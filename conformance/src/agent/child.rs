//! A process that a fake app-server leaves behind, to see whether whoever stops the one also ends the other.

use super::record;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Waits, holding a lock beside the record of its parent, until it is ended or too old.
pub(crate) fn run(lock: &Path, life_s: u64, own_session: bool, ignore_term: bool) -> ExitCode {
    if own_session && let Err(why) = rustix::process::setsid() {
        return crate::complain(&format!("fake-child: no session of its own: {why}"), 96);
    }
    let _deaf = ignore_term.then(super::deaf_to_term);
    // Locked before it has its name, so that nobody who finds it takes it for a dead one.
    let hidden = lock.with_extension("new");
    let held = record::locked(&hidden).and_then(|held| std::fs::rename(&hidden, lock).map(|()| held));
    match held {
        Ok(_held) => {
            std::thread::sleep(Duration::from_secs(life_s));
            ExitCode::SUCCESS
        }
        Err(why) => crate::complain(&format!("fake-child: {}: {why}", lock.display()), 96),
    }
}
