//! What must fit together: names that are used must be registered, an agent's model must lead to somebody who speaks as
//! it does, and nobody reviews their own work.

use super::agents::{Agents, Stated};
use super::keys::Key;
use super::models::{Models, add_or_use};
use super::projects::Projects;
use super::section::{Given, Reader};
use super::spoken;
use super::teams::Teams;
use domain::fleet::Driver;
use gateway::Provider;
use std::collections::BTreeMap;

/// Everything that was read, by its parts.
#[derive(Debug)]
pub struct Parts<'a> {
    /// `[teams.X]`.
    pub teams: &'a Teams,
    /// `[agents.X]`.
    pub agents: &'a Agents,
    /// `[providers.X]`.
    pub providers: &'a BTreeMap<String, Provider>,
    /// `[models.X]`.
    pub models: &'a Models,
    /// `[projects.X]`.
    pub projects: &'a Projects,
    /// `[keys.X]`.
    pub keys: &'a BTreeMap<String, Key>,
}

/// Reports everything that does not fit together.
pub fn all(parts: &Parts<'_>, reader: &Reader<'_>) {
    agents(parts, reader);
    reviewers(parts, reader);
    for project in parts.projects.values() {
        known_team(&project.team, parts, reader);
        known_agent(&project.author, parts, reader);
    }
    for key in parts.keys.values() {
        known_team(&key.team, parts, reader);
    }
    own_work(parts, reader);
    // Where a route or a provider is wrong, who is not heard is not known yet.
    if !reader.report.failed() {
        protocols(parts, reader);
    }
    // What is only advised is said once everything that is needed is there.
    if !reader.report.failed() {
        budgets(parts, reader);
        missing_reviewers(parts, reader);
    }
}

fn agents(parts: &Parts<'_>, reader: &Reader<'_>) {
    for stated in parts.agents.values() {
        if let Some(team) = &stated.team {
            known_team(team, parts, reader);
        }
        if let Some(model) =
            stated.model.as_ref().filter(|m| !parts.models.contains_key(&m.value.as_str().into()))
        {
            let known: Vec<&str> = parts.models.keys().map(|name| name.as_str()).collect();
            not_registered(model, "model", "models", &known, reader);
        }
    }
}

/// An agent whose calls would all be refused, because nobody they lead to speaks its driver's protocol, must not start.
fn protocols(parts: &Parts<'_>, reader: &Reader<'_>) {
    for stated in parts.agents.values() {
        let Some((model, routes)) = parts.models.get_key_value(&stated.agent.model) else { continue };
        let Some((what, kind)) = spoken::unheard(&stated.agent, model, routes, parts.providers) else {
            continue;
        };
        if stated.agent.driver == Driver::Codex && starts_another(stated, parts) {
            continue;
        }
        let place = stated.model.as_ref().unwrap_or(&stated.name);
        let mend = format!(
            "add a route to a provider of kind \"{kind}\" to `try` of [models.{model}], or give the agent another \
             model or driver"
        );
        reader.problem(place, what, mend);
    }
}

/// Whether a project's workflow has a program of its own work in the agent's name.
fn starts_another(stated: &Stated, parts: &Parts<'_>) -> bool {
    let theirs = parts.projects.values().filter(|project| {
        let mut by_state = project.project.agents_by_state.values();
        project.project.author == stated.agent.name || by_state.any(|agent| *agent == stated.agent.name)
    });
    theirs.map(|project| project.source.handoff.as_deref()).any(spoken::starts_another)
}

fn budgets(parts: &Parts<'_>, reader: &Reader<'_>) {
    for stated in parts.agents.values() {
        let team = parts.teams.get(&stated.agent.team);
        if stated.agent.budget.is_none() && team.is_some_and(|team| team.team.budget.is_none()) {
            let what = format!("agent `{}` may spend without limit", stated.agent.name);
            let mend = "give it a budget, like budget = \"5 USD/run\", or its team one, like \"200 USD/day\"";
            reader.warning(&stated.name, what, mend);
        }
    }
}

fn reviewers(parts: &Parts<'_>, reader: &Reader<'_>) {
    for reviewer in parts.teams.values().filter_map(|stated| stated.reviewer.as_ref()) {
        known_agent(reviewer, parts, reader);
    }
}

fn missing_reviewers(parts: &Parts<'_>, reader: &Reader<'_>) {
    for stated in parts.teams.values().filter(|stated| stated.reviewer.is_none()) {
        let name = &stated.team.name;
        let what = format!("team `{name}` has no reviewer, so changes to what it owns wait for a person");
        reader.warning(&stated.name, what, "name an agent, like reviewer = \"reviewer\"");
    }
}

/// An author must not be the one who reviews: not for the project's own team, and best for no team at all.
fn own_work(parts: &Parts<'_>, reader: &Reader<'_>) {
    for stated in parts.projects.values() {
        let project = &stated.project;
        for team in parts.teams.values() {
            let Some(reviewer) = team.reviewer.as_ref().filter(|r| r.value == project.author.as_str()) else {
                continue;
            };
            let what =
                format!("agent `{}` would review its own work in project `{}`", reviewer.value, project.name);
            let mend = "name another agent as the reviewer, one that is no project's author";
            if team.team.name == project.team {
                reader.problem(reviewer, what, mend);
            } else {
                reader.warning(reviewer, what, mend);
            }
        }
    }
}

fn known_team(given: &Given<String>, parts: &Parts<'_>, reader: &Reader<'_>) {
    if !parts.teams.contains_key(&given.value.as_str().into()) {
        let known: Vec<&str> = parts.teams.keys().map(|name| name.as_str()).collect();
        not_registered(given, "team", "teams", &known, reader);
    }
}

fn known_agent(given: &Given<String>, parts: &Parts<'_>, reader: &Reader<'_>) {
    if !parts.agents.contains_key(&given.value.as_str().into()) {
        let known: Vec<&str> = parts.agents.keys().map(|name| name.as_str()).collect();
        not_registered(given, "agent", "agents", &known, reader);
    }
}

fn not_registered(given: &Given<String>, noun: &str, table: &str, known: &[&str], reader: &Reader<'_>) {
    let name = if given.injected { "named here" } else { &given.value };
    let what = format!("the {noun} `{name}` is not registered");
    reader.problem(given, what, add_or_use(table, name, known));
}
