//! `seawall init`: a `seawall.toml` and a `WORKFLOW.md` for the repository it stands in. Never overwrites.

use super::ui::Tone;
use super::{Context, Ended, Exit, Failure};
use crate::config::{self, project_name, remote};
use knowledge::codeowners::{GITHUB_PATHS, GITLAB_PATHS, MAX_BYTES};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;

/// The most teams taken from CODEOWNERS; a person adds the others.
const MAX_TEAMS: usize = 20;
const WORKFLOW: &str = include_str!("init/WORKFLOW.md");

/// Write a commented seawall.toml and a WORKFLOW.md for the repository you stand in
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cd my-repository && seawall init && seawall check\n\nFiles that are there already are kept."
)]
pub struct Args {}

/// What was found out about the repository.
#[derive(Debug)]
struct Found {
    name: String,
    remote: String,
    branch: String,
    teams: Vec<String>,
    driver: &'static str,
}

/// Writes what is not there yet, and says what.
pub fn run(_args: &Args, context: &Context) -> Ended {
    let Some(root) = remote::repository(&context.dir) else {
        let message = format!("{} is not in a git repository", context.dir.display());
        return Err(Failure::usage(
            message,
            "cd into the repository whose issues agents should work on, or `git init`",
        ));
    };
    let found = look(&root, context);
    let files = [(config::FILE, configuration(&found)), (config::WORKFLOW, WORKFLOW.to_owned())];
    let (mut written, mut kept) = (vec![], vec![]);
    for (name, text) in files {
        let file = root.join(name);
        if write_new(&file, &text).map_err(|error| unwritable(&file, &error))? {
            written.push(file);
        } else {
            kept.push(file);
        }
    }
    let ui = &context.ui;
    ui.document(&json!({ "repository": &root, "written": &written, "kept": &kept, "teams": &found.teams }))?;
    for file in &written {
        ui.line(format!("{} {}", ui.tone("wrote", Tone::Good), file.display()))?;
    }
    for file in &kept {
        ui.line(format!("{} {}, which was there already", ui.tone("kept", Tone::Dim), file.display()))?;
    }
    ui.line("next: look both over, add `.seawall/` and `seawall.db*` to .gitignore, then `seawall check` and `seawall up`")?;
    Ok(Exit::Done)
}

fn look(root: &Path, context: &Context) -> Found {
    let bare =
        |url: String| if remote::is_address(&url) { url } else { root.join(url).display().to_string() };
    Found {
        name: project_name(root),
        remote: remote::origin(root).map_or_else(String::new, bare),
        branch: remote::default_branch(root).unwrap_or_else(|| "main".to_owned()),
        teams: teams(root),
        driver: if context.env.find_program("codex").is_some() { "codex" } else { "builtin" },
    }
}

/// The teams that CODEOWNERS names, `@org/team` by its last part.
fn teams(root: &Path) -> Vec<String> {
    let paths = GITHUB_PATHS.iter().chain(&GITLAB_PATHS).map(|path| root.join(path));
    let text = paths.filter_map(|path| read(&path)).next().unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let handles =
        lines.flat_map(|line| line.split_whitespace().skip(1)).take_while(|word| !word.starts_with('#'));
    let names = handles.filter_map(|handle| handle.strip_prefix('@')?.rsplit_once('/').map(|(_, team)| team));
    let fit: BTreeSet<String> = names
        .filter(|name| project_name(Path::new(name)) == **name)
        .map(str::to_owned)
        .take(MAX_TEAMS)
        .collect();
    if fit.is_empty() { vec!["owners".to_owned()] } else { fit.into_iter().collect() }
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MAX_BYTES as u64).read_to_string(&mut text).ok()?;
    Some(text)
}

