//! `consign iam`: documents for IAM and ECR, made of the options of a push. Nothing is asked of AWS.

#![expect(clippy::doc_markdown, reason = "these are help texts, which are read as they stand")]

use super::Context;
use super::args::Transport;
use super::error::{CliError, Fail, bad_option};
use super::settings::list;
use crate::base::{Event, Failure, RegistryHost, env};
use crate::ecr::iam::{
    Account, Creation, Document, Partition, Provider, Push, Region, Registry, RepositoryPattern, Trust,
    public_repository, push_policy, repository_policy,
};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Subcommand, ValueEnum};

/// Which document.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Iam {
    #[command(subcommand)]
    document: Which,
}

const EXAMPLES: &str = "\
Examples:
  A role that main of a repository on GitHub can assume, and that can push to one repository of ECR:
    consign iam trust-policy --provider github --subject repo:acme/shop:ref:refs/heads/main \\
      --account 123456789012 > trust.json
    consign iam push-policy --repository shop/api --account 123456789012 --region eu-west-1 > push.json
    aws iam create-role --role-name ci --assume-role-policy-document file://trust.json
    aws iam put-role-policy --role-name ci --policy-name push --policy-document file://push.json";

#[derive(Debug, Subcommand)]
enum Which {
    /// What a role needs for a push: every action that consign calls, and no other
    #[command(after_help = PUSH_EXAMPLES)]
    #[command(name = "push-policy")]
    Push(PushPolicy),
    /// What a repository needs so that roles of other accounts can push to it
    #[command(after_help = REPOSITORY_EXAMPLES)]
    #[command(name = "repository-policy")]
    Repository(RepositoryPolicy),
    /// What a role needs so that jobs of a CI can assume it
    #[command(after_help = TRUST_EXAMPLES)]
    #[command(name = "trust-policy")]
    Trust(TrustPolicy),
}

#[derive(Debug, Args)]
struct Pushing {
    /// How ECR is talked to: `oci` needs the password of /v2/ besides
    #[arg(long, env = "CONSIGN_TRANSPORT", value_name = "API", default_value = "ecr")]
    transport: Transport,
    /// For pushes with --no-cache, which read nothing of earlier images
    #[arg(long, env = "CONSIGN_NO_CACHE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    no_cache: bool,
}

impl Pushing {
    fn push(&self, creation: Creation) -> Push {
        Push { creation, over_v2: self.transport == Transport::Oci, reuses: !self.no_cache }
    }
}

#[derive(Debug, Args)]
struct PushPolicy {
    /// Repository that is pushed to; `*` stands for any characters, and a registry's host may stand in front
    /// [repeatable]
    #[arg(
        long = "repository",
        env = "CONSIGN_IAM_REPOSITORY",
        value_name = "NAME",
        value_delimiter = ',',
        required = true
    )]
    repositories: Vec<String>,
    /// Account of the registry (default: that of the host or of --role-to-assume)
    #[arg(long, env = "CONSIGN_ACCOUNT", value_name = "ID")]
    account: Option<String>,
    /// Region of the registry (default: that of the host, or AWS_REGION)
    #[arg(long, env = "CONSIGN_REGION", value_name = "REGION")]
    region: Option<String>,
    /// Role that the policy is for; only its account is looked at
    #[arg(long, env = "CONSIGN_ROLE_TO_ASSUME", value_name = "ARN")]
    role_to_assume: Option<String>,
    /// For pushes with --create-repository
    #[arg(long, env = "CONSIGN_CREATE_REPOSITORY", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    create_repository: bool,
    /// For pushes with --create-repository and a consign.yaml that has a lifecycle policy for the repository
    #[arg(long, env = "CONSIGN_LIFECYCLE_POLICY", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue, requires = "create_repository")]
    lifecycle_policy: bool,
    #[command(flatten)]
    pushing: Pushing,
}

const PUSH_EXAMPLES: &str = "\
Examples:
  consign iam push-policy --repository shop/api --account 123456789012 --region eu-west-1
  consign iam push-policy --repository 'shop/*' --create-repository --account 123456789012 --region eu-west-1

  The registry of another account; its repository needs a policy too, see `consign iam repository-policy`:
    consign iam push-policy --repository 210987654321.dkr.ecr.eu-west-1.amazonaws.com/shop/api

  ECR Public, whose registries have an alias in place of an account:
    consign iam push-policy --repository public.ecr.aws/a1b2c3d4/shop/api --account 123456789012

The statements ConsignReuse and ConsignPublicReuse can be left out: pushes then work, and reuse less.";

