//! The command line as such, and `kill` against doors that are dead, half dead and alive.

use super::*;
use clap::CommandFactory;

#[test]
fn the_command_line_is_consistent_and_every_command_shows_examples() {
    let mut command = Cli::command();
    command.clone().debug_assert();
    command.build();
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        let help = sub.clone().render_long_help().to_string();
        assert!(help.contains("Examples:"), "{} has no examples", sub.get_name());
        assert!(help.contains("--json") && help.contains("--config"), "{}", sub.get_name());
    }
}

#[test]
fn the_commands_of_the_contract_are_there() {
    let command = Cli::command();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    let wanted = [
        "demo", "init", "up", "check", "doctor", "runs", "show", "trace", "logs", "why", "kill", "lift",
        "pause", "resume", "budgets", "orders",
    ];
    for name in wanted {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn a_wrong_scope_is_wrong_usage() {
    let error = Cli::try_parse_from(["seawall", "kill", "everything", "--reason", "x"]).unwrap_err();
    assert!(
        error.to_string().contains("write run/ID, agent/NAME, team/NAME, project/NAME or all"),
        "{error}"
    );
    assert!(Cli::try_parse_from(["seawall", "kill", "all"]).is_err(), "a reason is needed");
}
