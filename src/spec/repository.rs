//! How a repository of ECR is to be, as far as a file or an option says so, and ECR's rules for single values.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings of a repository; what is not set is left as it is, and is ECR's default where the repository is new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositorySettings {
    /// Which repository: a name, or a reference with a registry's host, without tag and digest.
    pub name: Option<String>,
    /// Whether a tag can be moved: one of [`MUTABILITIES`].
    pub tag_mutability: Option<String>,
    /// Wildcards that except tags from `tag_mutability`.
    pub tag_mutability_exclusions: Vec<String>,
    /// Whether each image is scanned when it arrives.
    pub scan_on_push: Option<bool>,
    /// How it is encrypted.
    pub encryption: Option<Encryption>,
    /// The lifecycle policy.
    pub lifecycle: Option<PolicySource>,
    /// The policy that says who may do what with it.
    pub policy: Option<PolicySource>,
    /// Tags that it carries as an AWS resource.
    pub tags: BTreeMap<String, String>,
    /// What the gallery of ECR Public shows about it.
    pub catalog: Option<CatalogSettings>,
}

/// How a repository is encrypted. It can't be changed later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// One of [`ENCRYPTIONS`].
    pub kind: String,
    /// Id, ARN or alias of the key, which `AES256` does not have.
    pub key: Option<String>,
}

/// Where the JSON document of a policy is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicySource {
    /// A file below the folder of the `consign.yaml`.
    File(PathBuf),
    /// It stands in the `consign.yaml`.
    Inline(serde_json::Value),
    /// There shall be none.
    Nothing,
}

/// A text, or where it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextSource {
    /// A file below the folder of the `consign.yaml`.
    File(PathBuf),
    /// It stands in the `consign.yaml`.
    Inline(String),
}

/// What the gallery of ECR Public shows about a repository
/// (<https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_RepositoryCatalogDataInput.html>). What is not
/// set is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogSettings {
    /// A line for lists and searches.
    pub description: Option<String>,
    /// What it is, in Markdown.
    pub about_text: Option<TextSource>,
    /// How it is used, in Markdown.
    pub usage_text: Option<TextSource>,
    /// `Linux`, `Windows`.
    pub operating_systems: Option<Vec<String>>,
    /// `ARM`, `ARM 64`, `x86`, `x86-64`.
    pub architectures: Option<Vec<String>>,
    /// A picture below the folder of the `consign.yaml`.
    pub logo: Option<PathBuf>,
}

/// Whether a tag can be moved
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html>).
pub const MUTABILITIES: [&str; 4] =
    ["MUTABLE", "IMMUTABLE", "MUTABLE_WITH_EXCLUSION", "IMMUTABLE_WITH_EXCLUSION"];

/// How a repository can be encrypted (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html>).
pub const ENCRYPTIONS: [&str; 3] = ["AES256", "KMS", "KMS_DSSE"];

/// Exclusion filters of a repository, at most.
const MAX_FILTERS: usize = 5;
/// Tags of a resource, at most.
const MAX_TAGS: usize = 50;

/// What is wrong with a value, and what to do about it.
pub type Wrong = (String, &'static str);

/// Whether filters can stand beside `mutability`: the settings with exclusions need them, the others have none. By the
/// model of ECR's API there are 1 to 5.
pub fn check_exclusions(mutability: Option<&str>, filters: usize) -> Result<(), Wrong> {
    let takes = mutability.is_some_and(|setting| setting.ends_with("_EXCLUSION"));
    match (mutability, filters) {
        (Some(setting), 0) if takes => Err((
            format!("`{setting}` needs exclusions: the tags for which it does not hold"),
            "name some with wildcards, such as `latest` or `dev-*`, or leave out `_WITH_EXCLUSION`",
        )),
        (_, 1..) if !takes => Err((
            "exclusions without a tag mutability that has them".into(),
            "set it to `IMMUTABLE_WITH_EXCLUSION` or `MUTABLE_WITH_EXCLUSION`",
        )),
        (_, count) if count > MAX_FILTERS => {
            Err((format!("there are {count} exclusions, and ECR takes {MAX_FILTERS}"), "join some with `*`"))
        }
        _ => Ok(()),
    }
}

/// Whether `filter` is one by the model of ECR's API.
pub fn check_filter(filter: &str) -> Result<(), Wrong> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._*-".contains(c);
    if (1..=128).contains(&filter.len()) && filter.chars().all(legal) {
        return Ok(());
    }
    let hint = "it is made of 1 to 128 letters, digits and `.`, `_`, `-`, and of `*` for any characters";
    Err((format!("`{filter}` can't exclude tags"), hint))
}

/// Whether `key` and `value` can be a tag of a resource
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-using-tags.html>).
pub fn check_tag(key: &str, value: &str) -> Result<(), Wrong> {
    let legal = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    let hint = if !(1..=128).contains(&key.chars().count()) {
        "a key has 1 to 128 characters"
    } else if value.chars().count() > 256 {
        "a value has at most 256 characters"
    } else if key.to_lowercase().starts_with("aws:") {
        "keys that begin with `aws:` are AWS's own"
    } else if !key.chars().chain(value.chars()).all(legal) {
        "it is made of letters, digits, spaces and `_.:/=+-@`"
    } else {
        return Ok(());
    };
    Err((format!("`{key}` can't be a tag of a resource with the value `{value}`"), hint))
}

/// Whether a resource can have so many tags.
pub fn check_tags(count: usize) -> Result<(), Wrong> {
    if count <= MAX_TAGS {
        return Ok(());
    }
    Err((format!("there are {count} tags, and a repository has at most {MAX_TAGS}"), "leave some out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_come_with_the_settings_that_have_them() {
        for (mutability, filters) in [
            (None, 0),
            (Some("MUTABLE"), 0),
            (Some("IMMUTABLE_WITH_EXCLUSION"), 1),
            (Some("MUTABLE_WITH_EXCLUSION"), 5),
        ] {
            assert!(check_exclusions(mutability, filters).is_ok(), "{mutability:?} {filters}");
        }
        for (mutability, filters) in [
            (None, 1),
            (Some("IMMUTABLE"), 1),
            (Some("IMMUTABLE_WITH_EXCLUSION"), 0),
            (Some("MUTABLE_WITH_EXCLUSION"), 6),
        ] {
            assert!(check_exclusions(mutability, filters).is_err(), "{mutability:?} {filters}");
        }
    }

    #[test]
    fn filters_and_tags() {
        for good in ["latest", "*", "v1.*", "a_b-C9", &"x".repeat(128)] {
            assert!(check_filter(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a?", "a/b", "é", &"x".repeat(129)] {
            assert!(check_filter(bad).is_err(), "{bad}");
        }
        assert!(check_tag("team", "").is_ok() && check_tag("cost centre", "a+b@c=d/é").is_ok());
        for (key, value) in
            [("", "x"), ("aws:x", "y"), ("AWS:x", "y"), ("a*", "x"), ("a", "x\n"), ("a", &"x".repeat(257))]
        {
            assert!(check_tag(key, value).is_err(), "{key}={value}");
        }
        assert!(check_tags(50).is_ok() && check_tags(51).is_err());
    }
}
