//! The settings of one GitHub repository.

use crate::tracker::http::{self, endpoint};
use crate::tracker::registry::Scope;
use crate::tracker::settings::{Settings, bad, dotted};
use crate::tracker::{Category, Error};
use base::secret::Secret;
use domain::issue::normal;
use hyper::Uri;
use hyper::header::HeaderValue;
use std::time::Duration;

const DEFAULT_API_URL: &str = "https://api.github.com";
/// The states that GitHub knows.
pub(super) const OPEN: &str = "open";
pub(super) const CLOSED: &str = "closed";

/// A checked snapshot.
pub(super) struct Checked {
    pub(super) api_url: Uri,
    pub(super) token: Secret,
    pub(super) authorization: HeaderValue,
    /// `owner/name`.
    pub(super) repo: String,
    pub(super) webhook_secret: Option<Secret>,
    pub(super) timeout: Duration,
    pub(super) secret_names: Vec<String>,
}

pub(super) fn check(scope: &Scope<'_>) -> Result<Checked, Error> {
    only("tracker.active_states", &scope.states.active, OPEN)?;
    only("tracker.terminal_states", &scope.states.terminal, CLOSED)?;
    let mut settings = Settings::of(scope.provider, scope.env)?;
    let api_url = settings.text("api_url", None)?;
    let api_url = endpoint::parse("api_url", api_url.as_deref().unwrap_or(DEFAULT_API_URL))?;
    let mend = "write it as owner/name";
    let repo = settings.required("repo", Some("GITHUB_REPO"), mend)?;
    if !is_repo(&repo) {
        return Err(bad(&dotted("repo"), "is no repository", mend));
    }
    let token = settings.secret("token", "GITHUB_TOKEN")?;
    let authorization = http::authorization("token", &format!("Bearer {}", token.expose()))?;
    let webhook_secret = settings.optional_secret("webhook_secret", None);
    let timeout = settings.timeout()?;
    let secret_names = settings.secret_names();
    Ok(Checked { api_url, token, authorization, repo, webhook_secret, timeout, secret_names })
}

fn only(key: &str, states: &[String], known: &str) -> Result<(), Error> {
    match states.iter().find(|state| normal(state) != known) {
        None => Ok(()),
        Some(state) => Err(Error::Config {
            category: Category::InvalidConfig,
            key: key.to_owned(),
            what: format!("names {state:?}"),
            mend: format!("GitHub has {known:?} and nothing else there; say more with labels"),
        }),
    }
}

/// Whether `text` is `owner/name`, and nothing that a path could take for something else.
fn is_repo(text: &str) -> bool {
    let word = |word: &str| {
        let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        plain && !word.is_empty() && word.len() <= 100 && word != "." && word != ".."
    };
    text.split_once('/').is_some_and(|(owner, name)| word(owner) && word(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_owner_and_name() {
        for good in ["a/b", "acme-inc/shop.web", "A_1/.github"] {
            assert!(is_repo(good), "{good}");
        }
        for bad in ["", "a", "a/", "/b", "a/b/c", "a/..", "../b", "a b/c", "a/b?c", "a/%2e", "a/b\n"] {
            assert!(!is_repo(bad), "{bad}");
        }
    }
}
