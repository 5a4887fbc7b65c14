//! `consign credential-helper`, which is also what the program is when it is called `docker-credential-consign`.

use super::Context;
use super::args::Aws;
use super::build::blocking;
use super::error::{CliError, Fail, auth};
use super::login::{Location, open};
use crate::auth::docker::protocol;
use crate::auth::sts::account_of;
use crate::auth::{EcrHosts, EcrPassword, EcrRegistry};
use crate::base::{Secret, env};
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  What Docker does, by hand:
    echo 123456789012.dkr.ecr.eu-west-1.amazonaws.com | consign credential-helper get

  Have Docker do it, which calls the program by its other name:
    consign login --helper --link-dir /usr/local/bin

Clients give no options, so settings come from the variables that are shown above, and from AWS's own.
A registry that is not ECR is answered with `credentials not found in native keychain` and exit code 1,
after which clients go on without credentials. Every other failure has exit code 1, too.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CredentialHelper {
    /// What is asked
    action: Action,
    #[command(flatten)]
    location: Location,
    #[command(flatten)]
    aws: Aws,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Print user and password for the registry whose name stands on stdin
    Get,
    /// Do nothing: a password that is made anew each time need not be kept, and `docker login` is no error
    Store,
    /// Do nothing: there is nothing that could be erased, and `docker logout` is no error
    Erase,
    /// Print the registry that is known without asking AWS, with its user
    List,
    /// Print name and version
    Version,
}

/// The arguments of the program, with its name taken for the command that it stands for.
pub(super) fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut given = given.peekable();
    let is_helper =
        |name: &OsString| Path::new(name).file_name().is_some_and(|name| name == protocol::PROGRAM);
    if given.next_if(is_helper).is_none() {
        return given.collect();
    }
    ["consign", "credential-helper"].into_iter().map(OsString::from).chain(given).collect()
}

pub(super) async fn run(args: CredentialHelper, context: &Context) -> Result<ExitCode, Fail> {
    let answer = match args.action {
        Action::Get => get(&args, context).await,
        // It is read, so that whoever writes it does not fail.
        Action::Store | Action::Erase => question().await.map(|_| Some(Secret::new(""))),
        Action::List => list(&args, context).map(|text| Some(Secret::new(text))),
        Action::Version => {
            let version = env!("CARGO_PKG_VERSION");
            Ok(Some(Secret::new(format!("{} (consign) {version}\n", protocol::PROGRAM))))
        }
    };
    let (text, code) = match answer {
        Ok(Some(answer)) => (answer, ExitCode::SUCCESS),
        Ok(None) => (Secret::new(format!("{}\n", protocol::NOT_FOUND)), ExitCode::FAILURE),
        Err(failure) => {
            // Clients show the line on stdout, and let through what stands on stderr.
            context.printer.failure(&*failure);
            (Secret::new(format!("{}\n", line(&failure.to_string()))), ExitCode::FAILURE)
        }
    };
    context.printer.stdout(text.expose())?;
    Ok(code)
}

/// All of stdin.
async fn question() -> Result<Secret, Fail> {
    /// More than any client has to say.
    const MOST: u64 = 1024 * 1024;
    blocking(|| {
        let mut text = String::new();
        match std::io::stdin().lock().take(MOST).read_to_string(&mut text) {
            Ok(_) => Ok(Secret::from(text)),
            Err(error) => Err(CliError::input(format!("reading the question from stdin: {error}")).into()),
        }
    })
    .await
}

/// The answer for a registry of ECR, or none.
async fn get(args: &CredentialHelper, context: &Context) -> Result<Option<Secret>, Fail> {
    let question = question().await?;
    let server = question.expose().trim();
    if server.is_empty() {
        return Err(CliError::input(protocol::NO_SERVER).hinted("its name is read from stdin").into());
    }
    let registry = match args.location.hosts()?.registry(server) {
        Ok(EcrRegistry::Public { host }) => return get_public(args, server, host, context).await,
        Ok(registry @ (EcrRegistry::Own | EcrRegistry::Named { .. })) => registry,
        // Twelve digits are an account to us, and no host to a client.
        Ok(EcrRegistry::Account(_)) | Err(_) => return Ok(None),
    };
    let session = open(&args.aws, std::slice::from_ref(&registry), context).await?;
    session.authenticate().await.map_err(auth)?;
    let region = registry.region().unwrap_or(session.region());
    let issued = EcrPassword::new(&session, region).issue().await.map_err(auth)?;
    Ok(Some(protocol::answer(server, &issued.password)))
}

/// The answer for ECR Public. Everybody may pull from it, so what keeps us from getting a password is no failure: the
/// client goes on without, and a push is refused by the registry.
async fn get_public(
    args: &CredentialHelper,
    server: &str,
    host: String,
    context: &Context,
) -> Result<Option<Secret>, Fail> {
    let issue = async {
        let session = open(&args.aws, &[EcrRegistry::Public { host }], context).await?;
        session.authenticate().await.map_err(auth)?;
        EcrPassword::public(&session).issue().await.map_err(auth)
    };
    match issue.await {
        Ok(issued) => Ok(Some(protocol::answer(server, &issued.password))),
        Err(failure) => {
            context.printer.failure(&*failure);
            Ok(None)
        }
    }
}

/// The registry in use, if its name follows from the settings; AWS is not asked, as clients list before every build.
fn list(args: &CredentialHelper, context: &Context) -> Result<String, Fail> {
    let hosts: EcrHosts = args.location.hosts()?;
    let environment = &context.environment;
    let role = args.aws.role_to_assume.as_deref().or_else(|| environment.get(env::AWS_ROLE_ARN));
    let region = args.aws.region.as_deref().or_else(|| environment.get(env::AWS_REGION));
    let known = match (&hosts.own, role.and_then(account_of), region) {
        (Some(own), ..) => Some(own.clone()),
        (None, Some(account), Some(region)) => Some(hosts.own_host(account, region)),
        _ => None,
    };
    Ok(protocol::listing(known.as_slice()))
}

/// A text as one line.
fn line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_program_is_a_command() {
        let of = |given: &[&str]| {
            let given = given.iter().map(OsString::from);
            arguments(given).into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>()
        };
        let get = ["consign", "credential-helper", "get"];
        assert_eq!(of(&["/usr/local/bin/docker-credential-consign", "get"]), get);
        assert_eq!(of(&["docker-credential-consign", "get"]), get);
        assert_eq!(of(&["/bin/consign", "credential-helper", "get"])[1..], get[1..]);
        assert_eq!(of(&["consign", "docker-credential-consign"]), ["consign", "docker-credential-consign"]);
        assert!(of(&[]).is_empty());
    }
}
