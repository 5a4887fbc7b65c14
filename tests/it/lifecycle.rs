//! `consign lifecycle`: what it shows, sets, takes away and warns of, and what it asks of ECR for that.

use crate::iam::with_permissions;
use crate::lifecycle_judges::{Case, Seed, client, emulator, now};
use crate::support::{Context, Ended};
use serde_json::{Value, json};

const LIFECYCLE: &str = "lifecycle";

/// What a run looks like, without times of the day.
fn shown(ended: &Ended) -> String {
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    time.replace_all(&ended.to_string(), "[AT]").into_owned()
}

fn keep(tags: &Value, number: u64) -> Value {
    let mut selection = tags.clone();
    selection["countType"] = "imageCountMoreThan".into();
    selection["countNumber"] = number.into();
    json!({ "rulePriority": 1, "selection": selection, "action": { "type": "expire" } })
}

fn policy(number: u64) -> String {
    format!("{:#}", json!({ "rules": [keep(&json!({ "tagStatus": "any" }), number)] }))
}

/// The repository `shop/api`: releases, one of them an index with a signature, and images that lost their tags.
fn shop() -> Case {
    let seeds = vec![
        Seed::plain(&["1.0"], 90),
        Seed::plain(&[], 60),
        Seed::plain(&[], 60),
        Seed { children: vec![1, 2], ..Seed::plain(&["1.1"], 60) },
        Seed { subject: Some(3), ..Seed::plain(&[], 60) },
        Seed::plain(&[], 40),
        Seed::plain(&["1.2", "prod"], 30),
        Seed::plain(&["1.3"], 1),
    ];
    Case::new("shop/api".into(), &json!({}), seeds)
}

/// An emulator with that repository; the rest has to live as long.
fn with_shop() -> (tempfile::TempDir, Context, Case) {
    let case = shop();
    let (state, t) = emulator(std::slice::from_ref(&case), now());
    (state, t, case)
}

/// What ECR holds, as another client reads it.
fn stored(t: &Context) -> Option<String> {
    let client = client(t);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(client.get_lifecycle_policy().repository_name("shop/api").send());
    answer.ok().map(|answer| answer.lifecycle_policy_text().unwrap().to_owned())
}

fn asked(t: &Context, operation: &str) -> usize {
    t.requests(operation).len()
}

#[test]
fn set_show_and_delete() {
    let (_state, t, case) = with_shop();
    t.file("policy.json", policy(5));
    insta::assert_snapshot!(t.consign([LIFECYCLE, "show", "shop/api"]).output(), @"");
    let set = [LIFECYCLE, "set", "shop/api", "--file", "policy.json", "--yes"];
    insta::assert_snapshot!(t.consign(set).output(), @"");
    assert_eq!(stored(&t).unwrap(), policy(5), "the text is the file's, byte for byte");
    assert_eq!(asked(&t, "StartLifecyclePolicyPreview"), 0, "nobody wanted to see it");
    // The same again, in other words.
    t.file("policy.json", policy(5).replace('\n', " "));
    insta::assert_snapshot!(t.consign(set).output(), @"");
    assert_eq!(asked(&t, "PutLifecyclePolicy"), 1);
    insta::assert_snapshot!(t.consign([LIFECYCLE, "show", "shop/api"]).output(), @"");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(t.ecr().apply_lifecycle()).unwrap();
    insta::assert_snapshot!(shown(&t.consign([LIFECYCLE, "show", "shop/api", "--format", "json"]).output()), @"");
    // Seven count, five stay; of the two that are too many, the older one goes, as the other one is listed.
    let left: Vec<_> =
        t.ecr().registry()["shop/api"].images.iter().map(|image| image.digest.to_string()).collect();
    assert!(left.len() == 7 && !left.contains(&case.digests[0]), "{left:?}");

    insta::assert_snapshot!(t.consign([LIFECYCLE, "delete", "shop/api"]).output(), @"");
    assert_eq!(stored(&t), None);
    insta::assert_snapshot!(t.consign([LIFECYCLE, "delete", "shop/api", "--format", "json"]).output(), @"");
    t.file("policy.json", policy(5));
    t.consign(set).succeeds();
    insta::assert_snapshot!(t.consign([LIFECYCLE, "delete", "shop/api", "--format", "json"]).output(), @"");
}

