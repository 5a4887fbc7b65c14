//! The repository that is pushed to: whether it is there, whether its tags can be set, and each permission on it.

use super::identity::Identity;
use super::probe::{Answer, Images, Place, nobodys};
use super::{Addition, Check, Outcome, Report};
use crate::base::failure::causes;
use crate::base::{Failure as _, Kind, RepositoryName, Tag, human};
use crate::ecr::iam::{self, Account, Action, Creation, Document, Need, Push, Region, Registry, Weight};
use crate::registry::{AnyRegistry, Distribution, Registry as _, RegistryError};
use aws_sdk_ecr::types::{ImageTagMutability, Repository};
use std::collections::HashMap;

/// Images that ECR lets a repository have, unless the account's quota was raised
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html>).
const QUOTA: &str = "100,000";

pub(super) const REPOSITORY: &str = "repository";

/// Actions whose calls succeed only if the repository is there.
const TELLING: [Action; 3] =
    [Action::BatchCheckLayerAvailability, Action::BatchGetImage, Action::DescribeImages];

/// Where a push would go.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The registry; what is not ECR is not looked at here.
    pub registry: &'a AnyRegistry,
    /// Where it is.
    pub region: &'a Region,
    /// The repository.
    pub repository: &'a RepositoryName,
    /// The tags that would be set.
    pub tags: &'a [Tag],
}

/// How tags of a repository can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mutability {
    setting: ImageTagMutability,
    filters: Vec<String>,
}

/// What is known of the repository itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Existence {
    There(Mutability),
    /// It is there, and how it is set up may not be read.
    Veiled,
    Absent,
    Unknown,
}

/// Looks at everything that the push would need of `target`, if it is in ECR.
pub async fn repository(target: Target<'_>, push: Push, identity: &Identity) -> Report {
    let (ecr, images) = match target.registry {
        AnyRegistry::Ecr(ecr) => (ecr, None),
        AnyRegistry::EcrDistribution { control, images } => (control, Some(images)),
        AnyRegistry::EcrPublic(public) => {
            return super::public::repository(public, target, push, identity).await;
        }
        AnyRegistry::Distribution(_) => return Report::default(),
    };
    let place = Place { ecr, repository: target.repository };
    let mut look = Look { place, target, push, answers: HashMap::new(), checks: Vec::new() };
    let missing = look.run(images).await;
    let on = format!("{}/{}", ecr.host(), target.repository);
    let checks = look.checks.into_iter().map(|check| Check { on: Some(on.clone()), ..check });
    Report { checks: checks.collect(), add: additions(&missing, &target, ecr.registry_id(), identity) }
}

/// One look at a repository.
struct Look<'a> {
    place: Place<'a>,
    target: Target<'a>,
    push: Push,
    /// What the calls have told.
    answers: HashMap<Action, Answer>,
    checks: Vec<Check>,
}

