//! The actions of ECR, and of ECR Public, that a push calls
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_ecr.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_ecrpublic.html>).

use std::fmt;

/// What becomes of a push that may not ask for the newest image.
const NEWEST: &str = "under a new tag, layers that the registry has are compressed before that is found out";

/// An action, which is named like the operation of ECR's API that it lets one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Gives the password of `/v2/`.
    GetAuthorizationToken,
    /// Of STS, without which ECR Public gives no password.
    GetServiceBearerToken,
    /// Which names has the registry on ECR Public?
    DescribeRegistries,
    /// Which layers are there?
    BatchCheckLayerAvailability,
    /// Begins a layer.
    InitiateLayerUpload,
    /// Sends a part of one.
    UploadLayerPart,
    /// Ends it.
    CompleteLayerUpload,
    /// Stores a manifest under a tag.
    PutImage,
    /// What do the tags point at?
    BatchGetImage,
    /// Reads the config of an image.
    GetDownloadUrlForLayer,
    /// Which image is the newest?
    DescribeImages,
    /// Is the repository there?
    DescribeRepositories,
    /// Makes it.
    CreateRepository,
    /// Gives it its lifecycle policy.
    PutLifecyclePolicy,
}

impl Action {
    /// The operation of ECR's API: `PutImage`.
    pub fn operation(self) -> &'static str {
        match self {
            Self::GetAuthorizationToken => "GetAuthorizationToken",
            Self::GetServiceBearerToken => "GetServiceBearerToken",
            Self::DescribeRegistries => "DescribeRegistries",
            Self::BatchCheckLayerAvailability => "BatchCheckLayerAvailability",
            Self::InitiateLayerUpload => "InitiateLayerUpload",
            Self::UploadLayerPart => "UploadLayerPart",
            Self::CompleteLayerUpload => "CompleteLayerUpload",
            Self::PutImage => "PutImage",
            Self::BatchGetImage => "BatchGetImage",
            Self::GetDownloadUrlForLayer => "GetDownloadUrlForLayer",
            Self::DescribeImages => "DescribeImages",
            Self::DescribeRepositories => "DescribeRepositories",
            Self::CreateRepository => "CreateRepository",
            Self::PutLifecyclePolicy => "PutLifecyclePolicy",
        }
    }

    /// Whether it is about no repository, so that a policy has to allow it on `*`.
    pub fn is_on_all(self) -> bool {
        matches!(self, Self::GetAuthorizationToken | Self::GetServiceBearerToken | Self::DescribeRegistries)
    }

    /// As policies name it: `ecr:PutImage`.
    pub fn of(self, service: Service) -> String {
        let prefix = match (self, service) {
            (Self::GetServiceBearerToken, _) => "sts",
            (_, Service::Ecr) => "ecr",
            (_, Service::EcrPublic) => "ecr-public",
        };
        format!("{prefix}:{}", self.operation())
    }
}

/// Whose action it is: the two have most of them in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Private registries.
    Ecr,
    /// ECR Public.
    EcrPublic,
}

/// What becomes of a push without an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It fails.
    Required,
    /// It works, and does more than it had to; this says what.
    Saves(&'static str),
}

/// An action that a push calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Which one.
    pub action: Action,
    /// Whose it is.
    pub service: Service,
    /// What becomes of the push without it.
    pub weight: Weight,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.action.of(self.service))
    }
}

/// Whether a push makes the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Creation {
    /// It has to be there.
    #[default]
    Never,
    /// If it is absent.
    IfAbsent,
    /// If it is absent, and then it gets the lifecycle policy that `consign.yaml` names.
    WithLifecyclePolicy,
}

/// What decides which actions a push calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Push {
    /// `--create-repository`
    pub creation: Creation,
    /// `--transport oci`
    pub over_v2: bool,
    /// Not `--no-cache`
    pub reuses: bool,
}

