//! The constraints of the model, and the words in which ECR says that one is not met.

use super::super::error::ApiError;
use crate::base::RepositoryName;

const REPOSITORY_NAME: &str = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*";
/// Characters of a tag, by the model. OCI's grammar allows 128.
pub(in crate::emulator) const MAX_TAG: usize = 300;
const DIGEST: &str = "[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+";

/// The member, which must be there.
pub(super) fn required<T>(member: &str, value: Option<T>) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::invalid_parameter(member, "Member must not be null"))
}

/// One of the values of an enumeration.
pub(super) fn one_of<'a>(member: &str, value: &'a str, values: &[&str]) -> Result<&'a str, ApiError> {
    if values.contains(&value) {
        return Ok(value);
    }
    let text = format!("Member must satisfy enum value set: [{}]", values.join(", "));
    Err(ApiError::invalid_parameter(member, text))
}

/// A prefix of repositories as cache rules and templates have it: a name that may end in `/`, or `ROOT`.
pub(super) fn prefix<'a>(
    member: &str,
    value: Option<&'a str>,
    (min, max): (usize, usize),
) -> Result<&'a str, ApiError> {
    let value = required(member, value)?;
    count(member, value.chars().count(), min, max)?;
    // A name has two characters at least; a prefix need not.
    let name = format!("x/{}", value.strip_suffix('/').unwrap_or(value));
    if value == "ROOT" || name.parse::<RepositoryName>().is_ok() {
        return Ok(value);
    }
    Err(pattern(
        member,
        r"^([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\/?|ROOT)$",
    ))
}

/// A text of at most `max` characters.
pub(super) fn text<'a>(
    member: &str,
    value: Option<&'a str>,
    max: usize,
) -> Result<Option<&'a str>, ApiError> {
    if let Some(value) = value {
        count(member, value.chars().count(), 0, max)?;
    }
    Ok(value)
}

pub(super) fn pattern(member: &str, pattern: &str) -> ApiError {
    ApiError::invalid_parameter(member, format!("must satisfy regular expression '{pattern}'"))
}

/// Between `min` and `max` entries.
pub(super) fn count(member: &str, found: usize, min: usize, max: usize) -> Result<(), ApiError> {
    let fail = |bound: &str, limit: usize| {
        let text = format!("Member must have length {bound} than or equal to {limit}");
        Err(ApiError::invalid_parameter(member, text))
    };
    match found {
        _ if found < min => fail("greater", min),
        _ if found > max => fail("less", max),
        _ => Ok(()),
    }
}

/// Between `min` and `max`.
pub(super) fn range(member: &str, found: i64, min: i64, max: i64) -> Result<i64, ApiError> {
    let fail = |bound: &str, limit: i64| {
        let text = format!("Member must have value {bound} than or equal to {limit}");
        Err(ApiError::invalid_parameter(member, text))
    };
    match found {
        _ if found < min => fail("greater", min),
        _ if found > max => fail("less", max),
        _ => Ok(found),
    }
}

pub(super) fn registry_id(id: &str) -> Result<&str, ApiError> {
    let legal = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    if legal { Ok(id) } else { Err(pattern("registryId", "[0-9]{12}")) }
}

pub(super) fn repository_name<'a>(member: &str, name: Option<&'a str>) -> Result<&'a str, ApiError> {
    let name = required(member, name)?;
    count(member, name.chars().count(), 2, 256)?;
    match name.parse::<RepositoryName>() {
        Ok(_) => Ok(name),
        Err(_) => Err(pattern(member, REPOSITORY_NAME)),
    }
}

/// A tag of at most `max` characters, in OCI's grammar: what has another can't be pulled.
pub(in crate::emulator) fn image_tag<'a>(
    member: &str,
    tag: &'a str,
    max: usize,
) -> Result<&'a str, ApiError> {
    count(member, tag.chars().count(), 1, MAX_TAG)?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if tag.len() <= max && tag.bytes().all(legal) && !tag.starts_with(['.', '-']) {
        Ok(tag)
    } else {
        Err(pattern(member, &format!("[a-zA-Z0-9_][a-zA-Z0-9._-]{{0,{}}}", max - 1)))
    }
}

/// Whether `text` has the shape of a digest, which need not be one that ECR can compute.
pub(super) fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, digits)| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+.".contains(&byte);
        !algorithm.is_empty()
            && algorithm.bytes().all(legal)
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

pub(super) fn digest<'a>(member: &str, text: &'a str) -> Result<&'a str, ApiError> {
    if is_digest(text) { Ok(text) } else { Err(pattern(member, DIGEST)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_ecr() {
        assert_eq!(
            range("maxResults", 1001, 1, 1000).unwrap_err().message,
            "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or \
             equal to 1000'"
        );
        let message = repository_name("repositoryName", Some("Shop")).unwrap_err().message;
        assert!(message.starts_with(
            "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '"
        ));
    }

    #[test]
    fn digests_have_a_shape() {
        assert!(is_digest("sha256:0aF") && is_digest("sha512:00"));
        for wrong in ["", ":", "sha256:", ":00", "sha256:xyz", "sha 256:00", "../x"] {
            assert!(!is_digest(wrong), "{wrong}");
        }
    }
}