#[derive(Debug, Args)]
struct RepositoryPolicy {
    /// Role, user or account that is to push [repeatable]
    #[arg(
        long = "principal",
        env = "CONSIGN_PRINCIPAL",
        value_name = "ARN",
        value_delimiter = ',',
        required = true
    )]
    principals: Vec<String>,
    #[command(flatten)]
    pushing: Pushing,
}

const REPOSITORY_EXAMPLES: &str = "\
Examples:
  consign iam repository-policy --principal arn:aws:iam::123456789012:role/ci > policy.json
  aws ecr set-repository-policy --repository-name shop/api --policy-text file://policy.json

Across accounts both sides have to allow a push: the role by `consign iam push-policy`, the repository by this.";

/// Who gives a job its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ci {
    Github,
    Gitlab,
    Jenkins,
    Bitbucket,
    Circleci,
    Buildkite,
}

impl From<Ci> for Provider {
    fn from(ci: Ci) -> Self {
        match ci {
            Ci::Github => Self::GitHub,
            Ci::Gitlab => Self::GitLab,
            Ci::Jenkins => Self::Jenkins,
            Ci::Bitbucket => Self::Bitbucket,
            Ci::Circleci => Self::CircleCi,
            Ci::Buildkite => Self::Buildkite,
        }
    }
}

#[derive(Debug, Args)]
struct TrustPolicy {
    /// CI whose jobs are let in
    #[arg(long, env = "CONSIGN_PROVIDER", value_name = "CI")]
    provider: Ci,
    /// `sub` of the tokens that are let in; `*` stands for any characters [repeatable]
    #[arg(long = "subject", env = "CONSIGN_SUBJECT", value_name = "SUB", required = true)]
    subjects: Vec<String>,
    /// `iss` of the tokens (default: the one that all customers of the provider share)
    #[arg(long, env = "CONSIGN_ISSUER", value_name = "URL")]
    issuer: Option<String>,
    /// `aud` of the tokens (default: that of STS, for CircleCI the organization)
    #[arg(long, env = "CONSIGN_AUDIENCE", value_name = "AUDIENCE")]
    audience: Option<String>,
    /// Account of the role (default: that of --role-to-assume)
    #[arg(long, env = "CONSIGN_ACCOUNT", value_name = "ID")]
    account: Option<String>,
    /// Any region of the partition that the role is in (default: AWS_REGION, else the partition `aws`)
    #[arg(long, env = "CONSIGN_REGION", value_name = "REGION")]
    region: Option<String>,
    /// Role that the policy is for; only its account is looked at
    #[arg(long, env = "CONSIGN_ROLE_TO_ASSUME", value_name = "ARN")]
    role_to_assume: Option<String>,
}

const TRUST_EXAMPLES: &str = "\
Examples:
  consign iam trust-policy --provider github --subject repo:acme/shop:environment:production \\
    --account 123456789012
  consign iam trust-policy --provider gitlab --issuer https://gitlab.example.com \\
    --subject project_path:acme/shop:ref_type:branch:ref:main --account 123456789012
  consign iam trust-policy --provider jenkins --issuer https://jenkins.example.com/oidc \\
    --subject https://jenkins.example.com/job/shop/ --account 123456789012

What subjects look like:
  github     repo:OWNER/REPO:ref:refs/heads/BRANCH · repo:OWNER/REPO:ref:refs/tags/TAG
             repo:OWNER/REPO:environment:NAME · repo:OWNER/REPO:pull_request
             in newer repositories OWNER@ID/REPO@ID takes the place of OWNER/REPO
  gitlab     project_path:GROUP/PROJECT:ref_type:branch:ref:BRANCH
  jenkins    the job's URL, unless the controller is set up otherwise
  bitbucket  {REPOSITORY_UUID}:{STEP_UUID} · {REPOSITORY_UUID}:{ENVIRONMENT_UUID}:{STEP_UUID}
  circleci   org/ORGANIZATION_ID/project/PROJECT_ID/user/USER_ID
  buildkite  organization:ORGANIZATION:pipeline:PIPELINE:ref:REF:commit:SHA:step:KEY

`consign doctor`, run in a job, shows the subject of that job.";

pub(super) fn run(args: Iam, context: &Context) -> Result<(), Fail> {
    let document = match args.document {
        Which::Push(args) => push(args, context)?,
        Which::Repository(args) => {
            let principals = list(context, "principals", args.principals);
            repository_policy(args.pushing.push(Creation::Never), &principals)?
        }
        Which::Trust(args) => trust(args, context)?,
    };
    context.printer.stdout(&document.text())
}