impl Look<'_> {
    /// Makes all checks, and gives what would have to be allowed.
    async fn run(&mut self, images: Option<&Distribution>) -> Vec<Need> {
        let needs = self.push.needs();
        let (described, found) = self.place.describe().await;
        if let (true, Answer::Other(error)) = (described.is_fatal(), &described) {
            self.checks.push(Check::failed(REPOSITORY, error));
            let why = "ECR could not be asked";
            self.checks.extend(needs.iter().map(|need| Check::not_checked(need.to_string(), why)));
            return Vec::new();
        }
        self.answers.insert(Action::DescribeRepositories, described);

        let place = self.place;
        let lists = needs.iter().any(|need| need.action == Action::DescribeImages);
        let ((may_get, tagged), listed, ()) = futures::join!(
            place.tagged(self.target.tags),
            async { if lists { Some(place.images().await) } else { None } },
            ask(&mut self.answers, place, &needs, is_harmless),
        );
        let knows_tags = matches!(may_get, Answer::Allowed | Answer::Absent);
        self.answers.insert(Action::BatchGetImage, may_get);
        let count = listed.and_then(|(answer, count)| {
            self.answers.insert(Action::DescribeImages, answer);
            count
        });
        let existence = self.existence(found);
        if matches!(existence, Existence::There(_) | Existence::Veiled) {
            ask(&mut self.answers, place, &needs, may_create).await;
        }

        self.checks.push(self.about_existence(&existence));
        for tag in self.target.tags {
            self.checks.push(about_tag(tag, &existence, knows_tags.then_some(&tagged)));
        }
        self.checks.extend(count.map(about_images));
        for need in &needs {
            self.checks.push(about_permission(need, self.answers.get(&need.action), &existence));
        }
        if let Some(images) = images {
            let check = self.about_v2(images).await;
            self.checks.push(check);
        }
        // Where nothing at all may be asked, what was not tried is missing as well.
        let untold = |action| existence == Existence::Unknown && may_create(action);
        let forbidden =
            |action| matches!(self.answers.get(&action), Some(Answer::Denied(words)) if is_forbidden(words));
        let lacks = |action| self.lacks(action) && !forbidden(action);
        needs.into_iter().filter(|need| lacks(need.action) || untold(need.action)).collect()
    }

    /// What all answers together tell: what `DescribeRepositories` may not tell, any other call does.
    fn existence(&self, found: Option<Repository>) -> Existence {
        let told = |action: &Action| matches!(self.answers.get(action), Some(Answer::Allowed));
        match found {
            Some(found) => Existence::There(Mutability {
                setting: found.image_tag_mutability.unwrap_or(ImageTagMutability::Mutable),
                filters: found
                    .image_tag_mutability_exclusion_filters
                    .unwrap_or_default()
                    .into_iter()
                    .map(|filter| filter.filter)
                    .collect(),
            }),
            None if self.answers.values().any(|answer| matches!(answer, Answer::Absent)) => Existence::Absent,
            None if TELLING.iter().any(told) => Existence::Veiled,
            None => Existence::Unknown,
        }
    }

    fn about_existence(&self, existence: &Existence) -> Check {
        match existence {
            Existence::There(mutability) => {
                Check::good(REPOSITORY, format!("is there, {}", mutability.setting))
            }
            Existence::Veiled => Check::good(REPOSITORY, "is there; its settings may not be read"),
            Existence::Absent if self.push.creation == Creation::Never => {
                let registry = self.place.ecr.host().to_owned();
                let detail = format!("does not exist in the registry {registry}");
                let check = Check::new(REPOSITORY, Outcome::Missing(Kind::Refused), detail);
                let repository = self.target.repository.clone();
                Check { remedy: RegistryError::RepositoryNotFound { repository, registry }.hint(), ..check }
            }
            Existence::Absent => Check::good(REPOSITORY, "does not exist; the push would create it"),
            Existence::Unknown => {
                Check::not_checked(REPOSITORY, "no call that is allowed tells whether it is there")
            }
        }
    }

    /// Whether `/v2/`, which is another host than that of ECR's API, lets us in.
    async fn about_v2(&self, images: &Distribution) -> Check {
        let what = "/v2/";
        if !matches!(self.answers.get(&Action::GetAuthorizationToken), Some(Answer::Allowed)) {
            return Check::not_checked(what, "there is no password for it without ecr:GetAuthorizationToken");
        }
        match images.available(self.target.repository, &[nobodys()]).await {
            Ok(_) => Check::good(what, format!("{} lets us in", images.host())),
            // That permission has a check of its own.
            Err(error) if self.lacks(Action::BatchCheckLayerAvailability) => {
                Check::not_checked(what, format!("without ecr:BatchCheckLayerAvailability: {error}"))
            }
            Err(error) => Check::failed(what, &error),
        }
    }

    fn lacks(&self, action: Action) -> bool {
        matches!(self.answers.get(&action), Some(Answer::Denied(_)))
    }
}

/// Finds out about those of `needs` that are `meant`, all at a time.
async fn ask(
    answers: &mut HashMap<Action, Answer>,
    place: Place<'_>,
    needs: &[Need],
    meant: fn(Action) -> bool,
) {
    let actions = needs.iter().map(|need| need.action).filter(|action| meant(*action));
    let asked = actions.map(|action| async move { Some((action, place.probe(action).await?)) });
    answers.extend(futures::future::join_all(asked).await.into_iter().flatten());
}

