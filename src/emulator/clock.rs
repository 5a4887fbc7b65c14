//! The emulator's clock: the machine's, and ahead of it by as much as it is told, so that credentials, tokens and
//! images can grow old without anybody waiting.
//!
//! It is never behind the machine's. Clients compare the end of their credentials with their own clock, and would
//! take those of a slower emulator for expired.

use crate::base::clock::rfc3339;
use crate::base::{Clock, Timestamp};
use jiff::{SignedDuration, SpanRelativeTo};
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A clock that is ahead of another.
#[derive(Debug)]
pub(super) struct VirtualClock {
    machine: Arc<dyn Clock>,
    ahead: Mutex<SignedDuration>,
    /// Where it is kept, in seconds, so that a state does not become younger by a restart.
    path: PathBuf,
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.machine.now().saturating_add(*self.lock()).unwrap_or(Timestamp::MAX)
    }
}

impl VirtualClock {
    /// As far ahead as the file at `path` says, if there is one.
    pub(super) fn open(machine: Arc<dyn Clock>, path: &Path) -> io::Result<Self> {
        let ahead = if fs_err::exists(path)? {
            let text = fs_err::read_to_string(path)?;
            let seconds = text.trim().parse().map_err(|_| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{} is not a number of seconds", path.display()),
                )
            })?;
            SignedDuration::from_secs(seconds)
        } else {
            SignedDuration::ZERO
        };
        Ok(Self { machine, ahead: Mutex::new(ahead), path: path.into() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, SignedDuration> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine's time.
    pub(super) fn machine(&self) -> Timestamp {
        self.machine.now()
    }

    /// Lets `duration` pass at once.
    pub(super) fn advance(&self, duration: SignedDuration) -> Result<(), String> {
        let mut ahead = self.lock();
        let wanted = ahead.checked_add(duration).ok_or("that is too far")?;
        self.put(&mut ahead, wanted)
    }

    /// Moves to a time.
    pub(super) fn set(&self, to: Timestamp) -> Result<(), String> {
        let wanted = to.duration_since(self.machine.now());
        self.put(&mut self.lock(), wanted)
    }

    /// Shows the machine's time again.
    pub(super) fn reset(&self) -> Result<(), String> {
        self.put(&mut self.lock(), SignedDuration::ZERO)
    }

    fn put(&self, ahead: &mut SignedDuration, wanted: SignedDuration) -> Result<(), String> {
        if wanted.is_negative() {
            return Err("the emulator's clock cannot be behind the machine's".into());
        }
        // A century keeps every time that is derived from it in range.
        if wanted.as_hours() > 100 * 366 * 24 {
            return Err("that is more than a century from now".into());
        }
        let new = self.path.with_extension("new");
        let written = fs_err::write(&new, wanted.as_secs().to_string());
        written.and_then(|()| fs_err::rename(&new, &self.path)).map_err(|error| error.to_string())?;
        *ahead = wanted;
        Ok(())
    }

    /// Does what `{"advance": "11h"}`, `{"set": "2026-12-24T18:00:00Z"}` or `{"set": "now"}` says.
    pub(super) fn change(&self, request: &Value) -> Result<(), String> {
        let members = request.as_object().ok_or("the body is not a JSON object")?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        match (members.len(), text("advance"), text("set")) {
            (1, Some(duration), None) => self.advance(parse_duration(duration)?),
            (1, None, Some("now")) => self.reset(),
            (1, None, Some(to)) => self.set(
                to.parse()
                    .map_err(|_| format!("`{to}` is not a time like 2026-12-24T18:00:00Z, or `now`"))?,
            ),
            _ => {
                Err("the body is neither {\"advance\": \"11h\"} nor {\"set\": \"2026-12-24T18:00:00Z\"}"
                    .into())
            }
        }
    }

    /// What it shows.
    pub(super) fn describe(&self) -> Value {
        let ahead = self.lock().as_secs();
        json!({ "now": rfc3339(self.now()), "machine": rfc3339(self.machine()), "aheadSeconds": ahead })
    }
}

/// `90m`, `11h`, `40d`, `1d 12h`; a day has 24 hours.
fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = |_| format!("`{text}` is not a duration like 90m, 11h or 40d");
    let span: jiff::Span = text.parse().map_err(wrong)?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            "2026-11-23T12:00:00Z".parse().unwrap()
        }
    }

    #[test]
    fn ahead_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("clock");
        let clock = VirtualClock::open(Arc::new(Still), &path).unwrap();
        let change = |clock: &VirtualClock, text: &str| clock.change(&serde_json::from_str(text).unwrap());
        change(&clock, r#"{"advance": "11h"}"#).unwrap();
        change(&clock, r#"{"advance": "1d 30m"}"#).unwrap();
        assert_eq!(clock.describe()["now"], "2026-11-24T23:30:00Z");
        assert_eq!(clock.describe()["machine"], "2026-11-23T12:00:00Z");
        let again = VirtualClock::open(Arc::new(Still), &path).unwrap();
        assert_eq!(again.now(), clock.now());
        change(&again, r#"{"set": "2026-12-24T18:00:00Z"}"#).unwrap();
        assert_eq!(again.describe()["now"], "2026-12-24T18:00:00Z");
        change(&again, r#"{"set": "now"}"#).unwrap();
        assert_eq!(again.now(), again.machine());
        for (text, expected) in [
            (r#"{"advance": "-1h"}"#, "behind"),
            (r#"{"set": "2020-01-01T00:00:00Z"}"#, "behind"),
            (r#"{"set": "2926-01-01T00:00:00Z"}"#, "century"),
            (r#"{"advance": "soon"}"#, "not a duration"),
            (r#"{"advance": "2 months"}"#, "not a duration"),
            (r#"{"set": "tomorrow"}"#, "not a time"),
            (r#"{"set": "now", "advance": "1h"}"#, "neither"),
            (r#"["advance"]"#, "not a JSON object"),
        ] {
            let reason = change(&again, text).unwrap_err();
            assert!(reason.contains(expected), "{text}: {reason}");
        }
        assert_eq!(again.now(), again.machine());
    }
}
