//! An identity token in exchange for a token of the registry: the OAuth 2 way of logging in, which `oci-client`
//! does not know and the registries of Azure use (<https://distribution.github.io/distribution/spec/auth/oauth/>).

use super::failure::{Trouble, judged};
use crate::auth::AuthError;
use crate::base::Secret;
use reqwest::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use url::form_urlencoded::Serializer;

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token: Option<String>,
}

/// Who gives tokens for a registry.
#[derive(Debug, PartialEq, Eq)]
struct Realm {
    url: Url,
    service: Option<String>,
}

impl Realm {
    /// Reads a `WWW-Authenticate`; none if it does not ask for a Bearer token.
    fn of(challenge: &str) -> Option<Self> {
        let challenges = http_auth::parse_challenges(challenge).ok()?;
        let bearer = challenges.iter().find(|one| one.scheme.eq_ignore_ascii_case("bearer"))?;
        let parameter = |wanted: &str| {
            let mut all = bearer.params.iter();
            all.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.to_unescaped())
        };
        Some(Self { url: parameter("realm")?.parse().ok()?, service: parameter("service") })
    }
}

/// Asks for a token of `scope` at the server that `root` names.
pub(super) async fn exchange(
    http: &reqwest::Client,
    root: &Url,
    identity: &Secret,
    scope: &str,
) -> Result<Secret, Trouble> {
    let answer = http.get(root.clone()).timeout(PATIENCE).send().await.map_err(super::failure::no_answer)?;
    let header = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let unusable = |what| Trouble::For(Arc::new(AuthError::Unusable { what }).into());
    let realm =
        header.and_then(Realm::of).ok_or_else(|| unusable("an identity token, for this registry,"))?;
    let request = http
        .post(realm.url)
        .timeout(PATIENCE)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form(identity, scope, realm.service.as_deref()));
    let answer = judged(request.send().await).await?;
    let answer: Answer = answer.json().await.map_err(super::failure::no_answer)?;
    answer
        .access_token
        .or(answer.token)
        .map(Secret::from)
        .ok_or_else(|| unusable("the answer of the token server"))
}

/// What is sent.
fn form(identity: &Secret, scope: &str, service: Option<&str>) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("client_id", "consign");
    form.append_pair("scope", scope).append_pair("refresh_token", identity.expose());
    if let Some(service) = service {
        form.append_pair("service", service);
    }
    form.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let realm =
            Realm::of(r#"Bearer realm="https://a.example/token",service="r.example",scope="x:y:pull""#);
        let expected =
            Realm { url: "https://a.example/token".parse().unwrap(), service: Some("r.example".into()) };
        assert_eq!(realm, Some(expected));
        let both = Realm::of(r#"Basic realm="x", Bearer realm="https://a.example/t""#).unwrap();
        assert_eq!((both.url.path(), both.service), ("/t", None));
        for none in ["", r#"Basic realm="https://a.example/""#, "Bearer", r#"Bearer realm="not a URL""#] {
            assert_eq!(Realm::of(none), None, "{none}");
        }
    }
}
