//! Starts attempts of one project, many in one commit.
//!
//! Each commit is a write that must reach the disk before the next decision may rest on it; claims one by one would start
//! a hundred attempts a second. So a few are decided together, each as if those before it had been committed, and kept
//! together or not at all. What cannot be kept with others is tried by itself: one that cannot be claimed keeps no other
//! from it.

use crate::Engine;
use crate::facts::Moment;
use domain::issue::Issue;
use domain::run::{self, Refusal};
use domain::step::Step;
use domain::{AgentName, ProjectName, RunId, Timestamp};
use store::Error;
use store::run::{Base, StoredRun};
use store::step::Start;

/// Attempts started in one commit; each writes some ten rows, and other writers wait meanwhile.
pub(crate) const TOGETHER: usize = 64;

/// What is to be started.
pub(crate) enum Wanted<'a> {
    /// A new author's run.
    Issue {
        /// The issue.
        issue: &'a Issue,
        /// When the reading that found it began.
        observed_at: Timestamp,
    },
    /// The next attempt of a run that waits.
    Run {
        /// Which.
        id: &'a RunId,
        /// The agent that is to work on it.
        agent: &'a AgentName,
    },
}

/// What became of it.
pub(crate) enum Claim {
    /// An attempt is being started.
    Started,
    /// It was refused.
    Refused(Refusal),
    /// Run or agent are gone.
    Gone,
    /// It could not be asked or written.
    Failed(Error),
}

impl Engine {
    /// Starts what may be started of `wanted`, in order, and answers for each. `kept` slots are not to be had.
    pub(crate) async fn claim_together(
        &self,
        project: &ProjectName,
        wanted: &[Wanted<'_>],
        kept: u32,
    ) -> Vec<Claim> {
        let mut claims = Vec::with_capacity(wanted.len());
        for wanted in wanted.chunks(TOGETHER) {
            let mut together = self.claim_all(project, wanted, kept).await;
            if let Err(Error::Outdated { .. }) = together {
                // Most likely a review was claimed, or an order given, meanwhile.
                together = self.claim_all(project, wanted, kept).await;
            }
            match together {
                Ok(all) => claims.extend(all),
                // Nothing else can be written now, either.
                Err(error) if error.is_transient() || error == Error::Superseded => {
                    claims.extend(wanted.iter().map(|_| Claim::Failed(error.clone())));
                }
                Err(_) => {
                    for one in wanted {
                        claims.push(self.claim_one(project, one, kept).await);
                    }
                }
            }
        }
        claims
    }

    async fn claim_one(&self, project: &ProjectName, wanted: &Wanted<'_>, kept: u32) -> Claim {
        loop {
            return match self.claim_all(project, std::slice::from_ref(wanted), kept).await {
                Ok(mut one) => one.pop().unwrap_or(Claim::Gone),
                // Somebody claimed, or an order came: decide again.
                Err(Error::Outdated { .. }) => continue,
                Err(error) => Claim::Failed(error),
            };
        }
    }

    async fn claim_all(
        &self,
        project: &ProjectName,
        wanted: &[Wanted<'_>],
        kept: u32,
    ) -> Result<Vec<Claim>, Error> {
        let _turn = self.0.shares.turn().await;
        let Some(mut moment) = self.moment(project).await? else {
            return Ok(wanted.iter().map(|_| Claim::Gone).collect());
        };
        moment.keep(kept);
        let (mut claims, mut starts) = (Vec::with_capacity(wanted.len()), vec![]);
        for wanted in wanted {
            let decided = match wanted {
                Wanted::Issue { issue, observed_at } => {
                    self.decide_issue(&moment, issue, *observed_at).await?
                }
                Wanted::Run { id, agent } => self.decide_run(&moment, id, agent).await?,
            };
            claims.push(match decided {
                None => Claim::Gone,
                Some(Ok(start)) => {
                    moment.take(&start.step.run);
                    starts.push(start);
                    Claim::Started
                }
                // A run that an order covers is told by whoever looks after orders (`stop_contained`).
                Some(Err(refusal)) => Claim::Refused(refusal),
            });
        }
        if !starts.is_empty() {
            self.commit_starts(&starts, &moment.guards).await?;
        }
        Ok(claims)
    }

    async fn decide_issue(
        &self,
        moment: &Moment,
        issue: &Issue,
        observed_at: Timestamp,
    ) -> Result<Option<Result<Start, Refusal>>, Error> {
        let Some(facts) = moment.of(self, moment.project.agent_for(&issue.state)) else { return Ok(None) };
        // After the moment: its guards hold for this, too.
        let prior = self.0.store.prior(&moment.project.name, &issue.id, &moment.containments).await?;
        let id = RunId::new(self.0.setup.outside.ids.next());
        let step = run::claim(issue, prior.as_ref(), observed_at, &facts.facts(), id, self.now());
        Ok(Some(step.map(|step| Start { step, base: Base::New })))
    }

    async fn decide_run(
        &self,
        moment: &Moment,
        id: &RunId,
        agent: &AgentName,
    ) -> Result<Option<Result<Start, Refusal>>, Error> {
        let (Some(stored), Some(facts)) = (self.run(id).await?, moment.of(self, agent)) else {
            return Ok(None);
        };
        let StoredRun { mut run, version, .. } = StoredRun::clone(&stored);
        if run.agent != *agent {
            (run.agent, run.team) = (agent.clone(), facts.agent.team.clone());
        }
        let step: Result<Step, Refusal> = run::resume(&run, &facts.facts(), self.now());
        Ok(Some(step.map(|step| Start { step, base: Base::Version(version) })))
    }
}