#[test]
fn nothing_is_set_without_a_look_at_it() {
    let (_state, t, _) = with_shop();
    let set = [LIFECYCLE, "set", "shop/api", "--keep-last", "3"];
    insta::assert_snapshot!(shown(&t.consign(set).output()), @"");
    assert_eq!(asked(&t, "PutLifecyclePolicy"), 0);
    // On a terminal, the answer decides.
    let binary = env!("CARGO_BIN_EXE_consign");
    let on_terminal = |answer: &str, more: &str| {
        let line = format!(
            "printf '{answer}\\n' | script -qec '{binary} lifecycle set shop/api --keep-last 3 {more}' /dev/null"
        );
        t.shell(&line).output()
    };
    let refused = on_terminal("n", "");
    assert!(refused.code == Some(6) && refused.stdout.contains("would expire"), "{refused}");
    assert!(
        refused.stdout.contains("Set this lifecycle policy for") && refused.stdout.contains("[y/N]"),
        "{refused}"
    );
    assert_eq!(asked(&t, "PutLifecyclePolicy"), 0);
    // Even if nothing else is to be shown.
    let accepted = on_terminal("y", "--quiet");
    assert!(accepted.code == Some(0) && accepted.stdout.contains("would expire"), "{accepted}");
    assert!(stored(&t).unwrap().contains("Keep the 3 newest images"));
    let replaced = on_terminal("y", "--expire-untagged 14");
    assert!(
        replaced.code == Some(0) && replaced.stdout.contains("in place of the present one"),
        "{replaced}"
    );
    assert!(stored(&t).unwrap().contains("images with a tag"));
}

#[test]
fn what_is_deployed_stays() {
    let (_state, t, case) = with_shop();
    let set = [LIFECYCLE, "set", "shop/api", "--keep-last", "1", "--yes", "--deployed", "shop/api:prod"];
    insta::assert_snapshot!(shown(&t.consign(set).output()), @"");
    assert_eq!(stored(&t), None);
    // A digest that an index lists is protected by the index.
    let deployed = format!("{},other/one:1\nshop/api:nowhere", case.digests[1]);
    let run = t
        .consign([LIFECYCLE, "set", "shop/api", "--keep-last", "1", "--yes"])
        .env("CONSIGN_DEPLOYED", deployed.replace(',', "\n"));
    let ended = run.output();
    assert_eq!(ended.code, Some(6), "{ended}");
    assert!(ended.stderr.contains(&format!("rule 1 would expire `{}`", case.digests[1])), "{ended}");
    assert!(ended.stderr.contains("`shop/api:nowhere` is deployed, and not in the repository"), "{ended}");
    assert!(!ended.stderr.contains("other/one"), "{ended}");
    t.consign([LIFECYCLE, "set", "shop/api", "--keep-last", "7", "--yes", "--deployed", "prod"]).succeeds();
}

#[test]
fn previews() {
    let (_state, t, case) = with_shop();
    t.file("images.json", case.listing(now()));
    let preview = [LIFECYCLE, "preview", "shop/api"];
    insta::assert_snapshot!(shown(&t.consign(preview).output()), @"");
    let keep = ["--keep-last", "1"];
    insta::assert_snapshot!(shown(&t.consign(preview.iter().chain(&keep)).output()), @"");
    insta::assert_snapshot!(shown(&t.consign(preview.iter().chain(&["--keep-last", "100"])).output()), @"");
    // Here, and without anybody else: the same images.
    let by_ecr = t.consign(preview.iter().chain(&keep)).succeeds();
    let before = t.ecr().requests().len();
    assert_eq!(t.consign(preview.iter().chain(&keep).chain(&["--offline"])).succeeds(), by_ecr);
    assert!(!t.ecr().requests()[before..].iter().any(|request| request.operation.contains("Preview")));
    let before = t.ecr().requests().len();
    let alone = [LIFECYCLE, "preview", "--keep-last", "1", "--images", "images.json"];
    assert_eq!(t.consign(alone).succeeds(), by_ecr);
    assert_eq!(t.ecr().requests().len(), before, "nobody is asked");
    let stdin =
        format!("{} lifecycle preview --keep-last 1 --images - < images.json", env!("CARGO_BIN_EXE_consign"));
    assert_eq!(t.shell(&stdin).succeeds(), by_ecr);
    insta::assert_snapshot!(shown(&t.consign(alone.iter().chain(&["--format", "json", "--deployed", "1.3", "--now", "2100-01-01T00:00:00Z"])).output()), @"");
    // Policies that archive, and lists that do not say what indexes list.
    t.file(
        "archive.json",
        format!(
            "{:#}",
            json!({ "rules": [{
        "rulePriority": 1,
        "selection": {
            "tagStatus": "untagged", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 50,
        },
        "action": { "type": "transition", "targetStorageClass": "archive" },
    }] })
        ),
    );
    let mut listing: Value = serde_json::from_str(&case.listing(now())).unwrap();
    for image in listing["imageDetails"].as_array_mut().unwrap() {
        image.as_object_mut().unwrap().remove("children");
    }
    t.file("images.json", listing.to_string());
    let archive = [LIFECYCLE, "preview", "--file", "archive.json", "--images", "images.json"];
    insta::assert_snapshot!(shown(&t.consign(archive).output()), @"");
}

