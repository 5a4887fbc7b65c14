//! `consign deploy ecs`: a task definition with the digest that was pushed.

use super::super::args::{Aws, Format};
use super::super::error::{CliError, Fail, auth, bad_option};
use super::super::plan::words;
use super::super::targets::session;
use super::super::{Context, http};
use super::{ImageSource, images, output, read, read_stdin};
use crate::base::Event;
use crate::deploy::ecs::{
    Change, Definition, Edits, Json, Rendered, environment_files, log_driver, pairs, platform_warning,
    secrets,
};
use crate::ecs::task_definition;
use clap::Args;
use clap::parser::ValueSource;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Ecs {
    #[command(flatten)]
    image: ImageSource,
    #[command(flatten)]
    definition: DefinitionSource,
    #[command(flatten)]
    edits: EditOptions,
    /// Write the task definition to this file, and not to stdout
    #[arg(short, long, env = "CONSIGN_DEPLOY_OUTPUT", value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    aws: Aws,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Task definition")]
#[expect(clippy::struct_field_names, reason = "they are the names of the options")]
struct DefinitionSource {
    /// A file with the task definition as JSON; `-` is stdin
    #[arg(long, env = "CONSIGN_TASK_DEFINITION", value_name = "FILE")]
    task_definition: Option<PathBuf>,
    /// The one that ECS has under this ARN
    #[arg(long, env = "CONSIGN_TASK_DEFINITION_ARN", value_name = "ARN")]
    task_definition_arn: Option<String>,
    /// The newest active one that ECS has of this family
    #[arg(long, env = "CONSIGN_TASK_DEFINITION_FAMILY", value_name = "NAME")]
    task_definition_family: Option<String>,
    /// This revision of the family
    #[arg(long, env = "CONSIGN_TASK_DEFINITION_REVISION", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    task_definition_revision: Option<u32>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Changes")]
struct EditOptions {
    /// Container that gets the image (default: those with an image of its repository, or the only one) [repeatable]
    #[arg(
        long = "container-name",
        env = "CONSIGN_CONTAINER_NAME",
        value_name = "NAME",
        value_delimiter = ','
    )]
    container_names: Vec<String>,
    /// Environment variables, one a line, merged with those that are there [repeatable]
    #[arg(long, env = "CONSIGN_ENVIRONMENT_VARIABLES", value_name = "NAME=VALUE")]
    environment_variables: Vec<String>,
    /// ARNs of environment files in S3, one a line, in place of those that are there [repeatable]
    #[arg(long, env = "CONSIGN_ENV_FILES", value_name = "ARN")]
    env_files: Vec<String>,
    /// Secrets by the ARN of a secret or parameter, one a line, merged with those that are there [repeatable]
    #[arg(long, env = "CONSIGN_SECRETS", value_name = "NAME=ARN")]
    secrets: Vec<String>,
    /// Labels of the container, one a line, merged with those that are there [repeatable]
    #[arg(long, env = "CONSIGN_DOCKER_LABELS", value_name = "KEY=VALUE")]
    docker_labels: Vec<String>,
    /// Command of the container: a JSON array, or words as a shell splits them
    #[arg(long, env = "CONSIGN_COMMAND", value_name = "WORDS")]
    command: Option<String>,
    /// Log driver of the container
    #[arg(long, env = "CONSIGN_LOG_CONFIGURATION_LOG_DRIVER", value_name = "DRIVER")]
    log_configuration_log_driver: Option<String>,
    /// Options of the log driver, one a line, merged with those that are there [repeatable]
    #[arg(long, env = "CONSIGN_LOG_CONFIGURATION_OPTIONS", value_name = "KEY=VALUE")]
    log_configuration_options: Vec<String>,
    /// Role that the containers have
    #[arg(long, env = "CONSIGN_TASK_ROLE_ARN", value_name = "ARN")]
    task_role_arn: Option<String>,
    /// Role with which ECS pulls images and reads secrets
    #[arg(long, env = "CONSIGN_EXECUTION_ROLE_ARN", value_name = "ARN")]
    execution_role_arn: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  A task definition that is kept in Git:
    consign build dist --tag shop/api:1.4 --push --metadata-file image.json
    consign deploy ecs --task-definition task.json --metadata-file image.json -o next.json
    aws ecs register-task-definition --cli-input-json file://next.json

  The newest one that ECS has, with a variable more:
    consign deploy ecs --task-definition-family shop-api --image \"$IMAGE\" \\
      --environment-variables VERSION=1.4 > next.json

What the image goes to is told on stderr. Exit code 2 says that no container is the one.";

pub(super) async fn run(args: Ecs, context: &Context) -> Result<(), Fail> {
    let edits = edits(&args.edits)?;
    let names = args.edits.container_names.iter().map(|name| name.trim().to_owned());
    let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
    let source = source(&args.definition, context)?;
    if let Source::File(file) = &source
        && file == Path::new("-")
        && args.image.takes_stdin()
    {
        return Err(CliError::input("the image and the task definition can't both come from stdin")
            .hinted("pass the file with `--task-definition PATH`, or the image with `--metadata-file PATH`")
            .into());
    }
    let pins = images(&args.image, context)?;
    let definition = definition(&source, &args.aws, context).await?;
    let rendered = definition.render(&pins, &names, &edits)?;
    tell(&rendered, context);
    let text = rendered.definition.pretty() + "\n";
    if let Some(path) = &args.output {
        output::replace(&[(path.clone(), &text)])?;
    }
    match (context.printer.format, &args.output) {
        (Format::Text, Some(_)) => Ok(()),
        (Format::Text, None) => print(&text, context),
        (Format::Json, output) => {
            let document = document(rendered, output.as_deref());
            print(&(document.pretty() + "\n"), context)
        }
    }
}

fn edits(options: &EditOptions) -> Result<Edits, Fail> {
    let role = |option: &str, role: &Option<String>| match role {
        Some(role) if role.contains(char::is_whitespace) => {
            Err(bad_option(option, format!("`{role}` is not the ARN or name of a role")))
        }
        _ => Ok(role.clone()),
    };
    Ok(Edits {
        environment: pairs("--environment-variables", &options.environment_variables)?,
        environment_files: environment_files("--env-files", &options.env_files)?,
        secrets: secrets("--secrets", &options.secrets)?,
        docker_labels: pairs("--docker-labels", &options.docker_labels)?,
        command: options.command.as_deref().map(|text| words("--command", text)).transpose()?,
        log_driver: match &options.log_configuration_log_driver {
            Some(driver) => Some(log_driver("--log-configuration-log-driver", driver)?),
            None => None,
        },
        log_options: pairs("--log-configuration-options", &options.log_configuration_options)?,
        task_role: role("--task-role-arn", &options.task_role_arn)?,
        execution_role: role("--execution-role-arn", &options.execution_role_arn)?,
    })
}

/// Where the task definition is.
enum Source {
    /// In a file, or on stdin if it is `-`.
    File(PathBuf),
    /// In ECS under this name, in this region if the name tells.
    Registered { name: String, region: Option<String> },
}

/// The one place that the options name. An option comes before the variable of another one.
fn source(options: &DefinitionSource, context: &Context) -> Result<Source, Fail> {
    const OPTIONS: [&str; 3] = ["task_definition", "task_definition_arn", "task_definition_family"];
    let from = |wanted| OPTIONS.iter().filter(move |id| context.source_of(id) == Some(wanted)).collect();
    let (typed, set): (Vec<_>, Vec<_>) = (from(ValueSource::CommandLine), from(ValueSource::EnvVariable));
    let given = if typed.is_empty() { set } else { typed };
    let option = |id: &str| format!("--{}", id.replace('_', "-"));
    let id = match given.as_slice() {
        [id] => **id,
        [] if options.task_definition_revision.is_some() => {
            return Err(CliError::input(
                "--task-definition-revision: the family of the revision is not named",
            )
            .hinted("add `--task-definition-family NAME`")
            .into());
        }
        [] => {
            return Err(CliError::input("no task definition is named")
                .hinted(
                    "pass `--task-definition FILE`, or let ECS be asked with `--task-definition-family NAME` or \
                     `--task-definition-arn ARN`",
                )
                .into());
        }
        several => {
            let several: Vec<_> = several.iter().map(|id| option(id)).collect();
            return Err(CliError::input(format!(
                "the task definition is named by {}",
                several.join(" and ")
            ))
            .hinted("pass one of them")
            .into());
        }
    };
    if options.task_definition_revision.is_some() && id != "task_definition_family" {
        return Err(CliError::input(format!(
            "--task-definition-revision: a revision is one of a family, and {} names none",
            option(id)
        ))
        .hinted("leave it out, or pass `--task-definition-family NAME`")
        .into());
    }
    let DefinitionSource { task_definition, task_definition_arn, task_definition_family, .. } = options;
    match (id, task_definition, task_definition_arn, task_definition_family) {
        ("task_definition", Some(file), ..) => Ok(Source::File(file.clone())),
        ("task_definition_arn", _, Some(arn), _) => {
            let region = region_of(arn).ok_or_else(|| {
                CliError::input(format!("--task-definition-arn: `{arn}` is not the ARN of a task definition"))
                    .hinted("it looks like arn:aws:ecs:eu-west-1:123456789012:task-definition/NAME:7")
            })?;
            Ok(Source::Registered { name: arn.clone(), region: Some(region) })
        }
        (_, _, _, Some(family)) => {
            let name = family_name(family, options.task_definition_revision)?;
            Ok(Source::Registered { name, region: None })
        }
        _ => Err(CliError::internal("an option has no value").into()),
    }
}

/// The region in the ARN of a task definition.
fn region_of(arn: &str) -> Option<String> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "ecs", region, account, resource]
            if !region.is_empty() && !account.is_empty() && resource.starts_with("task-definition/") =>
        {
            Some((*region).to_owned())
        }
        _ => None,
    }
}

