//! A reviewer's attempt: what it judges, what its team knows, its one tool.

use super::prompt::{self, ReviewMaterial};
use super::session::Assignment;
use super::tools::ReviewTools;
use crate::Engine;
use crate::failure::forge_failure;
use crate::setup::Source as ProjectSource;
use adapters::forge::git::Source;
use domain::Sha;
use domain::failure::{Failure, FailureKind};
use domain::issue::Issue;
use domain::review::Finding;
use domain::run::Run;
use knowledge::passage::{self, Knowledge, Passage};
use std::sync::Arc;

/// Knowledge files looked at for one review.
const MAX_KNOWLEDGE_FILES: usize = 500;
/// Passages a reviewer is shown.
const MAX_PASSAGES: usize = 8;

/// What is to be reviewed.
pub(super) struct Review<'a> {
    pub(super) base: &'a Sha,
    pub(super) head: &'a Sha,
    pub(super) round: u32,
    pub(super) files: &'a [String],
}

pub(super) async fn assignment(
    engine: &Engine,
    run: &Run,
    source: &ProjectSource,
    issue: &Issue,
    review: Review<'_>,
) -> Result<Assignment, Failure> {
    let gone = || Failure::new(FailureKind::Engine, "the run that asked for this review is gone");
    let assignment = run.review.as_ref().ok_or_else(gone)?;
    let store = |e: store::Error| Failure::new(FailureKind::Engine, base::error::chain(&e));
    let parent = engine.run(&assignment.parent).await.map_err(store)?.ok_or_else(gone)?;
    let parent = &parent.run;
    let change = parent.change.as_ref().ok_or_else(gone)?;
    let remote = Source::Remote(&source.remote);
    let forge = &engine.0.forge;
    let diff = forge
        .diff(remote, review.base, review.head, prompt::MAX_DIFF * 2)
        .await
        .map_err(|e| forge_failure(&e))?;
    let passages = passages(engine, run, source, &review, &diff.text).await?;
    let earlier = parent.ledger.findings.iter().filter(|f| f.team == assignment.team && f.holds_up());
    let earlier: Vec<Finding> = earlier.cloned().collect();
    let text = prompt::reviewer(&ReviewMaterial {
        issue,
        team: &assignment.team,
        round: review.round,
        base: review.base,
        change,
        owned: review.files,
        diff: &diff.text,
        passages: &passages,
        earlier: &earlier,
    });
    let tools = Arc::new(ReviewTools {
        forge: forge.clone(),
        remote: source.remote.clone(),
        base: review.base.clone(),
        head: review.head.clone(),
        review: std::sync::Mutex::default(),
    });
    Ok(Assignment {
        instructions: prompt::REVIEWER,
        prompt: text,
        specs: ReviewTools::specs(),
        tools: tools.clone(),
        review: Some(tools),
    })
}

/// What the reviewer's team has written down that speaks of this change, as of the change's base.
async fn passages(
    engine: &Engine,
    run: &Run,
    source: &ProjectSource,
    review: &Review<'_>,
    diff: &str,
) -> Result<Vec<Passage>, Failure> {
    let registered = engine.registered();
    let team = run.review.as_ref().and_then(|a| registered.team(&a.team));
    let Some(folder) = team.map(|t| t.knowledge.as_str()) else { return Ok(vec![]) };
    let forge = &engine.0.forge;
    let remote = Source::Remote(&source.remote);
    let files = forge.list(remote, review.base, Some(folder)).await.map_err(|e| forge_failure(&e))?;
    let mut known = vec![];
    for path in files.into_iter().filter(|p| p.ends_with(".md")).take(MAX_KNOWLEDGE_FILES) {
        if let Some(bytes) = forge.show(remote, review.base, &path).await.map_err(|e| forge_failure(&e))? {
            known.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    let added: Vec<String> = diff
        .lines()
        .filter_map(|line| line.strip_prefix('+'))
        .filter(|line| !line.starts_with("++"))
        .map(str::to_owned)
        .collect();
    let known: Vec<_> = known.iter().map(|(path, text)| Knowledge { path, text }).collect();
    let mut found = passage::find(&known, review.files, &added);
    found.truncate(MAX_PASSAGES);
    Ok(found)
}
