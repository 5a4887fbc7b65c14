//! The inputs of the action: from the JSON that the runner makes of them to the arguments of `consign build`.
//!
//! Pure text. Each value becomes one argument `--option=value`, so one that begins with `-` is a value still, and no
//! shell ever sees it. Secrets do not become arguments.

mod list;
mod special;
mod table;

pub use list::Split;
pub use table::{INPUTS, Input, Meaning, Origin, find};

use crate::auth::StaticKeys;
use crate::base::suggest::nearest;
use crate::base::{Failure, Kind, Secret};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// What the inputs ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The arguments of `consign build`.
    pub arguments: Vec<String>,
    /// Keys to use instead of an OIDC token.
    pub keys: Option<StaticKeys>,
    /// Whether the account id shall not be shown.
    pub mask_account: bool,
    /// What the user should know, a line each.
    pub notices: Vec<String>,
}

/// Something is wrong with the inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputsError {
    /// All that is wrong; never empty.
    pub problems: Vec<InputProblem>,
}

/// What is wrong with one input. Its value is never shown, as it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputProblem {
    /// The input.
    pub name: String,
    /// What is wrong with it: `is no input of this action`.
    pub why: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for InputProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the input `{}` {}\nhint: {}", self.name, self.why, self.hint)
    }
}

impl fmt::Display for InputsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<_> = self.problems.iter().map(ToString::to_string).collect();
        f.write_str(&problems.join("\n"))
    }
}

impl std::error::Error for InputsError {}

impl Failure for InputsError {
    fn kind(&self) -> Kind {
        Kind::Input
    }
}

/// The values that are set, by the names of the table.
struct Values(BTreeMap<&'static str, String>);

impl Values {
    fn get(&self, name: &'static str) -> Option<&str> {
        debug_assert!(find(name).is_some(), "{name} is an input");
        self.0.get(name).map(String::as_str)
    }
}

/// What is gathered on the way through the inputs.
#[derive(Default)]
struct Gathered {
    request: Request,
    problems: Vec<InputProblem>,
}

impl Gathered {
    fn option(&mut self, option: &str, value: &str) {
        self.request.arguments.push(format!("--{option}={value}"));
    }

    fn switch(&mut self, option: &str) {
        self.request.arguments.push(format!("--{option}"));
    }

    fn notice(&mut self, name: &str, why: &str) {
        self.request.notices.push(format!("`{name}` is not used: {why}"));
    }

    fn problem(&mut self, name: &str, why: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(InputProblem { name: name.into(), why: why.into(), hint: hint.into() });
    }

    /// The items of a list.
    fn items(&mut self, name: &str, text: &str, split: Split) -> Vec<String> {
        list::items(text, split).unwrap_or_else(|_| {
            self.problem(name, "has a quote that is opened and not closed", "close it, or take it out");
            Vec::new()
        })
    }

    /// What YAML 1.2 calls true and false, as GitHub's own toolkit reads it.
    fn truth(&mut self, name: &str, text: &str) -> bool {
        match text {
            "true" | "True" | "TRUE" => true,
            "false" | "False" | "FALSE" => false,
            _ => {
                self.problem(name, "is neither true nor false", "write `true` or `false`");
                false
            }
        }
    }
}

/// What `inputs` ask for: the object that `toJSON(inputs)` makes in a composite action, in which every value is a
/// string and one that was not given is empty. The error has everything that is wrong.
pub fn request(inputs: &Map<String, Value>) -> Result<Request, InputsError> {
    let mut gathered = Gathered::default();
    let mut values = BTreeMap::new();
    for (name, value) in inputs {
        let Some(input) = find(name) else {
            // The action may be newer than this program: what it declares and nobody gave is empty.
            if text(value).is_some_and(|text| text.is_empty()) {
                continue;
            }
            let known = nearest(name, INPUTS.iter().map(|input| input.name));
            let hint = known.map_or_else(
                || "docs/github-actions.md lists all of them".to_owned(),
                |known| format!("did you mean `{known}`?"),
            );
            gathered.problem(name, "is no input of this action", hint);
            continue;
        };
        match text(value) {
            Some(text) if text.is_empty() => {}
            Some(text) => drop(values.insert(input.name, text)),
            None => gathered.problem(name, "is no text", "write a string, a number, `true` or `false`"),
        }
    }
    let values = Values(values);
    for input in INPUTS {
        if let Some(value) = values.get(input.name) {
            apply(input, value, &mut gathered);
        }
    }
    special::apply(&values, &mut gathered);
    let Gathered { mut request, problems } = gathered;
    if !problems.is_empty() {
        return Err(InputsError { problems });
    }
    // Behind `--` there are no options.
    request.arguments.push("--".into());
    request.arguments.push(values.get("context").unwrap_or(".").to_owned());
    Ok(request)
}

/// A value as the runner's toolkit would give it: without white space around it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn apply(input: &Input, value: &str, gathered: &mut Gathered) {
    let name = input.name;
    let is_false = matches!(value, "false" | "False" | "FALSE");
    match input.meaning {
        Meaning::Value(option) => gathered.option(option, value),
        Meaning::List(option, split) => {
            for item in gathered.items(name, value, split) {
                gathered.option(option, &item);
            }
        }
        Meaning::Switch(option) => {
            if gathered.truth(name, value) {
                gathered.switch(option);
            }
        }
        Meaning::Special | Meaning::Accepted => {}
        Meaning::Ignored(_) | Meaning::RefusedUnlessFalse(_) if is_false => {}
        Meaning::Ignored(why) => gathered.notice(name, why),
        Meaning::Refused(hint) | Meaning::RefusedUnlessFalse(hint) => {
            gathered.problem(name, "can't be used", hint);
        }
    }
}

