//! Writes one run step by step, as the engine would.

use domain::budget::Account;
use domain::call::{Call, Status, Usage};
use domain::event::Event;
use domain::failure::Failure;
use domain::issue::{Issue, IssueRef};
use domain::run::{Assignment, Phase, Run};
use domain::step::Step;
use domain::{MicroUsd, Timestamp};
use store::Store;
use store::activity::Activity;
use store::run::Base;
use store::step::Commit;

/// A run on its way through the store.
pub struct Story {
    store: Store,
    pub run: Run,
    base: Base,
    calls: u32,
    pub at: Timestamp,
    pub rehearsal: bool,
    pub accounts: Vec<Account>,
    /// Bodies of the next calls: names of blobs.
    pub blobs: (Option<String>, Option<String>),
}

impl Story {
    pub async fn begin(
        store: &Store,
        id: &str,
        issue: (&str, &str),
        agent: (&str, &str),
        at: Timestamp,
    ) -> Self {
        Self::begin_as(store, id, issue, agent, at, None).await
    }

    pub async fn begin_as(
        store: &Store,
        id: &str,
        issue: (&str, &str),
        agent: (&str, &str),
        at: Timestamp,
        review: Option<Assignment>,
    ) -> Self {
        let read = Issue {
            version: "1".into(),
            ..Issue::new(issue.0.to_lowercase().as_str().into(), issue.0, issue.1, "Todo")
        };
        let reference = IssueRef::of("shop".into(), &read);
        let purpose = match &review {
            Some(review) => format!("review {} for {}", review.head.short(), review.team),
            None => format!("work on {}", issue.0),
        };
        let run = Run {
            review,
            phase: Phase::Starting { since: at },
            ..Run::new(id.into(), reference, agent.0.into(), agent.1.into(), at)
        };
        let mut story = Self {
            store: store.clone(),
            run,
            base: Base::New,
            calls: 0,
            at,
            rehearsal: true,
            accounts: vec![],
            blobs: (None, None),
        };
        story.attempt(vec![Event::Claimed { agent: agent.0.into(), purpose }]).await;
        story
    }

    /// Lets time pass.
    pub fn wait(&mut self, seconds: f64) -> &mut Self {
        self.at = Timestamp(self.at.0 + (seconds * 1e6) as i64);
        self
    }

    /// Claims and starts the next attempt.
    pub async fn attempt(&mut self, mut before: Vec<Event>) {
        self.run.fence = self.run.fence.next();
        self.run.attempts += 1;
        let (attempt, fence) = (self.run.attempts, self.run.fence);
        before.push(Event::AttemptClaimed { attempt, fence });
        self.step(Phase::Starting { since: self.at }, before).await;
        let isolation = "isolated: no network, own uid, own control group".to_owned();
        self.wait(0.4);
        self.step(Phase::Working { since: self.at }, vec![Event::AttemptStarted { attempt, isolation }])
            .await;
    }

    pub async fn step(&mut self, phase: Phase, events: Vec<Event>) {
        self.run.phase = phase;
        let step = Step { run: self.run.clone(), events, effects: vec![] };
        let commit = Commit { step: &step, base: self.base, guards: None, effect: None, now: self.at };
        self.base = Base::Version(self.store.commit_step(commit).await.unwrap());
    }

    /// The attempt finishes with the agent's last words.
    pub fn finished(&self, summary: &str) -> Event {
        Event::AttemptFinished { attempt: self.run.attempts, summary: summary.into() }
    }

    pub fn failed(&self, failure: Failure) -> Event {
        Event::AttemptFailed { attempt: self.run.attempts, failure }
    }

    /// Makes a call that ends as `status` after `seconds`.
    pub async fn call(&mut self, status: Status, seconds: f64, usage: (u64, u64, u64)) -> Call {
        self.calls += 1;
        let usage = Usage {
            input: usage.0,
            cached: usage.1,
            output: usage.2,
            reasoning: usage.2 / 3,
            ..Usage::default()
        };
        let mut call = self.open_call();
        call.turn = self.store.reserve_call(&call, &self.accounts).await.unwrap();
        if status == Status::Open {
            return call;
        }
        let begun = self.at;
        call.first_byte_at = Some(Timestamp(begun.0 + (seconds * 0.3e6) as i64));
        self.wait(seconds);
        call.status = status;
        call.usage = usage;
        call.cost = MicroUsd((usage.input - usage.cached) * 5 / 4 + usage.cached / 8 + usage.output * 10);
        call.http_status = if status == Status::Failed { 529 } else { 200 };
        call.error =
            (status == Status::Failed).then(|| "the provider is overloaded; the client tries again".into());
        call.response_blob = self.blobs.1.clone();
        call.ended_at = Some(self.at);
        self.store.settle_call(&call, &self.accounts).await.unwrap();
        call
    }

    fn open_call(&self) -> Call {
        let run = &self.run;
        Call {
            id: format!("{}-{:03}", run.id, self.calls).as_str().into(),
            identity: run.identity(),
            issue: run.issue.id.clone(),
            purpose: run.purpose(),
            attempt: run.attempts,
            fence: run.fence,
            turn: 0,
            asked: "large".into(),
            route: if self.rehearsal { "rehearsal/large".into() } else { "openai/gpt-6.1-sol".into() },
            rehearsal: self.rehearsal,
            status: Status::Open,
            reserved: MicroUsd(60_000),
            cost: MicroUsd(0),
            usage: Usage::default(),
            http_status: 0,
            error: None,
            provider_id: None,
            request_blob: self.blobs.0.clone(),
            response_blob: None,
            started_at: self.at,
            first_byte_at: None,
            ended_at: None,
        }
    }

    /// The agent did something; `json` is an activity of the adapters.
    pub async fn did(&mut self, kind: &str, json: serde_json::Value) {
        let ms = json["ms"].as_f64().unwrap_or(150.0);
        self.wait(ms / 1e3);
        let line = Activity {
            seq: 0,
            attempt: self.run.attempts,
            at: self.at,
            kind: kind.into(),
            text: json.to_string(),
        };
        self.store.add_activity(&self.run.id, &[line]).await.unwrap();
    }
}
