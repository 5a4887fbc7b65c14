//! Settings and where they come from: option, variable, file, default, in this order.

use super::Context;
use super::args::Command;
use super::error::Fail;
use super::plan::{Asked, plan};
use super::tags::Derived;
use super::targets::references;
use crate::base::Env;
use crate::spec::{ImageSettings, Plan};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

/// `command`, with variables that are set to nothing taken as not set: CI systems set what has no value to the
/// empty string.
pub(super) fn command(environment: &Env, command: clap::Command) -> clap::Command {
    let without_empty = |arg: Arg| {
        let name = arg.get_env().and_then(|name| name.to_str()).map(str::to_owned);
        match name {
            Some(name) if environment.is_blank(&name) => arg.env(None::<&'static str>),
            _ => arg,
        }
    };
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let subcommand = |sub: clap::Command| self::command(environment, sub);
    names.into_iter().fold(command.mut_args(without_empty), |all, name| all.mut_subcommand(name, subcommand))
}

/// The values of a repeatable option. A variable holds one a line, as the lists of GitHub's actions do; on the
/// command line a line break is part of the value.
pub(super) fn list(context: &Context, id: &str, values: Vec<String>) -> Vec<String> {
    if context.source_of(id) != Some(ValueSource::EnvVariable) {
        return values;
    }
    let lines = values.iter().flat_map(|value| value.lines()).map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// One setting that is in force.
struct Row {
    name: String,
    values: Vec<String>,
    source: String,
}

/// Prints every setting of the command, its value and its source.
pub(super) fn show(command: &Command, context: &Context) -> Result<(), Fail> {
    let mut rows = options(context);
    if let Command::Build(args) = command {
        let Asked { plan, file, dockerfile } = plan(args)?;
        if let (Some(file), None) = (file, dockerfile) {
            from_file(&mut rows, &plan, &file);
        }
    }
    for (name, value, source) in derived(command, context)?.rows() {
        rows.push(Row { name: name.to_owned(), values: vec![value], source });
    }
    for (option, variables) in
        [("--region", ["AWS_REGION", "AWS_DEFAULT_REGION"]), ("--role-to-assume", ["AWS_ROLE_ARN"; 2])]
    {
        let found = variables.iter().find_map(|name| Some((name, context.environment.get(name)?)));
        if let Some(row) = rows.iter_mut().find(|row| row.name == option && row.values.is_empty())
            && let Some((variable, value)) = found
        {
            row.values = vec![value.to_owned()];
            row.source = format!("variable {variable}");
        }
    }
    let mut text = String::new();
    for Row { name, values, source } in &rows {
        // The lines of a list in a variable stand side by side, so that a setting is one row.
        let lines = values.iter().flat_map(|value| value.lines()).map(str::trim);
        let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
        let value = if values.is_empty() { "-".to_owned() } else { lines.join(" ") };
        let _ = writeln!(text, "{name:28} {value:40} {source}");
    }
    let json = rows.iter().map(|row| json!({ "name": row.name, "value": row.values, "source": row.source }));
    context.printer.result(&text, &json.collect())?;
    Ok(())
}

/// What rules and the CI make of the options.
fn derived(command: &Command, context: &Context) -> Result<Derived, Fail> {
    let (names, rules, labels) = match command {
        Command::Build(args) => {
            let tags = list(context, "tags", args.tags.clone());
            (references("--tag", &tags)?, &args.tag_rules, Some(&args.ci))
        }
        Command::Push(args) => (references("REF", &args.references)?, &args.tag_rules, None),
        _ => return Ok(Derived::default()),
    };
    Derived::new(names, rules, labels, context)
}

/// What the options say, with their variables and defaults.
fn options(context: &Context) -> Vec<Row> {
    let mut matches: &ArgMatches = &context.matches;
    let mut command = command(&context.environment, <super::Cli as clap::CommandFactory>::command());
    command.build();
    let mut command = &command;
    while let Some((name, sub)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(name) else { break };
        (matches, command) = (sub, found);
    }
    let mut rows = Vec::new();
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
            _ if values.is_empty() => NOT_SET.to_owned(),
            _ => "default".to_owned(),
        };
        let name = arg.get_long().map_or_else(|| id.to_owned(), |long| format!("--{long}"));
        rows.push(Row { name, values, source });
    }
    rows
}

/// What the file says, where no option does.
fn from_file(rows: &mut Vec<Row>, plan: &Plan, file: &Path) {
    let ImageSettings {
        entrypoint,
        cmd,
        env,
        workdir,
        user,
        ports,
        volumes,
        labels,
        annotations,
        stop_signal,
    } = &plan.config;
    let words = |words: &Option<Vec<String>>| words.iter().map(|words| json!(words).to_string()).collect();
    let pairs = |id: &str, pairs: Vec<(&String, &String)>| {
        pairs.into_iter().map(|(name, value)| shown(id, &format!("{name}={value}"))).collect()
    };
    let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
    let settings: [(&str, Vec<String>); 11] = [
        ("--base", plan.base.iter().cloned().collect()),
        ("--platform", plan.platforms.iter().map(ToString::to_string).collect()),
        ("--entrypoint", words(entrypoint)),
        ("--cmd", words(cmd)),
        ("--env", pairs("env", env.iter().map(|(name, value)| (name, value)).collect())),
        ("--workdir", one(workdir)),
        ("--user", one(user)),
        ("--expose", ports.clone()),
        ("--volume", volumes.clone()),
        ("--label", pairs("labels", labels.iter().collect())),
        ("--annotation", pairs("annotations", annotations.iter().collect())),
    ];
    let source = format!("file {}", file.display());
    for (name, values) in settings.into_iter().chain([("--stop-signal", one(stop_signal))]) {
        if let Some(row) = rows.iter_mut().find(|row| row.name == name && row.source == NOT_SET)
            && !values.is_empty()
        {
            (row.values, row.source) = (values, source.clone());
        }
    }
    for layer in &plan.layers {
        let value = format!("{} -> {}", layer.from.display(), layer.to);
        rows.push(Row { name: format!("layer {}", layer.name), values: vec![value], source: source.clone() });
    }
}

/// The source of what nobody has set.
const NOT_SET: &str = "not set";

/// A value as it may be shown. No option takes a secret by itself, but a URL can carry one, and what looks like a
/// token can be put anywhere by mistake.
fn shown(id: &str, value: &str) -> String {
    if let Some((name, _)) = value.split_once('=')
        && matches!(
            id,
            "env"
                | "labels"
                | "annotations"
                | "arguments"
                | "environment_variables"
                | "docker_labels"
                | "log_configuration_options"
        )
        && ["secret", "token", "password", "key"].iter().any(|word| name.to_lowercase().contains(word))
    {
        return format!("{name}=[redacted]");
    }
    match url::Url::parse(value) {
        Ok(url) if url.has_host() => crate::base::secret::safe_url(&url),
        _ => value.to_owned(),
    }
}
