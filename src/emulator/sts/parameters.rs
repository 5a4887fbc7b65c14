//! The parameters that both ways of assuming a role have, and the complaints of STS about them.

use super::super::app::App;
use super::super::error::ApiError;
use super::super::iam::{Attached, Bounds, Document};
use super::Form;
use std::collections::BTreeMap;
use std::io::Write as _;

/// Characters that the policies of a session may have together.
const MAX_POLICY: usize = 2048;
/// Bytes that the policies and tags of a session may have, compressed. What STS really does is not known; that
/// both count, compressed, is.
const MAX_PACKED: u64 = 2048;

/// `ValidationError` as STS words it.
pub(super) fn invalid(member: &str, value: &str, constraint: &str) -> ApiError {
    refuse(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

/// `ValidationError` in other words.
pub(super) fn refuse(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

pub(super) fn required<'f>(
    form: &'f Form<'_>,
    name: &str,
    member: &str,
    min: usize,
    max: usize,
) -> Result<&'f str, ApiError> {
    optional(form, name, member, min, max)?.ok_or_else(|| {
        refuse(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be \
             null"
        ))
    })
}

pub(super) fn optional<'f>(
    form: &'f Form<'_>,
    name: &str,
    member: &str,
    min: usize,
    max: usize,
) -> Result<Option<&'f str>, ApiError> {
    let Some(value) = form.get(name) else { return Ok(None) };
    let length = value.chars().count();
    // A token is a secret; the message does not repeat it.
    let shown = if member == "webIdentityToken" { "" } else { value };
    if length < min {
        return Err(invalid(
            member,
            shown,
            &format!("Member must have length greater than or equal to {min}"),
        ));
    }
    if length > max {
        return Err(invalid(member, shown, &format!("Member must have length less than or equal to {max}")));
    }
    Ok(Some(value))
}

/// `RoleArn` and `RoleSessionName`.
pub(super) fn role_and_name<'f>(form: &'f Form<'_>) -> Result<(&'f str, &'f str), ApiError> {
    let arn = required(form, "RoleArn", "roleArn", 20, 2048)?;
    let name = required(form, "RoleSessionName", "roleSessionName", 2, 64)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !name.chars().all(legal) {
        let constraint = r"Member must satisfy regular expression pattern: [\w+=,.@-]*";
        return Err(invalid("roleSessionName", name, constraint));
    }
    match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", _, "iam", "", account, resource]
            if account.len() == 12 && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty()) =>
        {
            Ok((arn, name))
        }
        _ => Err(refuse(format!("{arn} is invalid"))),
    }
}

/// The account in the ARN of a role.
pub(super) fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

pub(super) fn duration(form: &Form<'_>) -> Result<i64, ApiError> {
    let Some(text) = form.get("DurationSeconds") else { return Ok(3600) };
    match text.parse::<i64>() {
        Err(_) => Err(ApiError::new("MalformedInput", "DurationSeconds is not a number")),
        Ok(..900) => {
            Err(invalid("durationSeconds", text, "Member must have value greater than or equal to 900"))
        }
        Ok(43_201..) => {
            Err(invalid("durationSeconds", text, "Member must have value less than or equal to 43200"))
        }
        Ok(seconds) => Ok(seconds),
    }
}

/// `Policy` and `PolicyArns`.
pub(super) fn bounds(app: &App, form: &Form<'_>) -> Result<Bounds, ApiError> {
    let policy = optional(form, "Policy", "policy", 1, usize::MAX)?;
    let arns: Vec<String> = form.members("PolicyArns", ".arn").map(str::to_owned).collect();
    if arns.len() > 10 {
        let constraint = "Member must have length less than or equal to 10";
        return Err(invalid("policyArns", &format!("[{}]", arns.join(", ")), constraint));
    }
    let plain =
        policy.map_or(0, |policy| policy.chars().count()) + arns.iter().map(String::len).sum::<usize>();
    if plain > MAX_POLICY {
        return Err(too_large(&format!("{plain} characters of {MAX_POLICY}")));
    }
    let malformed = |message: String| ApiError::new("MalformedPolicyDocument", message);
    if let Some(policy) = policy {
        Document::parse(policy, Attached::Identity)
            .map_err(|reason| malformed(format!("The policy is not in the valid JSON format: {reason}")))?;
    }
    for arn in &arns {
        if app.iam.policy(arn).is_none() {
            return Err(malformed(format!("The specified policy {arn} does not exist")));
        }
    }
    Ok(Bounds { policy: policy.map(str::to_owned), arns })
}

fn too_large(what: &str) -> ApiError {
    ApiError::new(
        "PackedPolicyTooLarge",
        format!("Packed size of session tags and session policies is larger than allowed: {what}"),
    )
}

/// How much of the room for policies and tags they take, in percent; none if there are none.
pub(super) fn packed_size(
    bounds: &Bounds,
    tags: &BTreeMap<String, String>,
    transitive: &[String],
) -> Result<Option<u64>, ApiError> {
    if bounds.policy.is_none() && bounds.arns.is_empty() && tags.is_empty() {
        return Ok(None);
    }
    let content = serde_json::to_vec(&(bounds, tags, transitive)).map_err(ApiError::server)?;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&content)?;
    let packed = encoder.finish()?.len() as u64;
    let percent = (packed * 100).div_ceil(MAX_PACKED);
    if percent > 100 {
        return Err(too_large(&format!("{percent}% of the limit")));
    }
    Ok(Some(percent))
}

/// The role lets its sessions last for `duration` seconds.
pub(super) fn check_duration(duration: i64, max: i64) -> Result<(), ApiError> {
    if duration > max {
        return Err(refuse(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_bounds() {
        let duration = |text: &str| duration(&Form::parse(format!("DurationSeconds={text}").as_bytes()));
        assert_eq!(super::duration(&Form::parse(b"")).unwrap(), 3600);
        assert_eq!(duration("900").unwrap(), 900);
        for wrong in ["899", "43201", "-1", "x", "99999999999999999999"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn roles_are_named_by_their_arns() {
        let read = |arn: &str| {
            let body = format!("RoleSessionName=job&RoleArn={arn}");
            role_and_name(&Form::parse(body.as_bytes())).map(|(arn, _)| account_of(arn).to_owned())
        };
        assert_eq!(read("arn:aws:iam::123456789012:role/ci/deploy").unwrap(), "123456789012");
        for wrong in ["deploy", "arn:aws:iam::123456789012:user/deploy", "arn:aws:iam::12:role/a/b/c"] {
            assert_eq!(read(wrong).unwrap_err().code, "ValidationError", "{wrong}");
        }
    }

    #[test]
    fn what_compresses_badly_is_too_large() {
        let none = Bounds::default();
        assert_eq!(packed_size(&none, &BTreeMap::new(), &[]).unwrap(), None);
        let few = BTreeMap::from([("team".to_owned(), "shop".to_owned())]);
        assert!((1..10).contains(&packed_size(&none, &few, &[]).unwrap().unwrap()));
        let many = (0..50_u8).map(|index| {
            let value: String =
                (0..4).map(|part| crate::base::BlobDigest::of(&[index, part]).hex()).collect();
            (format!("tag-{index}"), value)
        });
        assert_eq!(packed_size(&none, &many.collect(), &[]).unwrap_err().code, "PackedPolicyTooLarge");
    }
}
