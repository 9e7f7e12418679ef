//! The orchestrator under load: `crates/engine/benches/orchestrator`, which tells its figures line by line.

use super::root;
use super::table::Table;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};

pub(super) fn measure(table: &mut Table) -> io::Result<()> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["bench", "--package", "engine", "--bench", "orchestrator"]);
    let mut child = command.current_dir(root()).stdout(Stdio::piped()).spawn()?;
    let figures = child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
    for line in figures {
        let line = line?;
        if let Some((what, figure)) = line.split_once('\t') {
            table.row(what, figure);
        }
    }
    if child.wait()?.success() {
        Ok(())
    } else {
        Err(io::Error::other("a claim was lost or doubled, or it failed"))
    }
}
