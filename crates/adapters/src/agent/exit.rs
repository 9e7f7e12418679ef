//! Names the reason of an agent's end that its protocol did not announce.

use domain::failure::{Failure, FailureKind};

use crate::sandbox::{Exit, enter};

/// `spoke`: whether it ever said a word of its protocol; `stderr`: the end of what it said there.
pub(super) fn explain(exit: Exit, spoke: bool, stderr: &str) -> Failure {
    let told = if stderr.is_empty() { String::new() } else { format!("; it said: {stderr}") };
    if exit.oom {
        let detail = format!("the kernel ended it because its memory was spent{told}");
        return Failure::new(FailureKind::OutOfMemory, detail);
    }
    if !spoke && exit.code.is_some_and(|code| code != 0) {
        let missing = ["bwrap: execvp", "cannot run ", "starting the program failed"];
        if missing.iter().any(|text| stderr.contains(text)) {
            let detail = format!("its program cannot be started; install it or make it visible inside{told}");
            return Failure::new(FailureKind::AgentMissing, detail);
        }
        // What a shell says of a command that is not there, or is no program.
        if matches!(exit.code, Some(126 | 127)) {
            let detail = format!("a program of its command cannot be run; install it or name its path{told}");
            return Failure::new(FailureKind::AgentMissing, detail);
        }
        if stderr.contains("bwrap: ") || exit.code == Some(i32::from(enter::EXIT_CODE)) {
            return Failure::new(FailureKind::Sandbox, format!("the sandbox could not be entered{told}"));
        }
    }
    match (exit.code, exit.signal) {
        (_, Some(signal)) => Failure::new(FailureKind::Signalled, format!("signal {signal} ended it{told}")),
        (code, None) => {
            let code = code.unwrap_or_default();
            Failure::new(
                FailureKind::Exited,
                format!("it exited with code {code} before its work was done{told}"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: Option<i32>, signal: Option<i32>, oom: bool, spoke: bool, stderr: &str) -> FailureKind {
        explain(Exit { code, signal, oom }, spoke, stderr).kind
    }

    #[test]
    fn an_exit_is_named_by_what_caused_it() {
        assert_eq!(kind(Some(0), None, false, true, ""), FailureKind::Exited);
        assert_eq!(kind(None, Some(9), true, true, ""), FailureKind::OutOfMemory);
        assert_eq!(kind(None, Some(11), false, true, ""), FailureKind::Signalled);
        assert_eq!(
            kind(Some(1), None, false, false, "bwrap: execvp codex: No such file"),
            FailureKind::AgentMissing
        );
        assert_eq!(kind(Some(1), None, false, false, "bwrap: Can't mount proc"), FailureKind::Sandbox);
        assert_eq!(kind(Some(1), None, false, true, "bwrap: whatever a command said"), FailureKind::Exited);
        assert_eq!(kind(Some(125), None, false, false, ""), FailureKind::Sandbox);
    }
}
