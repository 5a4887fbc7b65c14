//! A repository on ECR Public: whose registry it is in, whether it is there, and each permission that a push needs.
//!
//! The calls are those of `probe`, as far as ECR Public has them. It makes no repository by itself, so all of them are safe
//! on one that is absent. Each is made of <https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_Operations.html>.

use super::identity::Identity;
use super::probe::{Answer, impossible_manifest, judge, nobodys};
use super::repository::{
    Existence, Mutability, REPOSITORY, Target, about_permission, about_tag, is_forbidden,
};
use super::{Addition, Check, Outcome, Report};
use crate::auth::ECR_PUBLIC_REGION;
use crate::base::{Failure as _, Kind, MediaType, RepositoryName};
use crate::ecr::iam::{self, Action, Creation, Document, Need, Push, public_repository};
use crate::registry::ecr_public::{EcrPublic, PublicImages, PublicName};
use crate::registry::{ManifestId, Registry as _, RegistryError};
use aws_sdk_ecrpublic::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecrpublic::primitives::Blob;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::collections::HashMap;
use std::error::Error;

const ALIAS: &str = "alias";

/// Actions whose calls take no alias, and so are about the account's own registry.
const OWN_ALONE: [Action; 2] = [Action::DescribeRepositories, Action::DescribeImages];

/// Looks at everything that a push to `target` would need.
pub(super) async fn repository(
    registry: &PublicImages,
    target: Target<'_>,
    push: Push,
    identity: &Identity,
) -> Report {
    let on = format!("{}/{}", registry.host(), target.repository);
    let mut report = Report::default();
    let name = match PublicName::of(registry.host(), target.repository) {
        Ok(name) => name,
        Err(error) => {
            report.push(Check { on: Some(on), ..Check::failed(REPOSITORY, &error) });
            return report;
        }
    };
    let mut look = Look { registry, name: &name, target, push, answers: HashMap::new(), checks: Vec::new() };
    let missing = look.run().await;
    report.checks = look.checks.into_iter().map(|check| Check { on: Some(on.clone()), ..check }).collect();
    if !missing.is_empty() {
        let resource = public_repository(&identity.account, &(&name.repository).into());
        let policy = Document::new(iam::allow(&missing, &[resource]));
        report.add.push(Addition { to: format!("a policy of {}", identity.arn), policy });
    }
    report
}

/// One look at a repository.
struct Look<'a> {
    registry: &'a PublicImages,
    name: &'a PublicName,
    target: Target<'a>,
    push: Push,
    /// What the calls have told.
    answers: HashMap<Action, Answer>,
    checks: Vec<Check>,
}

