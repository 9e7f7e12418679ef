//! A WORKFLOW.md alone: what Symphony's users have. One team, an author, a reviewer, and careful defaults.

use super::problem::{Problem, Report, Severity};
use super::providers;
use super::workflow::Front;
use super::{Config, Models, Reach, Read, Sandbox, StoreUrl, doors, projects, spoken};
use base::env::Env;
use base::secret::Secret;
use domain::budget::Limit;
use domain::call::Price;
use domain::fleet::{Agent, Delivery, Driver, Fleet, Team};
use domain::{AgentName, MicroUsd, ModelName, TeamName};
use gateway::{ANY_MODEL, Kind, Provider, Route};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

const TEAM: &str = "default";
const AUTHOR: &str = "author";
const REVIEWER: &str = "reviewer";
const OPENAI_KEY: &str = "OPENAI_API_KEY";
const ANTHROPIC_KEY: &str = "ANTHROPIC_API_KEY";
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
    if let Some(name) = front.driver.as_deref().filter(|name| super::agents::driver_named(name).is_none()) {
        let what = format!("the driver `{name}` is not known");
        let mend = "write one of codex, claude, command and builtin";
        report.add(Problem::of_file(file, "", "").saying("seawall.driver", what, mend));
    }
    let providers = providers(env);
    if providers.is_empty() {
        let mend =
            "export the one your agent needs, or write a seawall.toml with a provider (`seawall init`)";
        let what = format!("neither `{OPENAI_KEY}` nor `{ANTHROPIC_KEY}` is set");
        report.add(Problem::of_file(file, what, mend));
    }
    let what = format!(
        "models have no prices here; their cost is estimated high, at {} and {} per million tokens in and out",
        PRICE.input, PRICE.output
    );
    let mend = "write a seawall.toml with its price (`seawall init`)";
    report.add(Problem::of_file(file, what, mend).warning());
    // Whatever the agent's own command asks for: the workflow may name a model that nobody here heard of.
    let routes =
        providers.keys().map(|name| Route { provider: name.clone(), model: ANY_MODEL.to_owned() }).collect();
    let any = ModelName::new(ANY_MODEL);
    let models: Models = [(any.clone(), routes)].into();
    let names = fleet(&project, &model, front);
    let another = spoken::starts_another(source.handoff.as_deref());
    for agent in names.agents.values().filter(|agent| works(agent, project.delivery, another)) {
        if let Some((what, kind)) = spoken::unheard(agent, &agent.model, &models[&any], &providers) {
            report.add(Problem::of_file(file, "", "").saying("seawall.driver", what, mend_of(kind)));
        }
    }
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
        log_level: front.log_level.clone(),
        state_dir: dir.join(doors::STATE_DIR),
        sandbox: Sandbox::default(),
        trace_bodies: false,
        providers,
        models,
        keys: BTreeMap::new(),
        projects: [(project.name.clone(), source)].into(),
        fleet: Fleet { projects: [(project.name.clone(), project)].into(), ..names },
        notify: BTreeMap::new(),
    }
}

/// Whether `agent` has work that is known to be its driver's: nothing is reviewed where work is handed off, and there the
/// workflow may start `another` program in place of Codex.
fn works(agent: &Agent, delivery: Delivery, another: bool) -> bool {
    match delivery {
        Delivery::Land => true,
        Delivery::Handoff => agent.name.as_str() == AUTHOR && !(another && agent.driver == Driver::Codex),
    }
}

/// What to do for an agent that only a provider of `kind` would hear.
fn mend_of(kind: &str) -> String {
    let (key, driver) = if kind == "openai" { (OPENAI_KEY, "claude") } else { (ANTHROPIC_KEY, "codex") };
    format!(
        "export {key}, or have another driver do the work, like `seawall: {{driver: {driver}}}`, or write a \
         seawall.toml (`seawall init`)"
    )
}

/// Who answers, of those whose key is there. Where they are may be said as their own clients have it.
fn providers(env: &Env) -> BTreeMap<String, Provider> {
    let said = |name: &str| env.get(name).filter(|value| !value.trim().is_empty());
    let prices = || [(ANY_MODEL.to_owned(), PRICE)].into();
    let openai = said(OPENAI_KEY).map(|key| {
        let base_url = said("OPENAI_BASE_URL").unwrap_or_else(|| providers::OPENAI.to_owned());
        let kind = Kind::OpenAi { base_url: trimmed(&base_url), key: Some(Secret::new(key)) };
        ("openai".to_owned(), Provider { kind, prices: prices() })
    });
    let anthropic = said(ANTHROPIC_KEY).map(|key| {
        let base_url = said("ANTHROPIC_BASE_URL").unwrap_or_else(|| providers::ANTHROPIC.to_owned());
        let kind = Kind::Anthropic { base_url: trimmed(&base_url), key: Some(Secret::new(key)) };
        ("anthropic".to_owned(), Provider { kind, prices: prices() })
    });
    openai.into_iter().chain(anthropic).collect()
}

fn trimmed(base_url: &str) -> String {
    base_url.trim().trim_end_matches('/').to_owned()
}

fn fleet(project: &domain::fleet::Project, model: &str, front: &Front) -> Fleet {
    let limit = |text: &str| Limit::parse(text).ok();
    let agent = |name: &str| Agent {
        budget: limit(RUN_BUDGET),
        ..Agent::new(AgentName::new(name), TeamName::new(TEAM), Driver::Codex, ModelName::new(model))
    };
    let driver = front.driver.as_deref().and_then(super::agents::driver_named).unwrap_or(Driver::Codex);
    let mut author = Agent { driver, ..agent(AUTHOR) };
    front.apply(&mut author, super::agents::Says::default(), project.delivery);
    let team = Team {
        name: project.team.clone(),
        budget: limit(DAY_BUDGET),
        reviewer: Some(AgentName::new(REVIEWER)),
        knowledge: format!("teams/{TEAM}"),
    };
    // Its reviewer speaks as it does, so that one key is enough; a command says nothing of who could review.
    let reviewing = match driver {
        Driver::Builtin | Driver::Codex | Driver::Claude => driver,
        Driver::Command => Driver::Codex,
    };
    let reviewer = Agent { driver: reviewing, ..agent(REVIEWER) };
    Fleet {
        teams: [(team.name.clone(), team)].into(),
        agents: [author, reviewer].map(|a| (a.name.clone(), a)).into(),
        projects: BTreeMap::new(),
    }
}
