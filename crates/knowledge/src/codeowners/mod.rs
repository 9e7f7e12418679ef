//! CODEOWNERS as GitHub and GitLab document it: who owns a path, and which line says so.
//!
//! Rules that surprise: the last matching rule wins (in GitLab: in each section), a rule without owners makes
//! what it matches unowned, patterns are case sensitive, and in GitHub's dialect `!`, `[ ]` and a leading `\#` are
//! not supported: such a line is skipped and reported, because routing a review by a guess is worse.

mod pattern;

use domain::TeamName;
use pattern::Pattern;

/// A larger file is ignored by GitHub, silently; here it is an error.
pub const MAX_BYTES: usize = 3 * 1024 * 1024;
/// More problems than this say nothing new.
const MAX_PROBLEMS: usize = 100;
/// The most owners of one rule that are kept.
const MAX_OWNERS: usize = 50;

/// Where each dialect looks, first found counts. Read it from the base of a change, never from its head.
pub const GITHUB_PATHS: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
/// As [`GITHUB_PATHS`], for GitLab.
pub const GITLAB_PATHS: [&str; 3] = ["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

/// Whose rules a file follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One list; the last match wins.
    GitHub,
    /// Sections; the last match of each section counts; `!` excludes.
    GitLab,
}

/// Somebody who owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Handle {
    /// `@org/team`: the last part of the path.
    Team(TeamName),
    /// `@name`.
    User(String),
    /// An address of mail.
    Email(String),
    /// `@@role` (GitLab).
    Role(String),
}

impl Handle {
    /// The team this handle stands for in Seawall: a team by its last part, a user by name; mail and roles none.
    pub fn team(&self) -> Option<TeamName> {
        match self {
            Self::Team(team) => Some(team.clone()),
            Self::User(name) => Some(TeamName::new(name.as_str())),
            Self::Email(_) | Self::Role(_) => None,
        }
    }
}

/// An owner of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Who.
    pub handle: Handle,
    /// The line of the rule that decided, from 1.
    pub line: u32,
    /// The section of that rule; empty outside of sections.
    pub section: String,
    /// Whether the section is optional (`^[…]`): its approval is asked for, not required.
    pub optional: bool,
}

/// A line that was skipped, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CODEOWNERS:{line}: {what}")]
pub struct Problem {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub what: String,
}

/// The file cannot be used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too large.
    #[error(
        "CODEOWNERS has {0} bytes, more than {MAX_BYTES}; forges ignore such a file, so nobody would own anything"
    )]
    TooLarge(usize),
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct CodeOwners {
    sections: Vec<Section>,
    /// Lines that were skipped, the first 100. A repository with any should not be relied on for routing.
    pub problems: Vec<Problem>,
}

#[derive(Clone, Debug, Default)]
struct Section {
    name: String,
    optional: bool,
    defaults: Vec<Handle>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: Pattern,
    excludes: bool,
    owners: Vec<Handle>,
    line: u32,
}

impl CodeOwners {
    /// Reads `text`. A line that cannot be read is skipped and reported in `problems`.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::TooLarge(text.len()));
        }
        let mut file = Self { sections: vec![Section::default()], problems: vec![] };
        let mut current = 0;
        for (number, line) in text.lines().enumerate() {
            let line_number = u32::try_from(number + 1).unwrap_or(u32::MAX);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let read = match section_header(line).filter(|_| dialect == Dialect::GitLab) {
                Some(section) => section.map(|section| current = file.enter(section)),
                None => rule(line, line_number, dialect).map(|rule| file.sections[current].rules.push(rule)),
            };
            if let Err(what) = read
                && file.problems.len() < MAX_PROBLEMS
            {
                file.problems.push(Problem { line: line_number, what });
            }
        }
        Ok(file)
    }

    /// Who owns `path` (relative to the repository, without a leading slash). Empty when nobody does, also when a
    /// rule without owners says so.
    pub fn owners_of(&self, path: &str) -> Vec<Owner> {
        let path = path.trim_start_matches('/');
        let mut owners = Vec::new();
        for section in &self.sections {
            let Some(rule) = section.deciding(path) else { continue };
            let handles = if rule.owners.is_empty() { &section.defaults } else { &rule.owners };
            owners.extend(handles.iter().map(|handle| Owner {
                handle: handle.clone(),
                line: rule.line,
                section: section.name.clone(),
                optional: section.optional,
            }));
        }
        owners
    }

    /// Opens a section, or goes on with the one of the same name (compared without case); its index.
    fn enter(&mut self, section: Section) -> usize {
        let same = |known: &Section| known.name.to_lowercase() == section.name.to_lowercase();
        match self.sections.iter().position(same) {
            Some(index) => index,
            None => {
                self.sections.push(section);
                self.sections.len() - 1
            }
        }
    }
}