impl Look<'_> {
    /// Makes all checks, and gives what would have to be allowed.
    async fn run(&mut self) -> Vec<Need> {
        let needs = self.push.public_needs();
        let (answer, own) = self.aliases().await;
        if let (true, Answer::Other(error)) = (answer.is_fatal(), &answer) {
            self.checks.push(Check::failed(ALIAS, error));
            self.leave_out(&needs, "ECR Public could not be asked");
            return Vec::new();
        }
        self.answers.insert(Action::DescribeRegistries, answer);
        let is_own = own.as_ref().map(|own| own.contains(&self.name.alias));
        // The calls that can't be told whose registry is meant would be about the account's own.
        let meant = |action: &Action| is_own != Some(false) || !OWN_ALONE.contains(action);
        let look = &*self;
        let asked = needs.iter().map(|need| need.action).chain([Action::DescribeRepositories]).filter(meant);
        let asked = asked.map(|action| async move { Some((action, look.probe(action).await?)) });
        let answers = futures::future::join_all(asked).await;
        self.answers.extend(answers.into_iter().flatten());

        self.checks.push(self.about_alias(own.as_deref()));
        if self.answers.values().any(is_no_registry) {
            self.leave_out(&needs, "there is no registry with that alias");
            return Vec::new();
        }
        let existence = self.existence();
        self.checks.push(self.about_existence(&existence));
        self.tags(&existence).await;
        for need in &needs {
            self.checks.push(self.about(need, &existence));
        }
        self.checks.push(self.about_v2().await);
        // In the registry of another account, that one has to allow it too.
        if is_own == Some(false) {
            return Vec::new();
        }
        needs.into_iter().filter(|need| self.lacks(need.action)).collect()
    }

    /// Says that nothing of `needs` could be checked.
    fn leave_out(&mut self, needs: &[Need], why: &str) {
        self.checks.extend(needs.iter().map(|need| Check::not_checked(need.to_string(), why)));
    }

    fn control(&self) -> &EcrPublic {
        self.registry.control()
    }

    /// The names of the account's registry, if they may be known.
    async fn aliases(&self) -> (Answer, Option<Vec<String>>) {
        match self.control().aliases().await {
            Ok(own) => (Answer::Allowed, Some(own.to_vec())),
            Err(RegistryError::Denied { code, message, .. }) if code.contains("AccessDenied") => {
                (Answer::Denied(message), None)
            }
            Err(error) => (Answer::Other(error), None),
        }
    }

    /// Whose registry it is. `own` are the names of the account's, if they are known.
    fn about_alias(&self, own: Option<&[String]>) -> Check {
        let alias = &self.name.alias;
        let lets_in = matches!(self.answers.get(&Action::PutImage), Some(Answer::Allowed | Answer::Absent));
        match own {
            None if lets_in => Check::good(ALIAS, format!("the registry `{alias}` lets this role in")),
            None => {
                Check::not_checked(ALIAS, "whose it is, is not known without ecr-public:DescribeRegistries")
            }
            Some(own) if own.contains(alias) => Check::good(
                ALIAS,
                format!("`{alias}` is the registry of this account, in {ECR_PUBLIC_REGION}"),
            ),
            Some(_) if lets_in => Check::good(
                ALIAS,
                format!("`{alias}` is the registry of another account, which lets this one in"),
            ),
            Some(own) => {
                let (host, name, own) = (self.control().host().to_owned(), self.name.clone(), own.to_vec());
                Check::failed(ALIAS, &RegistryError::NotOwnAlias { host, name, own, said: None })
            }
        }
    }

    fn existence(&self) -> Existence {
        let told = |wanted: fn(&Answer) -> bool| {
            let tells = [
                Action::DescribeRepositories,
                Action::BatchCheckLayerAvailability,
                Action::DescribeImages,
                Action::InitiateLayerUpload,
            ];
            tells.iter().any(|action| self.answers.get(action).is_some_and(wanted))
        };
        if told(|answer| matches!(answer, Answer::Absent)) {
            Existence::Absent
        } else if told(|answer| matches!(answer, Answer::Allowed)) {
            // No tag is immutable there.
            Existence::There(Mutability::mutable())
        } else {
            Existence::Unknown
        }
    }

    fn about_existence(&self, existence: &Existence) -> Check {
        match existence {
            Existence::There(_) | Existence::Veiled => Check::good(REPOSITORY, "is there"),
            Existence::Absent if self.push.creation == Creation::Never => {
                let registry = format!("{}/{}", self.control().host(), self.name.alias);
                let detail = format!("does not exist in the registry {registry}");
                let check = Check::new(REPOSITORY, Outcome::Missing(Kind::Refused), detail);
                let repository = self.name.repository.clone();
                Check { remedy: RegistryError::RepositoryNotFound { repository, registry }.hint(), ..check }
            }
            Existence::Absent => Check::good(REPOSITORY, "does not exist; the push would create it"),
            Existence::Unknown => {
                Check::not_checked(REPOSITORY, "no call that is allowed tells whether it is there")
            }
        }
    }

    /// The tags, which everybody may read.
    async fn tags(&mut self, existence: &Existence) {
        let ids: Vec<_> = self.target.tags.iter().cloned().map(ManifestId::Tag).collect();
        let found = match existence {
            Existence::Absent => Ok(Vec::new()),
            _ if ids.is_empty() => return,
            _ => self.registry.manifests(self.target.repository, &ids).await,
        };
        for (place, tag) in self.target.tags.iter().enumerate() {
            let check = match &found {
                Ok(found) => {
                    let digest = found.get(place).cloned().flatten().map(|found| found.digest().to_string());
                    let tagged = digest.map(|digest| (tag.to_string(), digest)).into_iter().collect();
                    about_tag(tag, existence, Some(&tagged))
                }
                Err(error) => Check::not_checked(format!("tag {tag}"), error.to_string()),
            };
            self.checks.push(check);
        }
    }

    fn about(&self, need: &Need, existence: &Existence) -> Check {
        let password = self.answers.get(&Action::GetAuthorizationToken);
        // One call needs both, and AWS says which one it lacks.
        let names_bearer =
            matches!(password, Some(Answer::Denied(words)) if words.contains("GetServiceBearerToken"));
        let same = "the call that needs it was denied for another reason";
        match (need.action, names_bearer, password) {
            (Action::GetAuthorizationToken, true, _)
            | (Action::GetServiceBearerToken, false, Some(Answer::Denied(_))) => {
                Check::not_checked(need.to_string(), same)
            }
            (Action::GetServiceBearerToken, ..) => about_permission(need, password, existence),
            (action, ..) if OWN_ALONE.contains(&action) && !self.answers.contains_key(&action) => {
                Check::not_checked(need.to_string(), "is about the registry of this account alone")
            }
            _ => about_permission(need, self.answers.get(&need.action), existence),
        }
    }

    /// Whether `/v2/`, which is another host than that of the API, lets us in.
    async fn about_v2(&self) -> Check {
        let what = "/v2/";
        if !matches!(self.answers.get(&Action::GetAuthorizationToken), Some(Answer::Allowed)) {
            let why = "there is no password for it without ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken";
            return Check::not_checked(what, why);
        }
        match self.registry.images().available(self.target.repository, &[nobodys()]).await {
            Ok(_) => Check::good(what, format!("{} lets us in", self.registry.host())),
            Err(error) => Check::failed(what, &error),
        }
    }

    fn lacks(&self, action: Action) -> bool {
        // Both are needed for the one call.
        let asked =
            if action == Action::GetServiceBearerToken { Action::GetAuthorizationToken } else { action };
        matches!(self.answers.get(&asked), Some(Answer::Denied(words)) if !is_forbidden(words))
    }

    /// What an answer tells about `action`.
    fn judge<T, E>(
        &self,
        action: Action,
        answer: Result<T, SdkError<E, HttpResponse>>,
        found_nothing: &[&str],
    ) -> Answer
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        judge(action, format!("{}/{}", self.control().host(), self.name), answer, found_nothing).0
    }

    /// Whether `action` is allowed; none if that can't be known without doing it, or is found out otherwise.
    async fn probe(&self, action: Action) -> Option<Answer> {
        let client = self.control().client();
        let PublicName { alias, repository } = self.name;
        let repository = RepositoryName::as_str(repository);
        let nobodys_upload = uuid::Uuid::new_v4().to_string();
        let answer = match action {
            Action::GetAuthorizationToken => {
                self.judge(action, client.get_authorization_token().send().await, &[])
            }
            Action::BatchCheckLayerAvailability => {
                let call = client.batch_check_layer_availability().registry_id(alias);
                let call = call.repository_name(repository).layer_digests(nobodys().to_string());
                self.judge(action, call.send().await, &[])
            }
            Action::InitiateLayerUpload => {
                let call = client.initiate_layer_upload().registry_id(alias);
                self.judge(action, call.repository_name(repository).send().await, &[])
            }
            Action::UploadLayerPart => {
                let call = client.upload_layer_part().registry_id(alias).repository_name(repository);
                let call = call.upload_id(nobodys_upload).layer_part_blob(Blob::new([0]));
                let call = call.part_first_byte(0).part_last_byte(0);
                self.judge(action, call.send().await, &["UploadNotFoundException"])
            }
            Action::CompleteLayerUpload => {
                let call = client.complete_layer_upload().registry_id(alias).repository_name(repository);
                let call = call.upload_id(nobodys_upload).layer_digests(nobodys().to_string());
                self.judge(action, call.send().await, &["UploadNotFoundException"])
            }
            Action::PutImage => {
                let call = client.put_image().registry_id(alias).repository_name(repository);
                let call = call.image_manifest(impossible_manifest());
                let call = call.image_manifest_media_type(MediaType::OCI_MANIFEST.as_str());
                let call = call.image_digest(nobodys().to_string());
                let wrong = [
                    "ImageDigestDoesNotMatchException",
                    "LayersNotFoundException",
                    "InvalidParameterException",
                ];
                self.judge(action, call.send().await, &wrong)
            }
            Action::DescribeRepositories => {
                let call = client.describe_repositories().repository_names(repository);
                self.judge(action, call.send().await, &[])
            }
            Action::DescribeImages => {
                let call = client.describe_images().repository_name(repository).max_results(1);
                self.judge(action, call.send().await, &[])
            }
            _ => return None,
        };
        Some(answer)
    }
}

/// Whether an answer is that nobody's registry has the alias.
fn is_no_registry(answer: &Answer) -> bool {
    matches!(answer, Answer::Other(RegistryError::Refused { code, .. }) if code == "RegistryNotFoundException")
}
