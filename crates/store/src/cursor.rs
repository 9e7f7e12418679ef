//! Places in lists, as values and as the text that clients hand back to go on.

use domain::Timestamp;
use std::fmt;
use std::str::FromStr;

/// A place in a list of runs, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCursor {
    pub(crate) created_at: Timestamp,
    pub(crate) id: String,
}

/// A place in the feed of events. The default is before the first event. Its text (`TX-SEQ`) is the feed's
/// event id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCursor {
    pub(crate) tx: i64,
    pub(crate) seq: i64,
}

/// Why a text is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cursor; use the one that came with the page before")]
pub struct NoCursor(pub String);

impl fmt::Display for RunCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created_at.0, self.id)
    }
}

impl FromStr for RunCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let no_cursor = || NoCursor(text.to_owned());
        let (created_at, id) = text.split_once('.').ok_or_else(no_cursor)?;
        let created_at = created_at.parse().map_err(|_| no_cursor())?;
        Ok(Self { created_at: Timestamp(created_at), id: id.to_owned() })
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.tx, self.seq)
    }
}

impl FromStr for EventCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let no_cursor = || NoCursor(text.to_owned());
        let (tx, seq) = text.split_once('-').ok_or_else(no_cursor)?;
        let number = |digits: &str| digits.parse::<i64>().ok().filter(|n| *n >= 0).ok_or_else(no_cursor);
        Ok(Self { tx: number(tx)?, seq: number(seq)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_and_written_back() {
        let event = EventCursor { tx: 7, seq: 12 };
        assert_eq!(event.to_string().parse(), Ok(event));
        let run = RunCursor { created_at: Timestamp(-5), id: "a.b".into() };
        assert_eq!(run.to_string().parse(), Ok(run));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for wrong in ["", "7", "7-", "-1-2", "a-b", "1-2-3"] {
            assert!(wrong.parse::<EventCursor>().is_err(), "{wrong:?}");
        }
        for wrong in ["", "7", "x.run"] {
            assert!(wrong.parse::<RunCursor>().is_err(), "{wrong:?}");
        }
    }
}