/// Whether it can be asked for even if the repository is absent. Those that have calls of their own are left out.
fn is_harmless(action: Action) -> bool {
    let apart = [Action::DescribeRepositories, Action::BatchGetImage, Action::DescribeImages];
    !may_create(action) && !apart.contains(&action)
}

/// On an absent repository, these can make it, if the registry has a template for that
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html>).
fn may_create(action: Action) -> bool {
    matches!(action, Action::InitiateLayerUpload | Action::PutImage)
}

/// Whether a statement denies it, against which no other one helps. Only what to do depends on AWS's words.
pub(super) fn is_forbidden(words: &str) -> bool {
    words.contains("explicit deny")
}

pub(super) fn about_permission(need: &Need, answer: Option<&Answer>, existence: &Existence) -> Check {
    let (action, what) = (need.action, need.to_string());
    match answer {
        Some(Answer::Allowed | Answer::Absent) if action == Action::InitiateLayerUpload => {
            Check::good(what, "is allowed; to see that, an upload was opened, which ECR drops by itself")
        }
        Some(Answer::Allowed | Answer::Absent) => Check::good(what, "is allowed"),
        Some(Answer::Denied(words)) => {
            let check = match need.weight {
                Weight::Required => Check::new(what, Outcome::Missing(Kind::Denied), words),
                Weight::Saves(without) => {
                    Check::new(what, Outcome::Limited, format!("{words}; without it {without}"))
                }
            };
            let remedy = "a statement with \"Effect\": \"Deny\" forbids it, and no other can allow it: change that one";
            if is_forbidden(words) { check.remedy(remedy) } else { check }
        }
        Some(Answer::Other(error)) => {
            let check = Check::failed(what, error);
            // It says something about the action that is not understood; a push may still work.
            let unclear = Outcome::NotChecked;
            let outcome = if error.kind() == Kind::Refused { unclear } else { check.outcome };
            Check { outcome, detail: format!("the answer does not tell: {}", causes(error)), ..check }
        }
        None => match (action, existence) {
            (
                Action::CreateRepository | Action::PutLifecyclePolicy,
                Existence::There(_) | Existence::Veiled,
            ) => Check::not_checked(what, "is not needed, as the repository is there"),
            (Action::CreateRepository | Action::PutLifecyclePolicy, _) => {
                Check::not_checked(what, "can't be known without creating the repository")
            }
            _ => Check::not_checked(
                what,
                "can't be known safely: on an absent repository, the call could create it",
            ),
        },
    }
}

fn about_images(images: Images) -> Check {
    let Images { count, more } = images;
    let than = if more { "more than " } else { "" };
    let count = human::count(count, "image");
    Check::good("images", format!("{than}{count}; the quota is {QUOTA} unless it was raised"))
}

/// `tagged` are the tags that are there; none if that is not known.
pub(super) fn about_tag(tag: &Tag, existence: &Existence, tagged: Option<&HashMap<String, String>>) -> Check {
    let what = format!("tag {tag}");
    let mutability = match existence {
        Existence::Absent => return Check::good(what, "is new, as the repository is"),
        Existence::There(mutability) => Some(mutability),
        Existence::Veiled | Existence::Unknown => None,
    };
    let Some(tagged) = tagged else {
        return match mutability.and_then(|mutability| mutability.is_fixed(tag)) {
            Some(false) => Check::good(what, "can be set"),
            _ => Check::not_checked(what, "whether it exists is not known without ecr:BatchGetImage"),
        };
    };
    let Some(digest) = tagged.get(tag.as_str()) else { return Check::good(what, "is new") };
    let allow =
        "allow ecr:DescribeRepositories on the repository to have it checked; a push does not need it";
    match mutability.map(|mutability| mutability.is_fixed(tag)) {
        Some(Some(true)) => {
            let detail =
                format!("is immutable, and belongs to {digest}; only that very image can be pushed again");
            Check::new(what, Outcome::Failed(Kind::Refused), detail).remedy("push under a new tag")
        }
        Some(Some(false)) => Check::good(what, format!("would be moved; now it belongs to {digest}")),
        Some(None) => Check::not_checked(what, "ECR has a setting for tags that this version does not know"),
        None => {
            let why = format!("belongs to {digest}, and whether it can be moved may not be read");
            Check::not_checked(what, why).remedy(allow)
        }
    }
}