impl Section {
    /// The last rule that matches `path`, unless an exclusion of the section matches.
    fn deciding(&self, path: &str) -> Option<&Rule> {
        if self.rules.iter().any(|rule| rule.excludes && rule.pattern.matches(path)) {
            return None;
        }
        self.rules.iter().rev().find(|rule| !rule.excludes && rule.pattern.matches(path))
    }
}

/// `[Name]`, `^[Name][2] @default`; `None` when the line is no header at all.
fn section_header(line: &str) -> Option<Result<Section, String>> {
    let optional = line.starts_with("^[");
    let rest = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
    let Some((name, rest)) = rest.split_once(']') else {
        return Some(Err("the section header has no closing ]".to_owned()));
    };
    if name.trim().is_empty() {
        return Some(Err("the section has no name".to_owned()));
    }
    let mut rest = rest;
    if let Some(count) = rest.strip_prefix('[') {
        match count.split_once(']') {
            Some((number, after)) if number.parse::<u16>().is_ok() => rest = after,
            Some(_) | None => return Some(Err("the number of approvals must be a number in [ ]".to_owned())),
        }
    }
    let defaults = owners(rest);
    Some(defaults.map(|defaults| Section { name: name.trim().to_owned(), optional, defaults, rules: vec![] }))
}

fn rule(line: &str, number: u32, dialect: Dialect) -> Result<Rule, String> {
    let (text, rest) = pattern::split(line);
    let excludes = dialect == Dialect::GitLab && text.starts_with('!');
    let text = if excludes { &text[1..] } else { text };
    let pattern = Pattern::new(text, dialect)?;
    Ok(Rule { pattern, excludes, owners: owners(rest)?, line: number })
}

/// The owners up to a comment.
fn owners(text: &str) -> Result<Vec<Handle>, String> {
    let words = text.split_whitespace().take_while(|word| !word.starts_with('#'));
    let found: Vec<Handle> = words.map(handle).collect::<Result<_, _>>()?;
    if found.len() > MAX_OWNERS {
        return Err(format!("more than {MAX_OWNERS} owners"));
    }
    Ok(found)
}

fn handle(word: &str) -> Result<Handle, String> {
    let shown = || word.chars().take(60).collect::<String>();
    if let Some(role) = word.strip_prefix("@@").filter(|r| !r.is_empty()) {
        return Ok(Handle::Role(role.to_owned()));
    }
    if let Some(name) = word.strip_prefix('@') {
        let parts: Vec<&str> = name.split('/').collect();
        let plain =
            |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
        return match parts.split_last() {
            Some((last, _)) if !parts.iter().all(plain) => {
                Err(format!("{:?} is not an owner: {last:?}", shown()))
            }
            Some((name, [])) => Ok(Handle::User((*name).to_owned())),
            Some((team, _)) => Ok(Handle::Team(TeamName::new(*team))),
            None => Err(format!("{:?} is not an owner", shown())),
        };
    }
    match word.split_once('@') {
        Some((user, host)) if !user.is_empty() && host.contains('.') && !host.contains('@') => {
            Ok(Handle::Email(word.to_owned()))
        }
        Some(_) | None => Err(format!("{:?} is not an owner; write @user, @org/team or an address", shown())),
    }
}

#[cfg(test)]
mod tests;
