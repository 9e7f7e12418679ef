//! Reads `tracker.provider`: texts, secrets and `$NAME`, the same way for every tracker.
//!
//! Invariants: a secret that is set but blank is missing and falls back to nothing; no value of a secret is in an
//! error; keys that nobody reads are nobody's business.

use super::{Category, Error};
use base::env::Env;
use base::secret::Secret;
use serde_json::{Map, Value};
use std::sync::LazyLock;
use std::time::Duration;

/// The longest text of a setting; longer ones are no names and no keys.
const MAX_TEXT: usize = 4_096;
/// How long a request to the tracker may take, unless `timeout_ms` says otherwise.
const DEFAULT_TIMEOUT_MS: u64 = 30_000;
/// What `timeout_ms` may say: less fails on a good day, more makes a poll look dead.
const TIMEOUT_RANGE_MS: std::ops::RangeInclusive<u64> = 100..=300_000;

/// The keys of one tracker's `provider`, and the environment that `$NAME` means.
pub(super) struct Settings<'a> {
    keys: &'a Map<String, Value>,
    env: &'a Env,
    /// Variables that hold secrets.
    secret_names: Vec<String>,
}

impl<'a> Settings<'a> {
    /// Reads from `provider`, an object or nothing.
    pub(super) fn of(provider: &'a Value, env: &'a Env) -> Result<Self, Error> {
        static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        let keys = match provider {
            Value::Object(keys) => keys,
            Value::Null => &*NONE,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(bad("tracker.provider", "is not a set of keys", "write the keys below it"));
            }
        };
        Ok(Self { keys, env, secret_names: vec![] })
    }

    /// A text, with outer blanks removed; `fallback` names the variable that counts when the key is not given or
    /// names a variable that is not set. `None` when there is none, or a blank one.
    pub(super) fn text(&self, key: &str, fallback: Option<&str>) -> Result<Option<String>, Error> {
        match self.keys.get(key) {
            None | Some(Value::Null) => Ok(self.variable(fallback)),
            Some(Value::String(text)) if text.len() <= MAX_TEXT => Ok(self.resolve(text, fallback)),
            Some(_) => Err(bad(&dotted(key), "is not a short text", "write it as a text")),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, key: &str, fallback: Option<&str>, mend: &str) -> Result<String, Error> {
        self.text(key, fallback)?.ok_or_else(|| bad(&dotted(key), "is missing", mend))
    }

    /// A secret that must be there. Whatever is not a text is no secret.
    pub(super) fn secret(&mut self, key: &str, fallback: &str) -> Result<Secret, Error> {
        self.optional_secret(key, Some(fallback))
            .ok_or_else(|| missing(key, &format!("set it to a $NAME, or export {fallback}")))
    }

    /// A secret that may be there.
    pub(super) fn optional_secret(&mut self, key: &str, fallback: Option<&str>) -> Option<Secret> {
        self.secret_names.extend(fallback.map(str::to_owned));
        let found = match self.keys.get(key) {
            None | Some(Value::Null) => self.variable(fallback),
            Some(Value::String(text)) => {
                self.secret_names.extend(variable_name(text.trim()).map(str::to_owned));
                self.resolve(text, fallback)
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => None,
        };
        found.map(Secret::new)
    }

    /// How long one request may take: `timeout_ms`.
    pub(super) fn timeout(&self) -> Result<Duration, Error> {
        let given = match self.keys.get("timeout_ms") {
            None | Some(Value::Null) => Some(DEFAULT_TIMEOUT_MS),
            Some(value) => value.as_u64().filter(|ms| TIMEOUT_RANGE_MS.contains(ms)),
        };
        let mend = "write milliseconds from 100 to 300000";
        given.map(Duration::from_millis).ok_or_else(|| bad(&dotted("timeout_ms"), "is not in range", mend))
    }

    /// A value that is neither text nor secret.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.keys.get(key)
    }

    /// The variables that secrets were looked for in, each once.
    pub(super) fn secret_names(mut self) -> Vec<String> {
        self.secret_names.sort_unstable();
        self.secret_names.dedup();
        self.secret_names
    }

    fn resolve(&self, text: &str, fallback: Option<&str>) -> Option<String> {
        match variable_name(text.trim()) {
            Some(name) => match self.env.get(name) {
                Some(value) => trimmed(&value),
                None => self.variable(fallback),
            },
            None => trimmed(text),
        }
    }

    fn variable(&self, name: Option<&str>) -> Option<String> {
        trimmed(&self.env.get(name?)?)
    }
}

/// A setting that cannot be used.
pub(super) fn bad(key: &str, what: &str, mend: &str) -> Error {
    let (key, what, mend) = (key.to_owned(), what.to_owned(), mend.to_owned());
    Error::Config { category: Category::InvalidConfig, key, what, mend }
}

/// The key as people write it.
pub(super) fn dotted(key: &str) -> String {
    format!("tracker.provider.{key}")
}

fn missing(key: &str, mend: &str) -> Error {
    let (what, mend) = ("is a secret that is missing".to_owned(), mend.to_owned());
    Error::Config { category: Category::MissingSecret, key: dotted(key), what, mend }
}

fn trimmed(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The name in `$NAME`, when that is all there is.
fn variable_name(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (plain && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(value: Value) -> Result<String, Category> {
        let env = Env::fixed([("MINE", "m"), ("EMPTY", ""), ("BLANK", "  "), ("KEY", " k ")]);
        let provider = json!({"api_key": value});
        let found = Settings::of(&provider, &env).unwrap().secret("api_key", "KEY");
        found.map(|secret| secret.expose().to_owned()).map_err(|error| error.category())
    }

    #[test]
    fn a_secret_falls_back_only_when_nothing_was_set() {
        assert_eq!(secret(json!(null)), Ok("k".into()));
        assert_eq!(secret(json!("$MINE")), Ok("m".into()));
        assert_eq!(secret(json!("$UNSET")), Ok("k".into()));
        assert_eq!(secret(json!(" literal ")), Ok("literal".into()));
        for blank in [json!(""), json!("   "), json!("$EMPTY"), json!("$BLANK"), json!(7), json!(["k"])] {
            assert_eq!(secret(blank.clone()), Err(Category::MissingSecret), "{blank}");
        }
    }

    #[test]
    fn every_variable_that_may_hold_a_secret_is_named() {
        let (env, provider) = (Env::fixed([("A", "a")]), json!({"api_key": "$MINE", "hook": "$HOOK"}));
        let mut settings = Settings::of(&provider, &env).unwrap();
        assert!(settings.secret("api_key", "KEY").is_err());
        assert!(settings.optional_secret("hook", None).is_none());
        assert_eq!(settings.secret_names(), ["HOOK", "KEY", "MINE"]);
    }

    #[test]
    fn what_is_no_text_is_told_by_its_key() {
        let (env, provider) = (Env::fixed::<&str, &str>([]), json!({"repo": 7, "timeout_ms": 1}));
        let settings = Settings::of(&provider, &env).unwrap();
        let told = settings.text("repo", None).unwrap_err().to_string();
        assert!(told.contains("tracker.provider.repo"), "{told}");
        assert_eq!(settings.timeout().unwrap_err().category(), Category::InvalidConfig);
        assert!(Settings::of(&json!("x"), &env).is_err());
    }
}
