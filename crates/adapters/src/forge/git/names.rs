//! Names we hand to git, checked so that none can be read as an option, a refspec or a revision expression.

use super::redact::redacted;
use super::{Error, Identity};
use domain::Sha;
use std::ffi::OsString;

/// Longer names are nobody's branch.
const MAX_NAME: usize = 200;

/// The address that commits of `agent` carry; `.invalid` never receives mail (RFC 2606).
pub fn identity_email(agent: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    format!("{}@seawall.invalid", agent.chars().map(plain).collect::<String>())
}

/// The environment that makes a commit `identity`'s.
pub(super) fn identity_env(identity: &Identity) -> [(&'static str, OsString); 6] {
    let name: String =
        identity.agent.as_str().chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect();
    let email = identity_email(identity.agent.as_str());
    let date = format!("@{} +0000", identity.at.0.div_euclid(1_000_000).max(0));
    [
        ("GIT_AUTHOR_NAME", name.clone().into()),
        ("GIT_AUTHOR_EMAIL", email.clone().into()),
        ("GIT_AUTHOR_DATE", date.clone().into()),
        ("GIT_COMMITTER_NAME", name.into()),
        ("GIT_COMMITTER_EMAIL", email.into()),
        ("GIT_COMMITTER_DATE", date.into()),
    ]
}

/// A path or URL that is not an option and names no helper program (`ext::…`).
pub(super) fn remote(text: &str) -> Result<&str, Error> {
    let bad = |why| Err(Error::BadName { what: "remote", text: redacted(text), why });
    if text.is_empty() || text.starts_with('-') {
        return bad("it is empty or begins with a dash");
    }
    if text.contains("::") || text.chars().any(char::is_control) {
        return bad("it names a helper program or has control characters");
    }
    Ok(text)
}

/// A branch name as `git check-ref-format` accepts it, without asking git.
pub(super) fn branch(text: &str) -> Result<&str, Error> {
    let bad = |why| Err(Error::BadName { what: "branch", text: text.to_owned(), why });
    if text.is_empty() || text.len() > MAX_NAME || text == "HEAD" || text == "@" {
        return bad("it is empty, too long or reserved");
    }
    let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    if text.chars().any(odd) || text.contains("..") || text.contains("@{") {
        return bad("it has characters that git does not allow");
    }
    let odd_part = |part: &str| {
        part.is_empty() || part.starts_with(['.', '-']) || part.ends_with('.') || part.ends_with(".lock")
    };
    if text.split('/').any(odd_part) {
        return bad("a part of it is empty, begins with . or -, or ends with . or .lock");
    }
    Ok(text)
}

/// The beginning of the names of one run's branches: `seawall/RUN/`.
pub(super) fn run_prefix(text: &str) -> Result<&str, Error> {
    let run = text.strip_prefix("seawall/").and_then(|rest| rest.strip_suffix('/'));
    match run {
        Some(run) if !run.contains('/') && branch(run).is_ok() => Ok(text),
        Some(_) | None => {
            let why = "only the branches of one run are removed, by the prefix seawall/RUN/";
            Err(Error::BadName { what: "branch", text: text.to_owned(), why })
        }
    }
}

/// A full object id.
pub(super) fn sha(sha: &Sha) -> Result<&str, Error> {
    if sha.is_well_formed() {
        Ok(sha.as_str())
    } else {
        let why = "a full commit id of 40 or 64 lower-case hex digits is needed";
        Err(Error::BadName { what: "commit", text: sha.as_str().to_owned(), why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_could_misread_are_refused() {
        for wrong in
            ["", "-x", "a..b", "a b", "a:b", "+a:", "x.lock", "a//b", ".a", "a/.b", "HEAD", "a\nb", "a/-b"]
        {
            assert!(branch(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["", "--upload-pack=x", "ext::sh -c x", "a\nb"] {
            assert!(remote(wrong).is_err(), "{wrong:?}");
        }
        for right in ["main", "seawall/SHOP-1/2", "release/1.2"] {
            assert!(branch(right).is_ok(), "{right:?}");
        }
    }

    #[test]
    fn only_the_branches_of_one_run_have_a_prefix() {
        for wrong in [
            "",
            "seawall/",
            "seawall//",
            "main",
            "seawall/a",
            "seawall/a/b/",
            "seawall/*/",
            "seawall/../",
            "x/a/",
        ] {
            assert!(run_prefix(wrong).is_err(), "{wrong:?}");
        }
        assert!(run_prefix("seawall/6ad8g4t6nkp5dppw/").is_ok());
    }

    #[test]
    fn an_agents_name_cannot_break_a_commit_header() {
        let identity = Identity { agent: "a<b>\nc".into(), at: domain::Timestamp(5_000_000) };
        let env = identity_env(&identity);
        assert_eq!(env[0].1, "abc");
        assert_eq!(env[1].1, "a_b__c@seawall.invalid");
        assert_eq!(env[2].1, "@5 +0000");
    }
}