#[test]
fn checks() {
    let t = Context::new();
    t.file("good.json", policy(10));
    t.file("bad.json", "{\n  \"rules\": [\n    { \"rulePriority\": 1, \"action\": { \"type\": \"expire\" } },\n    { \"rulePriority\": 1, \"selection\": {}, \"action\": { \"type\": \"archive\" } }\n  ]\n}\n");
    t.file(
        "odd.json",
        format!(
            "{:#}",
            json!({ "rules": [keep(&json!({ "tagStatus": "tagged", "tagPrefixList": ["v*"] }), 3)] })
        ),
    );
    let check = |arguments: &[&str]| t.consign([&[LIFECYCLE, "check"], arguments].concat()).output();
    insta::assert_snapshot!(check(&["good.json"]), @"");
    insta::assert_snapshot!(check(&["bad.json"]), @"");
    insta::assert_snapshot!(check(&["odd.json", "good.json"]), @"");
    insta::assert_snapshot!(check(&["odd.json", "good.json", "--strict"]), @"");
    insta::assert_snapshot!(check(&["odd.json", "bad.json", "--format", "json"]), @"");
    let both = check(&["bad.json", "good.json", "bad.json"]);
    assert!(both.code == Some(2) && both.stderr.matches("bad.json:4:").count() == 8, "{both}");
    let stdin = t.shell(&format!("{} lifecycle check - < bad.json", env!("CARGO_BIN_EXE_consign"))).fails(2);
    assert!(stdin.starts_with("error: <stdin>:3:5: a rule needs `selection`"), "{stdin}");
    // In a job of GitHub Actions, each problem stands at its line.
    let job = t.consign([LIFECYCLE, "check", "bad.json"]).env("GITHUB_ACTIONS", "true").fails(2);
    assert_eq!(job.matches("::error file=bad.json,line=4,").count(), 4, "{job}");
}

#[test]
fn checks_with_images() {
    let (_state, t, case) = with_shop();
    t.file("images.json", case.listing(now()));
    let rules = json!({ "rules": [
        keep(&json!({ "tagStatus": "tagged", "tagPatternList": ["v*"] }), 3),
        { "rulePriority": 2, "action": { "type": "expire" }, "selection": {
            "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30,
        } },
    ] });
    t.file("policy.json", format!("{rules:#}"));
    let check = [LIFECYCLE, "check", "policy.json"];
    let online =
        t.consign(check.iter().chain(&["--repository", "shop/api", "--deployed", &case.digests[5]])).output();
    insta::assert_snapshot!(online, @"");
    let offline = t
        .consign(check.iter().chain(&["--images", "images.json", "--deployed", &case.digests[5], "--strict"]))
        .output();
    let warnings = |ended: &Ended| ended.stderr.matches("warning: ").count();
    assert_eq!((offline.code, warnings(&offline)), (Some(6), warnings(&online)), "{offline}");
    // The policy that is set.
    t.consign([LIFECYCLE, "set", "shop/api", "--file", "policy.json", "--yes"]).succeeds();
    let own = t.consign([LIFECYCLE, "check", "--repository", "shop/api"]).output();
    assert!(own.code == Some(0) && own.stdout.ends_with("/shop/api: 2 warnings\n"), "{own}");
    let lost = t.consign(check.iter().chain(&["--deployed", "prod"])).fails(2);
    assert!(lost.contains("no list of images is known"), "{lost}");
}

#[test]
fn bad_inputs() {
    let (_state, t, _) = with_shop();
    t.file("policy.json", "{ \"rules\": [] }");
    t.file("images.json", "{ \"images\": 7 }");
    t.file("latin", [0xe9, 0x22]);
    let refused = |arguments: &[&str]| {
        let ended = t.consign([&[LIFECYCLE], arguments].concat()).output();
        assert_eq!((ended.code, t.operations(), ended.stdout.as_str()), (Some(2), vec![], ""), "{ended}");
        ended.stderr.replace(&t.path("").display().to_string(), "[DIR]/")
    };
    insta::assert_snapshot!(refused(&["set", "shop/api"]), @"");
    insta::assert_snapshot!(refused(&["set", "shop/api", "--file", "policy.json", "--yes"]), @"");
    insta::assert_snapshot!(refused(&["set", "shop/api", "--file", "nowhere.json"]), @"");
    insta::assert_snapshot!(refused(&["check", "latin"]), @"");
    insta::assert_snapshot!(refused(&["preview", "--images", "images.json", "--keep-last", "1"]), @"");
    insta::assert_snapshot!(refused(&["preview", "shop/api", "--keep-last", "1", "--now", "tomorrow"]), @"");
    insta::assert_snapshot!(refused(&["preview", "shop/api", "--keep-last", "1", "--deployed", "a+b"]), @"");
    insta::assert_snapshot!(refused(&["show", "public.ecr.aws/shop/api"]), @"");
    insta::assert_snapshot!(refused(&["show", "shop/api:1"]), @"");
    insta::assert_snapshot!(refused(&["set", "shop/api", "--keep-last", "0"]), @"");
    insta::assert_snapshot!(refused(&["set", "shop/api", "--keep-last", "1", "--file", "policy.json"]), @"");
    t.file("images.json", "[]");
    insta::assert_snapshot!(refused(&["preview", "--images", "images.json"]), @"");
    assert!(refused(&["preview"]).contains("REPOSITORY"));
    assert!(refused(&["check"]).contains("FILE"));
}

