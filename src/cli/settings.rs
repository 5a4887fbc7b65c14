//! Settings and where they come from: option, variable, file, default, in this order.

use super::Context;
use crate::base::Env;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// `command`, with variables that are set to nothing taken as not set: CI systems set what has no value to the
/// empty string.
pub(super) fn command(environment: &Env, command: Command) -> Command {
    let without_empty = |arg: Arg| {
        let name = arg.get_env().and_then(|name| name.to_str()).map(str::to_owned);
        match name {
            Some(name) if environment.is_blank(&name) => arg.env(None::<&'static str>),
            _ => arg,
        }
    };
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = command.mut_args(without_empty);
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |sub| sub.mut_args(without_empty)))
}

/// The values of a repeatable option. A variable holds one a line, as the lists of GitHub's actions do; on the
/// command line a line break is part of the value.
pub(super) fn list(context: &Context, id: &str, values: Vec<String>) -> Vec<String> {
    let matches = context.matches.subcommand().map_or(&context.matches, |(_, matches)| matches);
    if matches.value_source(id) != Some(ValueSource::EnvVariable) {
        return values;
    }
    let lines = values.iter().flat_map(|value| value.lines()).map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Prints every setting of the command, its value and its source.
pub(super) fn show(context: &Context) {
    let mut matches: &ArgMatches = &context.matches;
    let mut command = command(&context.environment, <super::Cli as clap::CommandFactory>::command());
    command.build();
    let mut command = &command;
    while let Some((name, sub)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(name) else { break };
        (matches, command) = (sub, found);
    }
    let (mut text, mut rows) = (String::new(), Vec::new());
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        if matches!(id, "help" | "version" | "show_settings") {
            continue;
        }
        let values: Vec<String> = match matches.try_get_raw(id) {
            Ok(Some(values)) => values.map(|value| shown(id, &value.to_string_lossy())).collect(),
            _ => Vec::new(),
        };
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "command line".to_owned(),
            Some(ValueSource::EnvVariable) => {
                format!("variable {}", arg.get_env().unwrap_or_default().to_string_lossy())
            }
            _ if values.is_empty() => "not set".to_owned(),
            _ => "default".to_owned(),
        };
        let name = arg.get_long().map_or_else(|| id.to_owned(), |long| format!("--{long}"));
        let value = if values.is_empty() { "-".to_owned() } else { values.join(" ") };
        let _ = writeln!(text, "{name:28} {value:40} {source}");
        rows.push(json!({ "name": name, "value": values, "source": source }));
    }
    context.printer.result(&text, &Value::Array(rows));
}

/// A value as it may be shown. No option takes a secret by itself, but a URL can carry one, and what looks like a
/// token can be put anywhere by mistake.
fn shown(id: &str, value: &str) -> String {
    if let Some((name, _)) = value.split_once('=')
        && matches!(id, "env" | "labels" | "annotations")
        && ["secret", "token", "password", "key"].iter().any(|word| name.to_lowercase().contains(word))
    {
        return format!("{name}=[redacted]");
    }
    match url::Url::parse(value) {
        Ok(url) if url.has_host() => crate::base::secret::safe_url(&url),
        _ => value.to_owned(),
    }
}