/// `FAMILY` or `FAMILY:REVISION`; the family may have its revision behind it already.
fn family_name(family: &str, revision: Option<u32>) -> Result<String, Fail> {
    let (name, own) = family.split_once(':').map_or((family, None), |(name, own)| (name, Some(own)));
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let is_number = |text: &str| text.parse::<u32>().is_ok_and(|number| number > 0);
    if !(1..=255).contains(&name.len()) || !name.chars().all(legal) || !own.is_none_or(is_number) {
        let rule = "it is made of letters, digits, `-` and `_`, with `:REVISION` if need be";
        return Err(bad_option("--task-definition-family", format!("`{family}` is not a family: {rule}")));
    }
    match (own, revision) {
        (Some(own), Some(other)) if own != other.to_string() => Err(CliError::input(format!(
            "the revision is named twice: {own} in --task-definition-family, {other} in --task-definition-revision"
        ))
        .hinted("leave one of them out")
        .into()),
        (None, Some(revision)) => Ok(format!("{name}:{revision}")),
        _ => Ok(family.to_owned()),
    }
}

async fn definition(source: &Source, aws: &Aws, context: &Context) -> Result<Definition, Fail> {
    let (text, name) = match source {
        Source::File(file) if file == Path::new("-") => (read_stdin()?, "what came from stdin".to_owned()),
        Source::File(file) => (read(file)?, format!("`{}`", file.display())),
        Source::Registered { name, region } => {
            let session = session(aws, region.clone(), &context.environment, http()?).await?;
            session.authenticate().await.map_err(auth)?;
            context.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
            let region = region.clone().unwrap_or_else(|| session.region().to_owned());
            (task_definition(&session, &region, name).await?, format!("what ECS has as {name}"))
        }
    };
    Ok(Definition::read(&text, &name)?)
}

