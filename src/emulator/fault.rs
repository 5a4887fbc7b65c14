//! Faults on demand: what goes wrong, at which operation, at which occurrence, how often.
//!
//! # Grammar
//!
//! ```text
//! FAULT     = KIND [":" OPERATION] *("," KEY "=" VALUE)
//! OPERATION = an operation's name as the log of requests writes it; "*" stands for any characters
//! ```
//!
//! | kind | what happens |
//! |---|---|
//! | `throttle` | the call is refused as throttled: `ThrottlingException` 400 "Rate exceeded", on `/v2/` 429 |
//! | `error` | the call is refused: `status=` (default 500, or 400 with a code), `code=`, `message=` |
//! | `reset` | half of the request is read, then the connection is reset; nothing is done |
//! | `lose-answer` | the call is done, then the connection is reset without an answer |
//! | `vanish` | the upload that the call names is gone for good, from its part number `part=` (default 1) on |
//! | `expire` | the credentials (or the registry token) that the call is made with are expired for good |
//! | `slow` | all connections together carry `rate=` bytes per second in each direction |
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `nth=N` | starts at the Nth matching call, from 1 | 1 |
//! | `after=N` | the same as `nth=` N+1: lets N matching calls pass | |
//! | `times=N` or `times=always` | at how many calls from there on | 1; `slow`: always |
//!
//! Without an operation, a fault is for every call; `vanish` is for `UploadLayerPart`. Calls are counted for each
//! fault by itself. If several faults are due at one call, the one that was given first happens, together with
//! any `slow`; the others wait for their next call.
//!
//! Examples: `throttle:UploadLayerPart,times=10` · `lose-answer:UploadLayerPart,nth=2` · `vanish,part=3` ·
//! `expire,after=5` · `error:PutImage,status=503` · `error:AssumeRoleWithWebIdentity,code=IDPCommunicationError`
//! · `reset:GET /v2/*/blobs/*` · `slow,rate=1048576`.

use super::glob;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// Why a text is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a fault: {reason}")]
pub struct ParseFaultError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// One fault; its text form is described in the [module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: Kind,
    operation: Option<String>,
    nth: NonZeroU64,
    /// None: always.
    times: Option<u64>,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Throttle,
    Error { status: u16, code: Option<String>, message: Option<String> },
    Reset,
    LoseAnswer,
    Vanish { part: NonZeroU64 },
    Expire,
    Slow { rate: NonZeroU64 },
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Error { .. } => "error",
            Self::Reset => "reset",
            Self::LoseAnswer => "lose-answer",
            Self::Vanish { .. } => "vanish",
            Self::Expire => "expire",
            Self::Slow { .. } => "slow",
        }
    }

    /// `slow` describes a line rather than an event.
    fn default_times(&self) -> Option<u64> {
        if matches!(self, Self::Slow { .. }) { None } else { Some(1) }
    }
}

impl Fault {
    fn is_for(&self, operation: &str) -> bool {
        match (&self.operation, &self.kind) {
            (Some(pattern), _) => glob::matches(pattern, operation),
            (None, Kind::Vanish { .. }) => operation == "UploadLayerPart",
            (None, _) => true,
        }
    }
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|reason| ParseFaultError { text: text.into(), reason })
    }
}

