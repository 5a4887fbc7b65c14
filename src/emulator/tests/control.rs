//! `/_emulator/…` as a test in another language uses it.

use super::*;

impl Bench {
    async fn control(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let method = method.parse().unwrap();
        let request =
            self.http.request(method, self.url(&format!("/_emulator/{path}"))).body(body.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[tokio::test]
async fn time_passes_when_it_is_told_to() {
    let bench = Bench::new().await;
    let docker = bench.docker_token().await;
    let old_file = fs_err::read_to_string(bench.variable(env::AWS_WEB_IDENTITY_TOKEN_FILE)).unwrap();
    let (_, before) = bench.control("GET", "clock", "").await;
    assert_eq!(before["now"], before["machine"]);
    let (status, after) = bench.control("POST", "clock", r#"{"advance": "61m"}"#).await;
    assert_eq!((status, &after["aheadSeconds"]), (200, &json!(3660)));

    // Signatures are dated by the client's clock, and that did not move: what counts is that the session ended.
    assert_eq!(bench.code("DescribeRepositories", json!({})).await, "ExpiredTokenException");
    let keys = bench.fresh_keys().await;
    bench.call_as(&keys, "DescribeRepositories", json!({})).await.unwrap();
    assert_eq!(bench.v2(&docker, "/v2/").await.status(), 200);
    bench.emulator.advance_clock(Duration::from_hours(11)).unwrap();
    assert_eq!(bench.v2(&docker, "/v2/").await.status(), 403);
    bench.control("POST", "clock", r#"{"advance": "30d"}"#).await;
    let new_file = fs_err::read_to_string(bench.variable(env::AWS_WEB_IDENTITY_TOKEN_FILE)).unwrap();
    assert_ne!(old_file, new_file, "the job's token moves along");
    assert_eq!(bench.assume(&new_file, &[]).await.0, 200);
    let (status, answer) = bench.control("POST", "clock", r#"{"advance": "-1y"}"#).await;
    assert_eq!(status, 400, "{answer}");
    assert_eq!(bench.control("POST", "clock", r#"{"set": "now"}"#).await.1["aheadSeconds"], 0);
}

#[tokio::test]
async fn faults_and_the_log() {
    let bench = Bench::new().await;
    let (_, requests) = bench.control("GET", "requests", "").await;
    let last = requests["requests"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["operation"], "CreateRepository");
    let (status, faults) =
        bench.control("POST", "faults", "throttle:DescribeImages\n\nslow,rate=100000000\n").await;
    assert_eq!((status, faults["faults"].as_array().unwrap().len()), (200, 2), "{faults}");
    assert_eq!(
        bench.code("DescribeImages", json!({ "repositoryName": "shop/api" })).await,
        "ThrottlingException"
    );
    let (_, faults) = bench.control("GET", "faults", "").await;
    assert_eq!(faults["faults"][0], json!({ "fault": "throttle:DescribeImages", "happened": 1 }));
    let (_, later) = bench.control("GET", &format!("requests?after={}", last["sequence"]), "").await;
    assert_eq!(
        later["requests"].as_array().unwrap().len(),
        1,
        "asking the emulator itself is not logged: {later}"
    );
    assert_eq!(later["requests"][0]["fault"], "throttle");
    assert_eq!(bench.control("DELETE", "faults", "").await.1, json!({ "faults": [] }));
    for (method, path, body, expected) in [
        ("POST", "faults", "explode", 400),
        ("POST", "faults", "", 400),
        ("POST", "clock", "{", 400),
        ("PUT", "clock", "{}", 405),
        ("GET", "elsewhere", "", 404),
        ("GET", "requests?after=x", "", 400),
    ] {
        let (status, answer) = bench.control(method, path, body).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
        assert!(answer["message"].is_string());
    }
}

#[tokio::test]
async fn no_web_page_reaches_it() {
    let bench = Bench::new().await;
    let url = bench.url("/_emulator/clock");
    for (header, value) in [("origin", "https://example.com"), ("host", "example.com")] {
        let answer = bench.http.get(&url).header(header, value).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{header}");
    }
}