#[test]
fn what_ecr_refuses() {
    let (_state, t, _) = with_shop();
    for command in
        [&["show"][..], &["delete"], &["preview", "--keep-last", "1"], &["set", "--keep-last", "1"]]
    {
        let arguments = [&[LIFECYCLE, command[0], "shop/none"], &command[1..]].concat();
        let stderr = t.consign(arguments).fails(4);
        assert!(stderr.contains("the repository `shop/none` does not exist"), "{stderr}");
    }
    // It disappears between the preview and the end.
    let vanished = "code=RepositoryNotFoundException,status=400,message=gone";
    let set = [LIFECYCLE, "set", "shop/api", "--keep-last", "9", "--yes"];
    for operation in ["GetLifecyclePolicy", "PutLifecyclePolicy"] {
        t.ecr().inject(format!("error:{operation},{vanished}").parse().unwrap());
        let stderr = t.consign(set).fails(4);
        assert!(stderr.contains("the repository `shop/api` does not exist"), "{stderr}");
        assert!(!stderr.contains("has a lifecycle policy of"), "{stderr}");
    }
    t.ecr().inject(format!("error:GetLifecyclePolicyPreview,{vanished}").parse().unwrap());
    let ended = t.consign([LIFECYCLE, "preview", "shop/api", "--keep-last", "9"]).output();
    assert!(ended.code == Some(4) && ended.stdout.is_empty(), "{ended}");
    // Throttled for a while, and for good.
    t.ecr().inject("throttle:*Lifecycle*,times=4".parse().unwrap());
    t.consign([LIFECYCLE, "preview", "shop/api", "--keep-last", "9"]).succeeds();
    t.ecr().inject("throttle:PutLifecyclePolicy,times=always".parse().unwrap());
    let run = t.consign(set).env("CONSIGN_RETRY_MAX_ATTEMPTS", "3");
    insta::assert_snapshot!(run.output(), @"");
    assert_eq!(stored(&t), None);
}

#[test]
fn each_permission_is_named_where_it_lacks() {
    let needed = [
        "ecr:GetLifecyclePolicy",
        "ecr:StartLifecyclePolicyPreview",
        "ecr:GetLifecyclePolicyPreview",
        "ecr:PutLifecyclePolicy",
        "ecr:DeleteLifecyclePolicy",
        "ecr:DescribeImages",
        "ecr:BatchGetImage",
    ];
    let page = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lifecycle.md")).unwrap();
    let push = [
        "ecr:CreateRepository",
        "ecr:DescribeRepositories",
        "ecr:BatchCheckLayerAvailability",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
    ];
    let role = ["--role-to-assume", crate::iam::ROLE];
    let attempt = |lacking: &str| {
        let actions: Vec<&str> =
            needed.iter().chain(&push).copied().filter(|action| *action != lacking).collect();
        let t = with_permissions(&actions);
        t.app();
        let build = ["build", "app", "--create-repository", "--push", "--no-cache", "--tag", "shop/api:1"];
        t.consign(build.iter().chain(&role)).succeeds();
        let run = |arguments: &[&str]| t.consign([&[LIFECYCLE], arguments, &role].concat()).output();
        vec![
            run(&["preview", "shop/api", "--keep-last", "1"]),
            run(&["set", "shop/api", "--keep-last", "1", "--yes"]),
            run(&["delete", "shop/api"]),
        ]
    };
    for action in needed {
        assert!(page.contains(&format!("`{action}`")), "{action}");
        let all = attempt(action);
        match action {
            // Without it, sizes are not known, and what indexes list; ECR's own preview knows what goes.
            "ecr:DescribeImages" => {
                assert!(all[0].code == Some(0) && all[0].stderr.contains("sizes are not known"), "{}", all[0])
            }
            "ecr:BatchGetImage" => assert!(all.iter().all(|ended| ended.code == Some(0))),
            _ => {
                let denied: Vec<_> = all.iter().filter(|ended| ended.code == Some(3)).collect();
                assert!(!denied.is_empty(), "{action}");
                for ended in denied {
                    assert!(ended.stderr.contains(&format!("the permission `{action}`")), "{ended}");
                }
            }
        }
    }
    assert!(attempt("").iter().all(|ended| ended.code == Some(0)));
}