/// The secrets among `inputs`: nothing of them is to be seen in a log, whatever goes wrong.
pub fn secrets(inputs: &Map<String, Value>) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for (name, value) in inputs {
        let (Some(input), Value::String(value)) = (find(name), value) else { continue };
        match input.name {
            "aws-access-key-id" | "aws-secret-access-key" | "aws-session-token" | "github-token" => {
                secrets.push(Secret::new(value.trim()));
            }
            "secrets" => {
                let lines = value.lines().map(|line| line.split_once('=').map_or(line, |(_, value)| value));
                secrets.extend(lines.map(|line| Secret::new(line.trim())));
            }
            // With a password in it.
            "http-proxy" if value.contains('@') => secrets.push(Secret::new(value.trim())),
            _ => {}
        }
    }
    secrets.retain(|secret| !secret.expose().is_empty());
    secrets
}

/// The account ids that stand in `inputs`: in the ARN of a role, in the host of a registry.
pub fn accounts(inputs: &Map<String, Value>) -> Vec<Secret> {
    let values = inputs.values().filter_map(Value::as_str);
    let numbers = values.flat_map(|value| value.split(|c: char| !c.is_ascii_digit()));
    let mut accounts: Vec<_> = numbers.filter(|number| number.len() == 12).collect();
    accounts.sort_unstable();
    accounts.dedup();
    accounts.into_iter().map(Secret::new).collect()
}

/// The inputs that the options in `message` were made from, if they have other names: a user of the action never wrote
/// the option.
pub fn origin_of_options(message: &str) -> Option<String> {
    let mut found = Vec::new();
    for input in INPUTS {
        let (Meaning::Value(option) | Meaning::List(option, _) | Meaning::Switch(option)) = input.meaning
        else {
            continue;
        };
        let says = |word: &str| word.strip_prefix("--").is_some_and(|word| word == option);
        let words = message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        if option != input.name && words.into_iter().any(says) {
            found.push(format!("`--{option}` is the input `{}`", input.name));
        }
    }
    (!found.is_empty()).then(|| found.join(", "))
}

#[cfg(test)]
mod tests;
