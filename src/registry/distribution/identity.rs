//! Tokens that `oci-client` does not get: for two repositories at once, which a mount needs; for an identity token, in
//! OAuth 2's way, which the registries of Azure use (<https://distribution.github.io/distribution/spec/auth/oauth/>);
//! and for anonymous users, where a registry asks for one only when it is asked for a repository.

use super::failure::{Trouble, judged, no_answer};
use crate::auth::{AuthError, Login};
use crate::base::Secret;
use reqwest::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use url::form_urlencoded::Serializer;

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

/// Asks for a token of all of `scopes`, for whoever logs in. `asked` is an address of the registry whose answer says who
/// gives tokens; none if it asks for none.
pub(super) async fn token(
    http: &reqwest::Client,
    asked: &Url,
    login: &Login,
    scopes: &[String],
    patience: Duration,
) -> Result<Option<Secret>, Trouble> {
    let answer = http.get(asked.clone()).timeout(patience).send().await.map_err(no_answer)?;
    let header = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let Some(realm) = header.and_then(Realm::of) else { return Ok(None) };
    let request = match login {
        Login::IdentityToken(identity) => http
            .post(realm.url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form(identity, &scopes.join(" "), realm.service.as_deref())),
        Login::Anonymous => http.get(question(realm, scopes)),
        Login::Password { user, password } => {
            http.get(question(realm, scopes)).basic_auth(user, Some(password.expose()))
        }
    };
    let answer = judged(request.timeout(patience).send().await).await?;
    let answer: Answer = answer.json().await.map_err(no_answer)?;
    match answer.access_token.or(answer.token) {
        Some(token) => Ok(Some(Secret::from(token))),
        None => Err(unusable("the answer of the token server")),
    }
}

/// An identity token in exchange for a token of `scope`.
pub(super) async fn exchange(
    http: &reqwest::Client,
    root: &Url,
    login: &Login,
    scope: String,
    patience: Duration,
) -> Result<Secret, Trouble> {
    let token = token(http, root, login, &[scope], patience).await?;
    token.ok_or_else(|| unusable("an identity token, for this registry,"))
}

fn unusable(what: &'static str) -> Trouble {
    Trouble::For(Arc::new(AuthError::Unusable { what }).into())
}

/// Where a token is asked for (<https://distribution.github.io/distribution/spec/auth/token/>).
fn question(realm: Realm, scopes: &[String]) -> Url {
    let mut url = realm.url;
    {
        let mut query = url.query_pairs_mut();
        query.extend_pairs(realm.service.iter().map(|service| ("service", service)));
        query.extend_pairs(scopes.iter().map(|scope| ("scope", scope)));
    }
    url
}

/// What is sent for an identity token.
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
    fn what_is_asked() {
        let realm = Realm { url: "https://a.example/token?a=b".parse().unwrap(), service: Some("r".into()) };
        let scopes = ["repository:x/y:pull,push".to_owned(), "repository:z:pull".to_owned()];
        assert_eq!(
            question(realm, &scopes).as_str(),
            "https://a.example/token?a=b&service=r&scope=repository%3Ax%2Fy%3Apull%2Cpush&scope=repository%3Az%3Apull"
        );
    }

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