fn parse(text: &str) -> Result<Fault, String> {
    let mut pieces = text.split(',');
    let head = pieces.next().unwrap_or_default();
    let (name, operation) = match head.split_once(':') {
        Some((_, "")) => return Err("no operation stands after the `:`".into()),
        Some((name, operation)) => (name, Some(operation.to_owned())),
        None => (head, None),
    };
    let mut keys = Vec::new();
    for piece in pieces {
        let (key, value) = piece.split_once('=').ok_or_else(|| format!("`{piece}` is not KEY=VALUE"))?;
        if keys.iter().any(|(other, _)| *other == key) {
            return Err(format!("`{key}` is given twice"));
        }
        keys.push((key, value));
    }
    let mut take = |key: &str| {
        let index = keys.iter().position(|(other, _)| *other == key)?;
        Some(keys.swap_remove(index).1)
    };
    let kind = match name {
        "throttle" => Kind::Throttle,
        "error" => {
            let code = take("code").map(str::to_owned);
            let status = match take("status") {
                Some(value) => number(value, "status", 400, 599)?,
                None if code.is_some() => 400,
                None => 500,
            };
            let status = u16::try_from(status).expect("invariant: at most 599");
            Kind::Error { status, code, message: take("message").map(str::to_owned) }
        }
        "reset" => Kind::Reset,
        "lose-answer" => Kind::LoseAnswer,
        "vanish" => Kind::Vanish { part: take("part").map_or(Ok(NonZeroU64::MIN), |v| count(v, "part"))? },
        "expire" => Kind::Expire,
        "slow" => match take("rate") {
            Some(value) => Kind::Slow { rate: count(value, "rate")? },
            None => return Err("`slow` needs `rate=` bytes per second".into()),
        },
        _ => {
            return Err(format!(
                "`{name}` is none of throttle, error, reset, lose-answer, vanish, expire, slow"
            ));
        }
    };
    let nth = match (take("nth"), take("after")) {
        (Some(_), Some(_)) => return Err("`nth` and `after` say the same; give one".into()),
        (Some(value), None) => count(value, "nth")?,
        (None, Some(value)) => NonZeroU64::MIN.saturating_add(number(value, "after", 0, u64::MAX)?),
        (None, None) => NonZeroU64::MIN,
    };
    let times = match take("times") {
        None => kind.default_times(),
        Some("always") => None,
        Some(value) => Some(count(value, "times")?.get()),
    };
    match keys.first() {
        Some((key, _)) => Err(format!("`{name}` has no `{key}`")),
        None => Ok(Fault { kind, operation, nth, times }),
    }
}

fn number(value: &str, key: &str, min: u64, max: u64) -> Result<u64, String> {
    match value.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ if max == u64::MAX => Err(format!("`{key}` is `{value}`, which is not a number from {min}")),
        _ => Err(format!("`{key}` is `{value}`, which is not a number from {min} to {max}")),
    }
}

fn count(value: &str, key: &str) -> Result<NonZeroU64, String> {
    let number = number(value, key, 1, u64::MAX)?;
    Ok(NonZeroU64::new(number).expect("invariant: at least 1"))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let Some(operation) = &self.operation {
            write!(f, ":{operation}")?;
        }
        match &self.kind {
            Kind::Error { status, code, message } => {
                if *status != if code.is_some() { 400 } else { 500 } {
                    write!(f, ",status={status}")?;
                }
                if let Some(code) = code {
                    write!(f, ",code={code}")?;
                }
                if let Some(message) = message {
                    write!(f, ",message={message}")?;
                }
            }
            Kind::Vanish { part } if part.get() > 1 => write!(f, ",part={part}")?,
            Kind::Slow { rate } => write!(f, ",rate={rate}")?,
            _ => {}
        }
        if self.nth.get() > 1 {
            write!(f, ",nth={}", self.nth)?;
        }
        match self.times {
            times if times == self.kind.default_times() => Ok(()),
            Some(times) => write!(f, ",times={times}"),
            None => f.write_str(",times=always"),
        }
    }
}

/// The faults of a running emulator, with what each has seen.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Armed>>);

#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u64,
    fired: u64,
}

impl Armed {
    /// Counts a call that the fault is for; whether it is due.
    fn is_due(&mut self) -> bool {
        self.seen += 1;
        self.seen >= self.fault.nth.get() && self.fault.times.is_none_or(|times| self.fired < times)
    }
}

