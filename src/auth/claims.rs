//! What an OIDC token says about itself, for messages. The token is not verified here; STS does that.

use crate::base::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The claims that a trust policy can be about
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Claims {
    /// Who issued it.
    pub iss: Option<String>,
    /// Whom it is about.
    pub sub: Option<String>,
    /// For whom it was issued.
    pub aud: Option<Audience>,
    /// When it ends, in seconds since 1970.
    pub exp: Option<i64>,
}

/// One audience or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Audience {
    /// The usual form.
    One(String),
    /// The other form that JWT allows.
    Many(Vec<String>),
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(audience) => f.write_str(audience),
            Self::Many(audiences) => f.write_str(&audiences.join(", ")),
        }
    }
}

impl Audience {
    /// The one that AWS goes by: the first.
    pub fn first(&self) -> Option<&str> {
        match self {
            Self::One(audience) => Some(audience),
            Self::Many(audiences) => audiences.first().map(String::as_str),
        }
    }
}

impl Claims {
    /// Reads the claims of a JWT, or none if it is not one. The signature is never looked at, so it can't get
    /// into a message.
    pub fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
    }

    /// When it ends.
    pub fn expires(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.exp?).ok()
    }

    /// The issuer as IAM's provider ARN and condition keys have it: without `https://`.
    pub fn provider(&self) -> Option<&str> {
        let issuer = self.iss.as_deref()?;
        Some(issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://")).unwrap_or(issuer))
    }
}

impl fmt::Display for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let none = "(none)";
        write!(
            f,
            "iss={} sub={} aud={}",
            self.iss.as_deref().unwrap_or(none),
            self.sub.as_deref().unwrap_or(none),
            self.aud.as_ref().map_or_else(|| none.to_owned(), Audience::to_string)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_token_and_refuses_what_is_none() {
        let payload = URL_SAFE_NO_PAD.encode(
            r#"{"iss":"https://token.actions.githubusercontent.com","sub":"repo:o/r:ref:refs/heads/main","aud":"sts.amazonaws.com","exp":1}"#,
        );
        let claims = Claims::of(&format!("eyJ.{payload}.c2lnbmF0dXJl")).unwrap();
        assert_eq!(claims.provider(), Some("token.actions.githubusercontent.com"));
        assert_eq!(
            claims.to_string(),
            "iss=https://token.actions.githubusercontent.com sub=repo:o/r:ref:refs/heads/main \
             aud=sts.amazonaws.com"
        );
        for bad in ["", "a", "a.b.c", "a.!!.c"] {
            assert_eq!(Claims::of(bad), None);
        }
    }
}
