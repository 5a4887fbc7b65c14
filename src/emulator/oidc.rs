//! The OIDC issuer: discovery, keys, and tokens in GitHub's shape.
//!
//! Sources: [OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html), and GitHub's
//! [token claims](https://docs.github.com/en/actions/reference/security/oidc).

use super::error::StartError;
use super::seal;
use crate::base::{Secret, Timestamp};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::Path;

/// How long a token of the job endpoint holds, as GitHub's do.
pub(super) const JOB_TOKEN_SECONDS: i64 = 300;
/// How long the token in the file holds; like Kubernetes, the emulator writes a new one long before that.
pub(super) const FILE_TOKEN_SECONDS: i64 = 24 * 3600;

/// The issuer.
#[derive(Debug)]
pub(super) struct Issuer {
    /// `http://127.0.0.1:4566/oidc`; what tokens carry as `iss`.
    pub(super) url: String,
    /// What a job shows to get a token.
    pub(super) request_token: Secret,
    key: RsaKeyPair,
    key_id: String,
    /// What its tokens say in place of the built-in claims.
    claims: Map<String, Value>,
}

/// The claims of a token. `aud` is a list when it is read and may be one text.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: Option<String>,
    pub(super) sub: Option<String>,
    #[serde(default)]
    pub(super) aud: Audience,
    pub(super) azp: Option<String>,
    pub(super) exp: Option<i64>,
    pub(super) iat: Option<i64>,
    pub(super) nbf: Option<i64>,
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

/// One audience or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Audience {
    pub(super) fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// Why a token is not accepted before its claims are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenFlaw {
    /// It is not a JWT.
    Malformed,
    /// It names a key that the issuer does not publish, or its signature is not that key's.
    Key,
}

#[derive(Serialize, Deserialize)]
struct Header<'a> {
    alg: &'a str,
    #[serde(default)]
    kid: Option<&'a str>,
    #[serde(default)]
    typ: Option<&'a str>,
}

/// The claims of `token`, whoever signed it; STS reads `iss` there to find the provider.
pub(super) fn peek(token: &str) -> Result<Claims, TokenFlaw> {
    let (_, body, _) = split(token)?;
    let json = BASE64_URL_SAFE_NO_PAD.decode(body).map_err(|_| TokenFlaw::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenFlaw::Malformed)
}

fn split(token: &str) -> Result<(&str, &str, &str), TokenFlaw> {
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenFlaw::Malformed)?;
    let (header, body) = signed.split_once('.').ok_or(TokenFlaw::Malformed)?;
    Ok((header, body, signature))
}

impl Issuer {
    /// The issuer at `url` with the key kept at `path` (PKCS #8, DER), made there if there is none.
    pub(super) fn open(path: &Path, url: String) -> Result<Self, StartError> {
        let der = seal::read_or_create(path, || {
            let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| StartError::Key)?;
            let der = key.as_der().map_err(|_| StartError::Key)?;
            Ok(der.as_ref().to_vec())
        })?;
        let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| StartError::Key)?;
        let key_id = hex::encode_upper(&super::sigv4::sha256_hex(key.public_key().as_ref()).as_bytes()[..20]);
        let request_token = Secret::new(BASE64_URL_SAFE_NO_PAD.encode(seal::random::<48>()));
        Ok(Self { url, request_token, key, key_id, claims: Map::new() })
    }

    /// The same, whose tokens say `claims` in place of the built-in ones.
    pub(super) fn with_claims(self, claims: Map<String, Value>) -> Self {
        Self { claims, ..self }
    }

    /// `GET …/.well-known/openid-configuration`
    pub(super) fn discovery(&self) -> Value {
        let url = &self.url;
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}/.well-known/jwks"),
            "subject_types_supported": ["public", "pairwise"],
            "response_types_supported": ["id_token"],
            "claims_supported": [
                "sub", "aud", "exp", "iat", "iss", "jti", "nbf", "ref", "sha", "repository",
                "repository_id", "repository_owner", "repository_owner_id", "run_id", "run_number",
                "run_attempt", "actor", "actor_id", "workflow", "workflow_ref", "workflow_sha", "head_ref",
                "base_ref", "event_name", "ref_type", "environment", "job_workflow_ref", "job_workflow_sha",
                "runner_environment", "repository_visibility"
            ],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
        })
    }

    /// `GET …/.well-known/jwks`
    pub(super) fn jwks(&self) -> Value {
        let (modulus, exponent) = self.public();
        json!({ "keys": [{
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.key_id,
            "n": BASE64_URL_SAFE_NO_PAD.encode(modulus),
            "e": BASE64_URL_SAFE_NO_PAD.encode(exponent),
        }]})
    }

    fn public(&self) -> (Vec<u8>, Vec<u8>) {
        let key = self.key.public_key();
        let modulus = key.modulus().big_endian_without_leading_zero().to_vec();
        (modulus, key.exponent().big_endian_without_leading_zero().to_vec())
    }

    /// A token for the job of [`JOB`], or for another `subject`.
    pub(super) fn mint(
        &self,
        audience: &str,
        subject: Option<&str>,
        now: Timestamp,
        lifetime_seconds: i64,
    ) -> Secret {
        let now = now.as_second();
        let mut claims = job_claims();
        claims["iss"] = self.url.as_str().into();
        claims["aud"] = audience.into();
        claims["jti"] = uuid::Uuid::new_v4().to_string().into();
        claims["nbf"] = (now - 300).into();
        claims["iat"] = now.into();
        claims["exp"] = (now + lifetime_seconds).into();
        for (claim, value) in &self.claims {
            claims[claim] = value.clone();
        }
        if let Some(subject) = subject {
            claims["sub"] = subject.into();
        }
        self.sign(&claims)
    }

    /// Any claims, signed.
    pub(super) fn sign(&self, claims: &Value) -> Secret {
        let header = Header { alg: "RS256", kid: Some(&self.key_id), typ: Some("JWT") };
        let header = serde_json::to_vec(&header).expect("invariant: three texts");
        let text = format!(
            "{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(header),
            BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .expect("invariant: the buffer has the key's length");
        Secret::new(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Whether the signature of `token` is by the key that this issuer publishes.
    pub(super) fn verify(&self, token: &str) -> Result<(), TokenFlaw> {
        let (header, body, signature) = split(token)?;
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenFlaw::Malformed);
        let json = decode(header)?;
        let parsed: Header<'_> = serde_json::from_slice(&json).map_err(|_| TokenFlaw::Malformed)?;
        if parsed.alg != "RS256" || parsed.kid != Some(&self.key_id) {
            return Err(TokenFlaw::Key);
        }
        let (n, e) = self.public();
        let signed = &token[..=header.len() + body.len()];
        PublicKeyComponents { n, e }
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decode(signature)?)
            .map_err(|_| TokenFlaw::Key)
    }
}