impl Push {
    /// Every action that the push calls, in the order of a policy. Each stands here because the code of
    /// `registry` and `publish` calls it: `tests/it/iam.rs` pushes with all of them and without each.
    pub fn needs(self) -> Vec<Need> {
        let service = Service::Ecr;
        let required = |action| Need { action, service, weight: Weight::Required };
        let saves = |action, without| Need { action, service, weight: Weight::Saves(without) };
        let mut needs = Vec::new();
        if self.over_v2 {
            needs.push(required(Action::GetAuthorizationToken));
        }
        needs.extend(
            [
                Action::BatchCheckLayerAvailability,
                Action::InitiateLayerUpload,
                Action::UploadLayerPart,
                Action::CompleteLayerUpload,
                Action::PutImage,
            ]
            .map(required),
        );
        needs.push(saves(
            Action::BatchGetImage,
            "no layer of an earlier image is known, and to push the same image to an immutable tag again fails",
        ));
        if self.reuses {
            needs.push(saves(
                Action::GetDownloadUrlForLayer,
                "layers that the registry has are compressed before that is found out",
            ));
            // `/v2/` does not tell how old an image is, so it is not asked for the newest.
            if !self.over_v2 {
                needs.push(saves(Action::DescribeImages, NEWEST));
            }
        }
        match self.creation {
            Creation::Never => {}
            Creation::IfAbsent => {
                needs.extend([Action::DescribeRepositories, Action::CreateRepository].map(required));
            }
            Creation::WithLifecyclePolicy => needs.extend(
                [Action::DescribeRepositories, Action::CreateRepository, Action::PutLifecyclePolicy]
                    .map(required),
            ),
        }
        needs
    }

    /// The same for a push to ECR Public, which always goes over `/v2/`, and which everybody may read.
    pub fn public_needs(self) -> Vec<Need> {
        let service = Service::EcrPublic;
        let required = |action| Need { action, service, weight: Weight::Required };
        let mut needs: Vec<Need> = [
            Action::GetAuthorizationToken,
            Action::GetServiceBearerToken,
            Action::BatchCheckLayerAvailability,
            Action::InitiateLayerUpload,
            Action::UploadLayerPart,
            Action::CompleteLayerUpload,
            Action::PutImage,
        ]
        .map(required)
        .to_vec();
        if self.reuses {
            needs.push(Need { action: Action::DescribeImages, service, weight: Weight::Saves(NEWEST) });
        }
        // There are no lifecycle policies there.
        if self.creation != Creation::Never {
            needs.extend(
                [Action::DescribeRegistries, Action::DescribeRepositories, Action::CreateRepository]
                    .map(required),
            );
        }
        needs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_ecr_public() {
        let push = Push { creation: Creation::WithLifecyclePolicy, over_v2: false, reuses: true };
        let all: Vec<_> = push.public_needs().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(all.join(" "), @"ecr-public:GetAuthorizationToken sts:GetServiceBearerToken ecr-public:BatchCheckLayerAvailability ecr-public:InitiateLayerUpload ecr-public:UploadLayerPart ecr-public:CompleteLayerUpload ecr-public:PutImage ecr-public:DescribeImages ecr-public:DescribeRegistries ecr-public:DescribeRepositories ecr-public:CreateRepository");
        let few = Push { creation: Creation::Never, over_v2: false, reuses: false }.public_needs();
        assert_eq!(few.len(), 7);
    }

    fn names(push: Push) -> Vec<&'static str> {
        push.needs().iter().map(|need| need.action.operation()).collect()
    }

    #[test]
    fn each_option_adds_its_own() {
        let plain = Push { creation: Creation::Never, over_v2: false, reuses: true };
        let actions = names(plain);
        for absent in ["GetAuthorizationToken", "CreateRepository", "DescribeRepositories"] {
            assert!(!actions.contains(&absent), "{absent}");
        }
        let over_v2 = names(Push { over_v2: true, ..plain });
        assert!(over_v2.contains(&"GetAuthorizationToken") && !over_v2.contains(&"DescribeImages"));
        let bare = names(Push { reuses: false, ..plain });
        assert!(bare.contains(&"BatchGetImage") && !bare.contains(&"GetDownloadUrlForLayer"));
        let created = names(Push { creation: Creation::WithLifecyclePolicy, ..plain });
        assert_eq!(created.len(), actions.len() + 3);
    }

    #[test]
    fn no_action_comes_twice() {
        for creation in [Creation::Never, Creation::IfAbsent, Creation::WithLifecyclePolicy] {
            for (over_v2, reuses) in [(false, false), (false, true), (true, false), (true, true)] {
                let mut actions = names(Push { creation, over_v2, reuses });
                let count = actions.len();
                actions.sort_unstable();
                actions.dedup();
                assert_eq!(actions.len(), count);
            }
        }
    }
}