fn configuration(found: &Found) -> String {
    let first = found.teams.first().map_or("owners", String::as_str);
    let mut text = include_str!("init/head.toml").to_owned();
    for team in &found.teams {
        // Each writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[teams.\"{team}\"]\nbudget = \"50 USD/day\"\nreviewer = \"{team}-reviewer\"\n\
             # Past incidents and rules that its reviewer must know, in the repository.\nknowledge = \"teams/{team}\"\n\
             \n[agents.\"{team}-reviewer\"]\nteam = \"{team}\"\ndriver = \"{driver}\"\nmodel = \"large\"\nbudget = \"1 USD/run\"\n",
            driver = found.driver,
        );
    }
    let remote = if found.remote.is_empty() {
        "# This repository has no remote `origin`. Changes land by a push, so name a bare repository or an address.\n\
         remote = \"../origin.git\"\n"
            .to_owned()
    } else {
        format!("remote = {}\n", quoted(&found.remote))
    };
    let _ = write!(
        text,
        "\n# Works on issues. \"codex\" drives the Codex CLI, \"builtin\" is Seawall's own small tool loop.\n\
         [agents.author]\nteam = \"{first}\"\ndriver = \"{driver}\"\nmodel = \"large\"\nbudget = \"5 USD/run\"\n\
         \n[projects.\"{name}\"]\nworkflow = \"WORKFLOW.md\"\n# Owns what CODEOWNERS gives to nobody.\nteam = \"{first}\"\n\
         author = \"author\"\n{remote}branch = {branch}\n# Attempts that may live at once, reviews included.\nslots = 2\n\
         \n# Issues as markdown files in a folder.\n[projects.\"{name}\".tracker]\nkind = \"files\"\npath = \"issues\"\n",
        driver = found.driver,
        name = found.name,
        branch = quoted(&found.branch),
    );
    text
}

/// A TOML text; `$` is doubled because a single one reads the environment.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$"))
}

/// Whether the file was written; false when it is there already.
fn write_new(file: &Path, text: &str) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(mut open) => open.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn unwritable(file: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("cannot write {}: {error}", file.display()),
        "check the folder's permissions",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::env::Env;

    fn repository(codeowners: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".git")).unwrap();
        std::fs::write(dir.path().join(".git/HEAD"), "ref: refs/heads/trunk\n").unwrap();
        let remote = "[remote \"origin\"]\n\turl = git@example.org:acme/shop.git\n";
        std::fs::write(dir.path().join(".git/config"), remote).unwrap();
        std::fs::write(dir.path().join("CODEOWNERS"), codeowners).unwrap();
        dir
    }

    fn context(dir: &Path) -> Context {
        let env = Env::fixed([("OPENAI_API_KEY", "k")]);
        let ui = crate::cli::ui::Ui::new(false, &env);
        Context { named: None, dir: dir.to_owned(), clock: base::clock::Clock::system(), ui, env }
    }

    #[test]
    fn what_init_writes_passes_check() {
        let dir = repository("# all\n*  @acme/web\npayments/ @acme/payments @joe # @acme/no\n");
        let context = context(dir.path());
        run(&Args {}, &context).unwrap();
        let read = context.read().unwrap();
        let shown: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
        let config = read.config.unwrap_or_else(|| panic!("{shown:?}"));
        assert_eq!(shown, Vec::<String>::new());
        let teams: Vec<&str> = config.fleet.teams.keys().map(|name| name.as_str()).collect();
        assert_eq!(teams, ["payments", "web"]);
        let project = config.fleet.projects.values().next().unwrap();
        assert_eq!(project.branch, "trunk");
        assert_eq!(config.projects[&project.name].remote, "git@example.org:acme/shop.git");
    }

    #[test]
    fn what_is_there_is_kept() {
        let dir = repository("");
        std::fs::write(dir.path().join(config::FILE), "mine").unwrap();
        run(&Args {}, &context(dir.path())).unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join(config::FILE)).unwrap(), "mine");
        assert!(dir.path().join(config::WORKFLOW).exists());
    }

    #[test]
    fn outside_of_a_repository_it_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let failure = run(&Args {}, &context(dir.path())).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("not in a git repository"));
    }
}
