//! `consign login` and `consign logout`: ECR for Docker, podman, skopeo and their kind.

#![expect(clippy::doc_markdown, reason = "these are help texts, which are read as they stand")]

use super::Context;
use super::args::Aws;
use super::build::blocking;
use super::error::{CliError, Fail, auth, bad_option};
use super::http;
use super::settings::list;
use super::targets::{authority, endpoint, session};
use crate::auth::docker::{ConfigFile, Keeper, helper, protocol};
use crate::auth::ecr_hosts::NotEcr;
use crate::auth::program::on_path;
use crate::auth::{AuthError, ECR_USER, EcrHosts, EcrPassword, EcrRegistry, IssuedPassword, Session};
use crate::base::clock::rfc3339;
use crate::base::reference::private_host;
use crate::base::{Env, Event, env};
use crate::ci::OutputFile;
use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgAction, Args};
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

const LOGIN_EXAMPLES: &str = "\
Examples:
  The private registry of the account and region in use, for Docker:
    consign login && docker pull 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.4

  No password on disk: Docker asks consign for one whenever it needs one
    consign login --helper --link-dir /usr/local/bin

  ECR Public, to push there with Docker, besides the private registry of an account:
    consign login public.ecr.aws 123456789012

  Let Docker itself store the password:
    consign login --print-password | docker login --username AWS --password-stdin REGISTRY

  For podman and skopeo:
    consign login --registry-auth-file auth.json && skopeo inspect --authfile auth.json docker://REGISTRY/shop/api

A password opens, for 12 hours, every registry that the role may use. It lies in the file readable
only by its owner; `consign logout` takes it out. With --helper there is none to take out.";

const LOGOUT_EXAMPLES: &str = "\
Examples:
  At the end of a job, every registry of ECR that Docker's config knows:
    consign logout

  One of them:
    consign logout 123456789012.dkr.ecr.eu-west-1.amazonaws.com

A password that was copied elsewhere holds on until its 12 hours are over.";

#[derive(Debug, Args)]
#[command(after_help = LOGIN_EXAMPLES)]
pub(super) struct Login {
    /// Registries of ECR: hosts, the 12 digits of accounts, or public.ecr.aws (default: the private one of the account
    /// and region in use)
    #[arg(value_name = "REGISTRY", env = "CONSIGN_REGISTRIES", value_delimiter = ',')]
    registries: Vec<String>,
    /// Print the password, alone, and write nothing
    #[arg(long, env = "CONSIGN_PRINT_PASSWORD", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    print_password: bool,
    /// Write no password, but that `docker-credential-consign` is asked for one; it takes its settings from the
    /// variables CONSIGN_… and AWS_…, which have to be set where Docker is called
    #[arg(long, env = "CONSIGN_HELPER", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    helper: bool,
    /// With --helper: make the link `docker-credential-consign` to this program in that folder, which has to be on PATH
    #[arg(long, env = "CONSIGN_LINK_DIR", value_name = "DIR")]
    link_dir: Option<PathBuf>,
    #[command(flatten)]
    file: AuthFile,
    #[command(flatten)]
    location: Location,
    #[command(flatten)]
    aws: Aws,
}

#[derive(Debug, Args)]
#[command(after_help = LOGOUT_EXAMPLES)]
pub(super) struct Logout {
    /// Registries: hosts, or the 12 digits of accounts (default: every registry of ECR that the file knows)
    #[arg(value_name = "REGISTRY", env = "CONSIGN_REGISTRIES", value_delimiter = ',')]
    registries: Vec<String>,
    #[command(flatten)]
    file: AuthFile,
    #[command(flatten)]
    location: Location,
}

/// Which file.
#[derive(Debug, Args)]
struct AuthFile {
    /// The file of podman and skopeo (default: Docker's, $DOCKER_CONFIG/config.json or ~/.docker/config.json)
    #[arg(long, env = "REGISTRY_AUTH_FILE", value_name = "PATH")]
    registry_auth_file: Option<PathBuf>,
}