/// What is to go wrong at one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Due {
    /// The one event.
    pub(super) kind: Option<Kind>,
    /// The limit of the line.
    pub(super) rate: Option<u64>,
}

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        let all = Self::default();
        for fault in faults {
            all.inject(fault);
        }
        all
    }

    pub(super) fn inject(&self, fault: Fault) {
        self.lock().push(Armed { fault, seen: 0, fired: 0 });
    }

    /// Each with how often it has happened.
    pub(super) fn list(&self) -> Vec<(String, u64)> {
        self.lock().iter().map(|armed| (armed.fault.to_string(), armed.fired)).collect()
    }

    /// Nothing goes wrong any more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Armed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call of `operation` and says what is to go wrong with it.
    pub(super) fn at(&self, operation: &str) -> Due {
        let mut due = Due::default();
        for armed in self.lock().iter_mut() {
            let vanishes = matches!(armed.fault.kind, Kind::Vanish { .. });
            if vanishes || !armed.fault.is_for(operation) || !armed.is_due() {
                continue;
            }
            match (&armed.fault.kind, &due.kind) {
                (Kind::Slow { rate }, _) => due.rate = Some(rate.get()),
                (kind, None) => due.kind = Some(kind.clone()),
                (_, Some(_)) => continue,
            }
            armed.fired += 1;
        }
        due
    }

    /// Whether the upload whose part number `part` (from 1) comes with this call of `operation` vanishes now.
    pub(super) fn vanishes(&self, operation: &str, part: u64) -> bool {
        self.lock().iter_mut().any(|armed| {
            let Kind::Vanish { part: from } = armed.fault.kind else { return false };
            let due = armed.fault.is_for(operation) && part >= from.get() && armed.is_due();
            armed.fired += u64::from(due);
            due
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        text.parse().unwrap()
    }

    fn reason(text: &str) -> String {
        text.parse::<Fault>().unwrap_err().reason
    }

    #[test]
    fn texts_come_back_as_they_were() {
        for text in [
            "throttle",
            "throttle:UploadLayerPart,times=10",
            "error:PutImage,status=503",
            "error:AssumeRoleWithWebIdentity,code=IDPCommunicationError",
            "error,status=403,code=AccessDeniedException,message=not today",
            "reset:GET /v2/*/blobs/*,nth=2,times=always",
            "lose-answer:UploadLayerPart,nth=2",
            "vanish,part=3",
            "expire,nth=6",
            "slow,rate=1048576",
            "slow:UploadLayerPart,rate=10,times=2",
        ] {
            assert_eq!(fault(text).to_string(), text);
        }
        assert_eq!(fault("expire,after=5"), fault("expire,nth=6"));
        assert_eq!(fault("error,status=500"), fault("error"));
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(reason("explode").contains("none of throttle"));
        assert!(reason("throttle,often=yes").contains("has no `often`"));
        assert!(reason("throttle,times").contains("not KEY=VALUE"));
        assert!(reason("throttle:").contains("no operation"));
        assert!(reason("slow").contains("rate="));
        assert!(reason("slow,rate=0").contains("a number from 1"));
        assert!(reason("error,status=200").contains("from 400 to 599"));
        assert!(reason("throttle,nth=1,after=1").contains("give one"));
        assert!(reason("throttle,nth=1,nth=2").contains("twice"));
    }

    #[test]
    fn counts_only_the_calls_it_is_for() {
        let faults = Faults::new(vec![fault("throttle:PutImage,nth=2,times=2")]);
        let fires: Vec<bool> = ["PutImage", "UploadLayerPart", "PutImage", "PutImage", "PutImage"]
            .map(|operation| faults.at(operation).kind.is_some())
            .to_vec();
        assert_eq!(fires, [false, false, true, true, false]);
    }

    #[test]
    fn one_event_at_a_time_and_the_line_besides() {
        let faults = Faults::new(vec![fault("throttle"), fault("reset"), fault("slow,rate=5")]);
        let first = faults.at("PutImage");
        assert_eq!((first.kind, first.rate), (Some(Kind::Throttle), Some(5)));
        let second = faults.at("PutImage");
        assert_eq!((second.kind, second.rate), (Some(Kind::Reset), Some(5)));
        assert_eq!(faults.at("PutImage").kind, None);
    }

    #[test]
    fn one_upload_vanishes_at_its_part() {
        let faults = Faults::new(vec![fault("vanish,part=2")]);
        assert!(!faults.vanishes("UploadLayerPart", 1));
        assert!(!faults.vanishes("CompleteLayerUpload", 2));
        assert!(faults.vanishes("UploadLayerPart", 2));
        assert!(!faults.vanishes("UploadLayerPart", 2), "the other uploads go on");
    }
}