fn push(args: PushPolicy, context: &Context) -> Result<Document, Fail> {
    let role = args.role_to_assume.as_deref();
    let (mut private, mut public) = (Vec::new(), Vec::new());
    for text in list(context, "repositories", args.repositories) {
        let (host, name) = match text.split_once('/') {
            Some((first, name)) if first.contains(['.', ':']) => (Some(RegistryHost::new(first)), name),
            _ => (None, text.as_str()),
        };
        if let Some(RegistryHost::EcrPublic { host }) = &host {
            let name = public_name(host, name)?;
            public.push(public_repository(&account(args.account.as_deref(), role)?, &name));
            continue;
        }
        let name: RepositoryPattern = name.parse()?;
        let registry = match host {
            Some(RegistryHost::Ecr { account, region, .. }) => {
                Registry { account: account.parse()?, region: region.parse()? }
            }
            Some(other) => {
                return Err(bad_option(
                    "--repository",
                    format!("`{other}` is not the host of an ECR registry"),
                ));
            }
            None => Registry {
                account: account(args.account.as_deref(), role)?,
                region: match region(args.region.as_deref(), context)? {
                    Some(region) => region,
                    None => {
                        return Err(CliError::input(format!(
                            "the region of the repository `{name}` is not known"
                        ))
                        .hinted("pass `--region`, or set AWS_REGION")
                        .into());
                    }
                },
            },
        };
        private.push(registry.repository(&name));
    }
    let creation = match (args.create_repository, args.lifecycle_policy) {
        (false, _) => Creation::Never,
        (true, false) => Creation::IfAbsent,
        (true, true) => Creation::WithLifecyclePolicy,
    };
    if args.lifecycle_policy && !public.is_empty() {
        return Err(bad_option("--lifecycle-policy", "ECR Public has no lifecycle policies"));
    }
    Ok(push_policy(args.pushing.push(creation), &private, &public))
}

/// The repositories that `ALIAS/NAME` means on ECR Public. ARNs have the account and no alias.
fn public_name(host: &str, text: &str) -> Result<RepositoryPattern, Fail> {
    match text.split_once('/') {
        Some((alias, name)) if !alias.contains('*') => Ok(name.parse()?),
        _ => Err(bad_option(
            "--repository",
            format!("`{host}/{text}` is no repository of ECR Public: those are {host}/ALIAS/NAME"),
        )),
    }
}

fn trust(args: TrustPolicy, context: &Context) -> Result<Document, Fail> {
    let partition = match region(args.region.as_deref(), context)? {
        Some(region) => region.partition(),
        None => Partition::AWS,
    };
    let account = account(args.account.as_deref(), args.role_to_assume.as_deref())?;
    let subjects = list(context, "subjects", args.subjects);
    let (issuer, audience) = (args.issuer.as_deref(), args.audience.as_deref());
    let trust = Trust::new(args.provider.into(), &subjects, issuer, audience, partition)?;
    let (url, audience) = (trust.issuer.url(), &trust.audience);
    context.reporter.event(Event::Started {
        what: format!(
            "the account {account} has to know the issuer:\n  aws iam create-open-id-connect-provider --url {url} \
             --client-id-list {audience}"
        ),
    });
    Ok(trust.policy(&account, partition))
}

/// The account that was given, or the role's.
fn account(given: Option<&str>, role: Option<&str>) -> Result<Account, Fail> {
    match (given, role) {
        (Some(id), _) => id.parse().map_err(|error| bad_hinted("--account", &error)),
        (None, Some(arn)) => {
            let id = arn.split(':').nth(4).unwrap_or_default();
            id.parse()
                .map_err(|_| bad_option("--role-to-assume", format!("`{arn}` is not the ARN of a role")))
        }
        (None, None) => Err(CliError::input("the account is not known")
            .hinted("pass `--account ID`, or the role's ARN with `--role-to-assume`")
            .into()),
    }
}

fn region(given: Option<&str>, context: &Context) -> Result<Option<Region>, Fail> {
    let found =
        || [env::AWS_REGION, "AWS_DEFAULT_REGION"].iter().find_map(|name| context.environment.get(name));
    let parse = |text: &str| text.parse().map_err(|error| bad_hinted("--region", &error));
    given.or_else(found).map(parse).transpose()
}

/// As [`bad_option`], with the error's hint.
fn bad_hinted(option: &str, error: &dyn Failure) -> Fail {
    let failure = CliError::input(format!("{option}: {error}"));
    match error.hint() {
        Some(hint) => failure.hinted(hint).into(),
        None => failure.into(),
    }
}