/// Where ECR is, if not at AWS.
#[derive(Debug, Args)]
pub(super) struct Location {
    /// Where /v2/ of ECR is found, if not at its host: an emulator
    #[arg(long, env = "CONSIGN_REGISTRY_ENDPOINT", value_name = "URL")]
    registry_endpoint: Option<String>,
    /// Name of the private registry, if not ACCOUNT.dkr.ecr.REGION.amazonaws.com
    #[arg(long, env = "CONSIGN_REGISTRY_HOST", value_name = "HOST")]
    registry_host: Option<String>,
}

impl Location {
    /// The hosts that are ECR's.
    pub(super) fn hosts(&self) -> Result<EcrHosts, Fail> {
        let endpoint = match &self.registry_endpoint {
            None => None,
            Some(text) => {
                let url = endpoint(text).map_err(|why| bad_option("--registry-endpoint", why))?;
                Some(authority(&url))
            }
        };
        Ok(EcrHosts { own: self.registry_host.clone().or_else(|| endpoint.clone()), endpoint })
    }
}

/// The registries that were named.
fn registries(texts: &[String], hosts: &EcrHosts) -> Result<Vec<EcrRegistry>, Fail> {
    let registry = |text: &String| {
        hosts.registry(text).map_err(|NotEcr| {
            Fail::from(CliError::input(format!("`{text}` is not a registry of ECR")).hinted(
                "it looks like 123456789012.dkr.ecr.eu-west-1.amazonaws.com, or it is public.ecr.aws; for any other \
                 registry there is `docker login`",
            ))
        })
    };
    texts.iter().map(registry).collect()
}

/// A registry, and how one is logged in to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LoggedIn {
    registry: String,
    /// When the password ends; none where each is a new one.
    expires_at: Option<String>,
    /// The program that keeps the password, or makes it.
    helper: Option<String>,
    /// The file in which the login stands.
    file: PathBuf,
}

impl LoggedIn {
    /// A line: the registry, until when, and through what.
    fn line(&self) -> String {
        let Self { registry, expires_at, helper, file } = self;
        let until = expires_at.as_ref().map_or_else(String::new, |end| format!(" until {end}"));
        match helper {
            Some(name) => format!("{registry}{until} through docker-credential-{name}\n"),
            None => format!("{registry}{until} in {}\n", file.display()),
        }
    }
}

pub(super) async fn login(mut args: Login, context: &Context) -> Result<(), Fail> {
    args.registries = list(context, "registries", args.registries);
    let hosts = args.location.hosts()?;
    let mut wanted = registries(&args.registries, &hosts)?;
    if wanted.is_empty() {
        wanted.push(EcrRegistry::Own);
    }
    if args.print_password {
        return print_password(&args, &wanted, context).await;
    }
    if args.link_dir.is_some() && !args.helper {
        return Err(CliError::input("--link-dir makes the link for --helper, which is not given").into());
    }
    // What is wrong with the file is found before AWS is asked.
    let file =
        Place { auth_file: args.file.registry_auth_file.clone(), environment: context.environment.clone() };
    file.open()?;
    let is_written_out =
        |registry: &EcrRegistry| matches!(registry, EcrRegistry::Named { .. } | EcrRegistry::Public { .. });
    let lines = if args.helper {
        let names = if wanted.iter().all(is_written_out) {
            names(&wanted, &hosts, None).await?
        } else {
            names(&wanted, &hosts, Some(&open(&args.aws, &wanted, context).await?)).await?
        };
        prepare_helper(&args, context)?;
        blocking(move || register(&file, names)).await?
    } else {
        let session = open(&args.aws, &wanted, context).await?;
        session.authenticate().await.map_err(auth)?;
        context.reporter.event(Event::Authenticated { source: session.source().to_owned(), arn: None });
        let names = names(&wanted, &hosts, Some(&session)).await?;
        let passwords = passwords(&session, names).await?;
        blocking(move || store(&file, passwords)).await?
    };
    if let Some(LoggedIn { file, .. }) = lines.iter().find(|login| login.helper.is_none()) {
        let what = format!(
            "the password in {} opens this role's registries for 12 hours, to whoever reads it; `consign logout` takes it \
             out, and `consign login --helper` keeps none on disk",
            file.display()
        );
        context.reporter.event(Event::Started { what });
    }
    let text: String = lines.iter().map(LoggedIn::line).collect();
    context.printer.result(&text, &json!({ "registries": lines }))
}