/// The job that every token is about. The subject is what the trust policy of the built-in role names.
fn job_claims() -> Value {
    json!({
        "sub": "repo:consign/demo:ref:refs/heads/main",
        "ref": "refs/heads/main",
        "sha": "8f5b1c1f6d0a4e7b9c2d3e4f5a6b7c8d9e0f1a2b",
        "repository": "consign/demo",
        "repository_owner": "consign",
        "repository_owner_id": "1001",
        "repository_id": "2002",
        "repository_visibility": "private",
        "run_id": "3003",
        "run_number": "42",
        "run_attempt": "1",
        "actor": "octocat",
        "actor_id": "4004",
        "workflow": "release",
        "workflow_ref": "consign/demo/.github/workflows/release.yml@refs/heads/main",
        "workflow_sha": "8f5b1c1f6d0a4e7b9c2d3e4f5a6b7c8d9e0f1a2b",
        "job_workflow_ref": "consign/demo/.github/workflows/release.yml@refs/heads/main",
        "job_workflow_sha": "8f5b1c1f6d0a4e7b9c2d3e4f5a6b7c8d9e0f1a2b",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_type": "branch",
        "ref_protected": "true",
        "runner_environment": "github-hosted",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> (tempfile::TempDir, Issuer) {
        let directory = tempfile::tempdir().unwrap();
        let issuer = Issuer::open(&directory.path().join("key"), "http://127.0.0.1:1/oidc".into()).unwrap();
        (directory, issuer)
    }

    #[test]
    fn another_library_accepts_its_tokens_by_its_published_keys() {
        let (_directory, issuer) = issuer();
        let token = issuer.mint("sts.amazonaws.com", None, Timestamp::UNIX_EPOCH, JOB_TOKEN_SECONDS);
        let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(issuer.jwks()).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(&keys.keys[0]).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
        validation.validate_exp = false;
        validation.set_audience(&["sts.amazonaws.com"]);
        let claims = jsonwebtoken::decode::<Value>(token.expose(), &key, &validation).unwrap().claims;
        assert_eq!(claims["sub"], "repo:consign/demo:ref:refs/heads/main");
        assert_eq!(claims["exp"], JOB_TOKEN_SECONDS);
    }

    #[test]
    fn the_key_is_kept_and_others_are_refused() {
        let (directory, first) = issuer();
        let token = first.mint("a", None, Timestamp::UNIX_EPOCH, 60);
        let again = Issuer::open(&directory.path().join("key"), "http://127.0.0.1:2/oidc".into()).unwrap();
        assert_eq!(again.verify(token.expose()), Ok(()));
        let (_other_directory, other) = issuer();
        assert_eq!(other.verify(token.expose()), Err(TokenFlaw::Key));
        let mut forged: Vec<&str> = token.expose().split('.').collect();
        let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":"repo:evil/x:ref:refs/heads/main"}"#);
        forged[1] = &claims;
        assert_eq!(first.verify(&forged.join(".")), Err(TokenFlaw::Key));
        assert_eq!(first.verify("not a token"), Err(TokenFlaw::Malformed));
    }
}
