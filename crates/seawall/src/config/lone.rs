//! A WORKFLOW.md alone: what Symphony's users have. One team, an author, a reviewer, and careful defaults.

use super::problem::{Problem, Report, Severity};
use super::providers::{ANY_MODEL, default_openai};
use super::workflow::Front;
use super::{Config, Reach, Read, Sandbox, StoreUrl, doors, projects};
use base::env::Env;
use base::secret::Secret;
use domain::budget::Limit;
use domain::call::Price;
use domain::fleet::{Agent, Driver, Fleet, Team};
use domain::{AgentName, MicroUsd, ModelName, TeamName};
use gateway::Route;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

const TEAM: &str = "default";
const AUTHOR: &str = "author";
const REVIEWER: &str = "reviewer";
const PROVIDER: &str = "openai";
const KEY: &str = "OPENAI_API_KEY";
/// What agents ask for when WORKFLOW.md names no model.
const MODEL: &str = "gpt-6.1-sol";
/// Spending must have an end also for somebody who configured nothing.
const RUN_BUDGET: &str = "10 USD/run";
const DAY_BUDGET: &str = "50 USD/day";
/// A price per million tokens above that of any model we know, so that a budget ends too early rather than too late.
const PRICE: Price = Price {
    input: MicroUsd(10_000_000),
    cached: MicroUsd(10_000_000),
    cache_write: MicroUsd(10_000_000),
    output: MicroUsd(60_000_000),
    max_output_tokens: 128_000,
};

/// Reads a lone WORKFLOW.md.
pub fn read(file: &Path, env: &Env) -> Read {
    let report = Report::default();
    let config = match projects::lone(file, env, TEAM, AUTHOR) {
        Ok((project, source, front)) => Some(config(file, env, project, source, &front, &report)),
        Err(problems) => {
            problems.into_iter().for_each(|problem| report.add(problem));
            None
        }
    };
    let problems = report.into_problems();
    let failed = problems.iter().any(|p| p.severity == Severity::Error);
    let config = config.filter(|_| !failed);
    Read { reach: Some(Reach::default_of(file)), config, problems, known_keys: BTreeSet::new() }
}

fn config(
    file: &Path,
    env: &Env,
    project: domain::fleet::Project,
    source: super::ProjectSource,
    front: &Front,
    report: &Report,
) -> Config {
    let dir = file.parent().unwrap_or(Path::new("/"));
    front.problems(project.delivery).into_iter().for_each(|problem| report.add(problem));
    let model = front.model.clone().unwrap_or_else(|| MODEL.to_owned());
    let key = env.get(KEY).filter(|key| !key.trim().is_empty()).map(Secret::new);
    if key.is_none() {
        let mend = format!("export {KEY}, or write a seawall.toml with another provider (`seawall init`)");
        report.add(Problem::of_file(file, format!("the environment variable `{KEY}` is not set"), mend));
    }
    let what = format!(
        "`{model}` has no price of its own; its cost is estimated high, at {} and {} per million tokens in and out",
        PRICE.input, PRICE.output
    );
    let mend = "write a seawall.toml with its price (`seawall init`)";
    report.add(Problem::of_file(file, what, mend).warning());
    let prices = [ANY_MODEL, model.as_str()].map(|name| (name.to_owned(), PRICE)).into();
    let route = Route { provider: PROVIDER.to_owned(), model: model.clone() };
    let names = fleet(&project, &model, front);
    Config {
        file: file.to_owned(),
        store: StoreUrl::Sqlite(dir.join("seawall.db")),
        control: SocketAddr::new(
            doors::loopback(doors::CONTROL).ip(),
            front.port.unwrap_or(doors::loopback(doors::CONTROL).port()),
        ),
        // Only the runs' own tunnels lead there, so any port is as good as another.
        gateway: SocketAddr::new(doors::loopback(doors::GATEWAY).ip(), 0),
        slots: None,
        logs_root: front.logs_root.clone(),
        state_dir: dir.join(doors::STATE_DIR),
        sandbox: Sandbox::default(),
        trace_bodies: false,
        providers: [(PROVIDER.to_owned(), default_openai(key, prices))].into(),
        models: [(ModelName::new(model), vec![route])].into(),
        keys: BTreeMap::new(),
        projects: [(project.name.clone(), source)].into(),
        fleet: Fleet { projects: [(project.name.clone(), project)].into(), ..names },
        notify: BTreeMap::new(),
    }
}

fn fleet(project: &domain::fleet::Project, model: &str, front: &Front) -> Fleet {
    let limit = |text: &str| Limit::parse(text).ok();
    let agent = |name: &str| Agent {
        budget: limit(RUN_BUDGET),
        ..Agent::new(AgentName::new(name), TeamName::new(TEAM), Driver::Codex, ModelName::new(model))
    };
    let mut author = agent(AUTHOR);
    front.apply(&mut author, super::agents::Says::default(), project.delivery);
    let team = Team {
        name: project.team.clone(),
        budget: limit(DAY_BUDGET),
        reviewer: Some(AgentName::new(REVIEWER)),
        knowledge: format!("teams/{TEAM}"),
    };
    Fleet {
        teams: [(team.name.clone(), team)].into(),
        agents: [author, agent(REVIEWER)].map(|a| (a.name.clone(), a)).into(),
        projects: BTreeMap::new(),
    }
}