/// The session for these registries. Nothing is asked of AWS yet.
pub(super) async fn open(aws: &Aws, wanted: &[EcrRegistry], context: &Context) -> Result<Session, Fail> {
    let private = wanted.iter().filter(|registry| !matches!(registry, EcrRegistry::Public { .. }));
    // That of ECR Public says nothing of where a private registry is.
    let region = match private.clone().next() {
        Some(_) => private.into_iter().find_map(EcrRegistry::region),
        None => wanted.iter().find_map(EcrRegistry::region),
    };
    session(aws, region.map(str::to_owned), &context.environment, http()?).await
}

/// For which registries a password is good.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    /// All private ones of a region.
    Region(String),
    /// ECR Public.
    Public,
}

impl Scope {
    fn password(&self, session: &Session) -> EcrPassword {
        match self {
            Self::Region(region) => EcrPassword::new(session, region),
            Self::Public => EcrPassword::public(session),
        }
    }
}

/// The host of each registry, and which password it takes, each once. Without a session, only those that are written out have one.
async fn names(
    wanted: &[EcrRegistry],
    hosts: &EcrHosts,
    session: Option<&Session>,
) -> Result<Vec<(String, Scope)>, Fail> {
    let mut names = Vec::new();
    for registry in wanted {
        let session = || session.ok_or_else(|| CliError::internal("a registry is meant that only AWS knows"));
        let name = match registry {
            EcrRegistry::Named { host, region } => (host.clone(), Scope::Region(region.clone())),
            EcrRegistry::Public { host } => (host.clone(), Scope::Public),
            EcrRegistry::Account(account) => {
                let (session, region) = (session()?, session()?.region());
                // An emulator's registry has a name of its own; AWS need not be asked whose account it is.
                let is_own = hosts.own.is_some() && session.account().await.map_err(auth)? == *account;
                let host =
                    if is_own { hosts.own_host(account, region) } else { private_host(account, region) };
                (host, Scope::Region(region.to_owned()))
            }
            EcrRegistry::Own => {
                let session = session()?;
                let (account, region) = (session.account().await.map_err(auth)?, session.region());
                (hosts.own_host(&account, region), Scope::Region(region.to_owned()))
            }
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// A password for each registry. One opens all registries of a region.
async fn passwords(
    session: &Session,
    names: Vec<(String, Scope)>,
) -> Result<Vec<(String, IssuedPassword)>, Fail> {
    let mut by_scope: Vec<(Scope, IssuedPassword)> = Vec::new();
    let mut passwords = Vec::new();
    for (host, scope) in names {
        let known = by_scope.iter().find(|(known, _)| *known == scope).map(|(_, issued)| issued.clone());
        let issued = match known {
            Some(issued) => issued,
            None => {
                let issued = scope.password(session).issue().await.map_err(auth)?;
                by_scope.push((scope, issued.clone()));
                issued
            }
        };
        passwords.push((host, issued));
    }
    Ok(passwords)
}

/// Where credentials are written.
struct Place {
    auth_file: Option<PathBuf>,
    environment: Env,
}

impl Place {
    fn open(&self) -> Result<ConfigFile, Fail> {
        Ok(ConfigFile::open(self.auth_file.as_deref(), &self.environment)?)
    }
}

/// Gives each password to whoever keeps the registry's login.
fn store(place: &Place, passwords: Vec<(String, IssuedPassword)>) -> Result<Vec<LoggedIn>, Fail> {
    let mut file = place.open()?;
    let mut lines = Vec::new();
    for (host, IssuedPassword { password, expires }) in passwords {
        let mut expires_at = expires.map(rfc3339);
        let helper = match file.keeper(&host) {
            Keeper::File => {
                file.set_password(&host, ECR_USER, &password);
                None
            }
            // This program: there is nothing to be kept.
            Keeper::Helper(name) if name == protocol::NAME => {
                expires_at = None;
                Some(name)
            }
            Keeper::Helper(name) => {
                helper::store(&name, &host, ECR_USER, &password).map_err(|why| broken(&file, &host, why))?;
                file.set_kept_elsewhere(&host);
                Some(name)
            }
        };
        lines.push(LoggedIn { registry: host, expires_at, helper, file: file.path().to_owned() });
    }
    if lines.iter().any(|login| login.helper.as_deref() != Some(protocol::NAME)) {
        file.save()?;
    }
    Ok(lines)
}

/// Names this program as the helper of the registries.
fn register(place: &Place, names: Vec<(String, Scope)>) -> Result<Vec<LoggedIn>, Fail> {
    let mut file = place.open()?;
    let path = file.path().to_owned();
    let mut lines = Vec::new();
    for (registry, _) in names {
        file.set_helper(&registry, protocol::NAME);
        let helper = Some(protocol::NAME.to_owned());
        lines.push(LoggedIn { registry, expires_at: None, helper, file: path.clone() });
    }
    file.save()?;
    Ok(lines)
}

fn broken(file: &ConfigFile, host: &str, why: String) -> Fail {
    AuthError::DockerHelper { host: host.to_owned(), path: file.path().to_owned(), why }.into()
}

/// Sees to it that clients will find the helper, and says what they will not find.
fn prepare_helper(args: &Login, context: &Context) -> Result<(), Fail> {
    if let Some(folder) = &args.link_dir {
        link(folder)?;
    }
    match (on_path(protocol::PROGRAM, &context.environment), &args.link_dir) {
        (Some(_), _) => {}
        (None, Some(folder)) => put_on_path(folder, context)?,
        (None, None) => {
            return Err(CliError::input(format!("`{}` is not on the PATH", protocol::PROGRAM))
                .hinted("`--link-dir DIR` makes it, as a link to this program; DIR has to be on the PATH")
                .into());
        }
    }
    let lost = options_of_aws(context);
    if !lost.is_empty() {
        context.reporter.warn(format!(
            "the helper gets no options: where Docker is called, set {} instead",
            lost.join(", ")
        ));
    }
    Ok(())
}

/// Puts the folder of the link on the PATH of later steps where the CI has a way to, else says that it has to be there.
fn put_on_path(folder: &Path, context: &Context) -> Result<(), Fail> {
    let folder = std::path::absolute(folder).map_err(|error| bad_option("--link-dir", error))?;
    let folder = folder.display();
    match context.environment.get(env::GITHUB_PATH) {
        Some(file) => {
            OutputFile::check(Path::new(file))?.append(&format!("{folder}\n"))?;
            let what = format!("`{folder}` is on the PATH of the steps that follow");
            context.reporter.event(Event::Started { what });
        }
        None => context.reporter.warn(format!(
            "`{folder}` is not on the PATH, where clients look for `{}`: export PATH=\"{folder}:$PATH\"",
            protocol::PROGRAM
        )),
    }
    Ok(())
}

/// The variables of options that were given on the command line and that the helper would have to know.
fn options_of_aws(context: &Context) -> Vec<String> {
    let Some((name, matches)) = context.matches.subcommand() else { return Vec::new() };
    let command = <super::Cli as clap::CommandFactory>::command();
    let Some(command) = command.find_subcommand(name) else { return Vec::new() };
    let arguments = command.get_arguments().filter(|argument| {
        let id = argument.get_id().as_str();
        !matches!(id, "helper" | "link_dir" | "registry_auth_file" | "registries" | "print_password")
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    });
    arguments.filter_map(|argument| Some(argument.get_env()?.to_string_lossy().into_owned())).collect()
}

/// Makes the link to this program in `folder`, by rename, so that there is one at every moment.
fn link(folder: &Path) -> Result<(), Fail> {
    let failed = |error: std::io::Error| -> Fail {
        CliError::input(format!(
            "--link-dir: making `{}` in `{}`: {error}",
            protocol::PROGRAM,
            folder.display()
        ))
        .into()
    };
    let program = std::env::current_exe().map_err(failed)?;
    fs_err::create_dir_all(folder).map_err(failed)?;
    let place = folder.join(protocol::PROGRAM);
    if place.symlink_metadata().is_ok_and(|there| !there.is_symlink()) {
        return Err(CliError::input(format!(
            "--link-dir: `{}` is there already, and is no link",
            place.display()
        ))
        .hinted("take another folder, or move it away")
        .into());
    }
    let beside = folder.join(format!(".{}-{}", protocol::PROGRAM, std::process::id()));
    std::os::unix::fs::symlink(program, &beside).map_err(failed)?;
    fs_err::rename(&beside, &place).map_err(failed)
}

/// `--print-password`
async fn print_password(args: &Login, wanted: &[EcrRegistry], context: &Context) -> Result<(), Fail> {
    if args.helper {
        return Err(CliError::input("--print-password and --helper exclude each other").into());
    }
    let [registry] = wanted else {
        return Err(CliError::input("--print-password is for one registry at a time").into());
    };
    let hosts = args.location.hosts()?;
    let session = open(&args.aws, wanted, context).await?;
    session.authenticate().await.map_err(auth)?;
    let names = names(std::slice::from_ref(registry), &hosts, Some(&session)).await?;
    for (host, IssuedPassword { password, expires }) in passwords(&session, names).await? {
        let json = json!({ "registries": [{
            "registry": host,
            "expiresAt": expires.map(rfc3339),
            "username": ECR_USER,
            "password": password.expose(),
        }] });
        context.printer.result(&format!("{}\n", password.expose()), &json)?;
    }
    Ok(())
}

/// A registry that one was logged in to.
#[derive(Debug, Serialize)]
struct LoggedOut {
    registry: String,
    file: PathBuf,
}

pub(super) async fn logout(mut args: Logout, context: &Context) -> Result<(), Fail> {
    args.registries = list(context, "registries", args.registries);
    let hosts = args.location.hosts()?;
    let wanted = registries(&args.registries, &hosts)?;
    let place = Place { auth_file: args.file.registry_auth_file, environment: context.environment.clone() };
    let lines = blocking(move || take_out(&place, &wanted, &hosts)).await?;
    if lines.is_empty() {
        context.reporter.event(Event::Started { what: "there was nothing to log out of".into() });
    }
    let text: String = lines.iter().map(|line| format!("{}\n", line.registry)).collect();
    context.printer.result(&text, &json!({ "registries": lines }))
}

/// Takes the logins out; if none is named, those of every registry of ECR.
fn take_out(place: &Place, wanted: &[EcrRegistry], hosts: &EcrHosts) -> Result<Vec<LoggedOut>, Fail> {
    let mut file = place.open()?;
    let is_meant = |host: &String| match hosts.registry(host) {
        Err(_) => false,
        Ok(_) if wanted.is_empty() => true,
        Ok(found) => wanted.iter().any(|wanted| match wanted {
            // In every region.
            EcrRegistry::Account(account) => host.starts_with(&format!("{account}.")),
            wanted => *wanted == found,
        }),
    };
    let known: Vec<_> = file.hosts().into_iter().filter(is_meant).collect();
    let mut lines = Vec::new();
    for host in known {
        if let Keeper::Helper(name) = file.keeper(&host)
            && name != protocol::NAME
        {
            helper::erase(&name, &host).map_err(|why| broken(&file, &host, why))?;
        }
        let entry = file.remove_entry(&host);
        let helper = file.remove_helper(&host, protocol::NAME);
        if entry || helper {
            lines.push(LoggedOut { registry: host, file: file.path().to_owned() });
        }
    }
    if !lines.is_empty() {
        file.save()?;
    }
    Ok(lines)
}