impl Mutability {
    /// Every tag can be moved.
    pub(super) fn mutable() -> Self {
        Self { setting: ImageTagMutability::Mutable, filters: Vec::new() }
    }

    /// Whether `tag` can't be moved; none if the setting is not known
    /// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html>).
    fn is_fixed(&self, tag: &Tag) -> Option<bool> {
        let excluded = || self.filters.iter().any(|filter| matches(filter, tag.as_str()));
        match self.setting {
            ImageTagMutability::Mutable => Some(false),
            ImageTagMutability::Immutable => Some(true),
            ImageTagMutability::ImmutableWithExclusion => Some(!excluded()),
            ImageTagMutability::MutableWithExclusion => Some(excluded()),
            _ => None,
        }
    }
}

/// Whether the whole of `text` is like `filter`, in which `*` stands for any characters.
fn matches(filter: &str, text: &str) -> bool {
    let Some((first, rest)) = filter.split_once('*') else { return filter == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place is as good as any, as stars stand on both sides.
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

/// The policies that allow what is missing: the role's, and across accounts also the repository's.
fn additions(
    needs: &[Need],
    target: &Target<'_>,
    registry_id: Option<&str>,
    identity: &Identity,
) -> Vec<Addition> {
    let Identity { account, arn } = identity;
    if needs.is_empty() {
        return Vec::new();
    }
    let owner: Account = registry_id.and_then(|id| id.parse().ok()).unwrap_or_else(|| account.clone());
    let across = owner != *account;
    let registry = Registry { account: owner, region: target.region.clone() };
    let resource = registry.repository(&target.repository.into());
    let own = Document::new(iam::allow(needs, &[resource]));
    let mut additions = vec![Addition { to: format!("a policy of {arn}"), policy: own }];
    if across {
        let to =
            format!("the policy of the repository {} in the account {}", target.repository, registry.account);
        additions.push(Addition { to, policy: iam::allow_others(needs, std::slice::from_ref(arn)) });
    }
    additions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_about_the_whole_tag() {
        for (filter, tag, expected) in [
            ("dev-*", "dev-1", true),
            ("dev-*", "dev-", true),
            ("dev-*", "a-dev-1", false),
            ("*", "x", true),
            ("v1", "v1", true),
            ("v1", "v10", false),
            ("*-rc", "1-rc", true),
            ("*-rc", "1-rc1", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "ac", false),
            ("ab*ba", "aba", false),
            ("**x", "yx", true),
        ] {
            assert_eq!(matches(filter, tag), expected, "{filter} and {tag}");
        }
    }

    #[test]
    fn exclusions_turn_the_setting_around() {
        let fixed = |setting: ImageTagMutability, tag: &str| {
            Mutability { setting, filters: vec!["dev-*".into()] }.is_fixed(&tag.parse().unwrap())
        };
        for (setting, plain, dev) in [
            (ImageTagMutability::Mutable, Some(false), Some(false)),
            (ImageTagMutability::Immutable, Some(true), Some(true)),
            (ImageTagMutability::ImmutableWithExclusion, Some(true), Some(false)),
            (ImageTagMutability::MutableWithExclusion, Some(false), Some(true)),
            (ImageTagMutability::from("SOMETHING_NEW"), None, None),
        ] {
            assert_eq!((fixed(setting.clone(), "1"), fixed(setting, "dev-1")), (plain, dev));
        }
    }

    #[test]
    fn what_would_change_something_is_left_alone() {
        let needs = Push { creation: Creation::WithLifecyclePolicy, over_v2: true, reuses: true }.needs();
        assert_eq!(needs.iter().filter(|need| may_create(need.action)).count(), 2);
        for need in needs {
            let check = about_permission(&need, None, &Existence::Absent);
            assert_eq!(check.outcome, Outcome::NotChecked, "{need}");
        }
    }
}
