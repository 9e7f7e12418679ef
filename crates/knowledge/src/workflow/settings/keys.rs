//! Reads single values by dotted key. A key that is missing or null has its default.

use super::Error;
use crate::front;
use serde_json::{Map, Value};

/// Reads values by dotted key. A key that is missing or null has its default.
pub(super) struct Keys<'a> {
    pub(super) file: &'a str,
    pub(super) yaml: &'a str,
    pub(super) front: &'a Value,
}

impl Keys<'_> {
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let mut value = self.front;
        for part in key.split('.') {
            value = value.get(part)?;
        }
        (!value.is_null()).then_some(value)
    }

    pub(super) fn object(&self, key: &str) -> Result<Value, Error> {
        match self.get(key) {
            None => Ok(Value::Object(Map::new())),
            Some(Value::Object(map)) => Ok(Value::Object(map.clone())),
            Some(_) => Err(self.bad(key, "must be a map of keys to values")),
        }
    }

    pub(super) fn word(&self, key: &str) -> Result<Option<String>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Err(self.bad(key, "can't be blank")),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.bad(key, "must be text")),
        }
    }

    /// A script; a blank one is none.
    pub(super) fn script(&self, key: &str) -> Result<Option<String>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.trim().is_empty())),
            Some(_) => Err(self.bad(key, "must be a script, as text")),
        }
    }

    /// Labels. A blank one is kept: it is on no issue (5.3.1).
    pub(super) fn labels(&self, key: &str) -> Result<Vec<String>, Error> {
        let bad = || self.bad(key, "must be a list of labels, such as [agents, backend]");
        match self.get(key) {
            None => Ok(vec![]),
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(bad)).collect()
            }
            Some(_) => Err(bad()),
        }
    }

    pub(super) fn port(&self, key: &str) -> Result<Option<u16>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match value.as_u64().and_then(|port| u16::try_from(port).ok()) {
                Some(port) => Ok(Some(port)),
                None => Err(self.bad(key, "must be a port, 0 to 65535")),
            },
        }
    }

    pub(super) fn words(&self, key: &str) -> Result<Option<Vec<String>>, Error> {
        let bad = || self.bad(key, "must be a list of names, such as [Todo, In Progress]");
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let word = |v: &Value| v.as_str().map(str::to_owned).filter(|t| !t.trim().is_empty());
                items.iter().map(|v| word(v).ok_or_else(bad)).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(bad()),
        }
    }

    pub(super) fn positive(&self, key: &str) -> Result<Option<u64>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) if number > 0 => Ok(Some(number)),
                Some(_) | None => Err(self.bad(key, "must be a whole number above 0")),
            },
        }
    }

    pub(super) fn small(&self, key: &str) -> Result<Option<u32>, Error> {
        let Some(number) = self.positive(key)? else { return Ok(None) };
        u32::try_from(number).map(Some).map_err(|_| self.bad(key, "is too large"))
    }

    pub(super) fn count(&self, key: &str, default: u64) -> Result<u32, Error> {
        let number = self.positive(key)?.unwrap_or(default);
        u32::try_from(number).map_err(|_| self.bad(key, "is too large"))
    }

    pub(super) fn bad(&self, key: &str, what: &str) -> Error {
        let line = front::line_of(self.yaml, key);
        Error::BadValue { file: self.file.to_owned(), line, key: key.to_owned(), what: what.to_owned() }
    }
}