/// What changed, and what is likely wrong.
fn tell(rendered: &Rendered, context: &Context) {
    let say = |what: String| context.reporter.event(Event::Started { what });
    for change in &rendered.changes {
        say(change.describe());
    }
    if rendered.changes.is_empty() {
        for (container, pin) in &rendered.containers {
            say(format!("container {container}: image already is {pin}"));
        }
    }
    for warning in warnings(rendered) {
        context.reporter.warn(warning);
    }
}

fn warnings(rendered: &Rendered) -> Vec<String> {
    let platforms = rendered.containers.iter().filter_map(|(container, pin)| {
        let warning = platform_warning(&rendered.definition, pin.platform.as_ref()?)?;
        Some(format!("container {container}: {warning}"))
    });
    rendered.warnings.iter().cloned().chain(platforms).collect()
}

/// All of it for a machine.
fn document(rendered: Rendered, output: Option<&Path>) -> Json {
    let warnings = Json::strings(&warnings(&rendered));
    let container = |(name, pin): &(String, crate::deploy::Pin)| {
        Json::Object(vec![
            ("name".into(), Json::string(name)),
            ("image".into(), Json::string(&pin.reference())),
            ("digest".into(), Json::string(&pin.digest.to_string())),
        ])
    };
    let output = output.map_or(Json::Scalar("null".into()), |path| Json::string(&path.display().to_string()));
    Json::Object(vec![
        ("containers".into(), Json::Array(rendered.containers.iter().map(container).collect())),
        ("changes".into(), Json::Array(rendered.changes.iter().map(Change::to_json).collect())),
        ("warnings".into(), warnings),
        ("output".into(), output),
        ("taskDefinition".into(), rendered.definition),
    ])
}

/// JSON for stdout, digit by digit as it stands.
fn print(text: &str, context: &Context) -> Result<(), Fail> {
    // Only a string can hold what a runner of GitHub takes for a command, and it stays the same string.
    if context.printer.github {
        context.printer.stdout(&text.replace("##[", "#\\u0023["))
    } else {
        context.printer.stdout(text)
    }
}
