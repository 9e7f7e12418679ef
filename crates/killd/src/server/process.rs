//! What the process asks of the kernel for itself. All of it is wanted, none of it is needed.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};

/// Never chosen when memory runs out: what stops processes must outlive them.
const OOM_SCORE: &str = "-1000";

/// Before agents on a busy machine: what is to be stopped may be what keeps it busy.
const NICE: i32 = -10;

pub(super) fn prepare() {
    if let Err(error) = setpriority_process(None, NICE) {
        tracing::info!(%error, "the kill plane has no precedence on a busy machine; run it as root");
    }
    if let Err(error) = fs::write("/proc/self/oom_score_adj", OOM_SCORE) {
        tracing::info!(%error, "the kill plane is not protected from the out-of-memory killer; run it as root");
    }
    // Three descriptors are held open per run.
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::info!(%error, "the kill plane keeps its limit of open files");
    }
}
