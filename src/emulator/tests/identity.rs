//! Who is let in, and who is not.

use super::*;

#[tokio::test]
async fn sts_really_verifies() {
    let bench = Bench::new().await;
    let mint = |audience, subject| bench.emulator.identity_token(audience, subject).expose().to_owned();
    let good = mint("sts.amazonaws.com", None);
    let mut forged = good.clone();
    forged.replace_range(good.len() - 9..good.len() - 5, "AAAA");
    let stranger = {
        let claims = BASE64_STANDARD.encode(r#"{"iss":"https://token.example","aud":"a","sub":"b"}"#);
        format!("e30.{}.AAAA", claims.trim_end_matches('='))
    };
    let sign = |claims: &Value| bench.emulator.app.issuer.sign(claims).expose().to_owned();
    let url = bench.emulator.app.issuer.url.clone();
    let no_aud =
        sign(&json!({ "iss": url, "sub": "repo:consign/demo:x", "exp": 9_999_999_999_i64, "iat": 0 }));
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let other = role("other");
    for (token, extra, status, code, message) in [
        (&mint("wrong", None), vec![], 400, "InvalidIdentityToken", "Incorrect token audience"),
        (&no_aud, vec![], 400, "InvalidIdentityToken", "Missing a required claim: aud"),
        (&forged, vec![], 400, "InvalidIdentityToken", "retrieve verification key"),
        (&stranger, vec![], 400, "InvalidIdentityToken", "No OpenIDConnect provider found"),
        (&"garbage".to_owned(), vec![], 400, "InvalidIdentityToken", "not a valid JWT"),
        (
            &mint("sts.amazonaws.com", Some("repo:evil/x:ref:refs/heads/main")),
            vec![],
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
        (&good, vec![("RoleArn", other.as_str())], 403, "AccessDenied", "Not authorized"),
        (&good, vec![("DurationSeconds", "60")], 400, "ValidationError", "greater than or equal to 900"),
    ] {
        let (found, xml) = bench.assume(token, &extra).await;
        assert_eq!((found, element(&xml, "Code").as_str()), (status, code), "{xml}");
        assert!(xml.contains(message), "{xml}");
        assert!(!xml.contains(token.as_str()) || token == "garbage", "a token comes back: {xml}");
    }
    assert_eq!(bench.assume(&good, &[]).await.0, 200);
    bench.clock.advance(300 + 299);
    assert_eq!(bench.assume(&good, &[]).await.0, 200, "five minutes of leeway");
    bench.clock.advance(2);
    let (_, xml) = bench.assume(&good, &[]).await;
    assert_eq!(element(&xml, "Code"), "ExpiredTokenException");

    let form = b"Action=GetCallerIdentity&Version=2011-06-15".to_vec();
    let answer = bench.signed(&bench.keys, "sts", None, form.clone()).send().await.unwrap();
    let arn = "arn:aws:sts::123456789012:assumed-role/consign/job-1";
    assert_eq!(element(&answer.text().await.unwrap(), "Arn"), arn);
    let unsigned = bench.http.post(bench.url("/")).body(form).send().await.unwrap();
    assert_eq!(unsigned.status(), 403);
    assert_eq!(element(&unsigned.text().await.unwrap(), "Code"), "MissingAuthenticationToken");
    let nobody = bench.http.get(format!("{url}/token?audience=x")).send().await.unwrap();
    assert_eq!(nobody.status(), 401, "a job's token is for the job");
}

#[tokio::test]
async fn signatures_and_credentials_count() {
    let bench = Bench::new().await;
    let code = async |keys: &Keys| {
        bench.call_as(keys, "DescribeRepositories", json!({})).await.map(|_| ()).map_err(|(code, _)| code)
    };
    assert_eq!(code(&bench.keys).await, Ok(()));
    let wrong = |change: fn(&mut Keys)| {
        let mut keys = bench.keys.clone();
        change(&mut keys);
        keys
    };
    let secret = wrong(|keys| keys.secret = "x".into());
    assert_eq!(code(&secret).await, Err("InvalidSignatureException".into()));
    let token = wrong(|keys| keys.token = keys.token.to_lowercase());
    assert_eq!(code(&token).await, Err("UnrecognizedClientException".into()));
    let unsigned = bench.http.post(bench.url("/"));
    let unsigned =
        unsigned.header("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories");
    let unsigned = unsigned.send().await.unwrap();
    assert_eq!(unsigned.json::<Value>().await.unwrap()["__type"], "MissingAuthenticationTokenException");
    let old = bench.request(&bench.keys, "DescribeRepositories", &json!({}));
    bench.clock.advance(16 * 60);
    let old: Value = old.send().await.unwrap().json().await.unwrap();
    assert!(old["message"].as_str().unwrap().starts_with("Signature expired"), "{old}");
    bench.clock.advance(3600);
    let (found, answer) = bench.call("DescribeRepositories", json!({})).await.unwrap_err();
    assert_eq!(found, "ExpiredTokenException");
    assert_eq!(answer["message"], "The security token included in the request is expired");
    assert_eq!(code(&bench.fresh_keys().await).await, Ok(()));
    let other_service = bench.signed(
        &bench.keys,
        "s3",
        Some("AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"),
        b"{}".to_vec(),
    );
    let answer: Value = other_service.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["message"], "Credential should be scoped to correct service: 'ecr'.");
}
