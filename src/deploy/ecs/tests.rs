use super::*;
use crate::base::Failure as _;

const OLD: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const NEW: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// A task with an application, the migrations of its database, which run in the same image, and a proxy.
fn shop() -> String {
    format!(
        r#"{{
  "family": "shop",
  "containerDefinitions": [
    {{"name": "api", "image": "{ECR}/shop/api:1", "cpu": 256, "essential": true,
      "environment": [{{"name": "A", "value": "1"}}, {{"name": "B", "value": "2"}}]}},
    {{"name": "migrate", "image": "{ECR}/shop/api@{OLD}", "essential": false}},
    {{"name": "proxy", "image": "nginx:1.27", "portMappings": [{{"containerPort": 80}}]}}
  ],
  "fromTheFuture": {{"x": [1.50]}}
}}"#
    )
}

fn pin(text: &str) -> Pin {
    format!("{text}@{NEW}").parse().unwrap()
}

fn render(definition: &str, pins: &[Pin], names: &[&str], edits: &Edits) -> Result<Rendered, EcsError> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    Definition::read(definition, "`task.json`")?.render(pins, &names, edits)
}

fn pairs_of(pairs: &[(&str, &str)]) -> Vec<Pair> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn told(rendered: &Rendered) -> String {
    let text: Vec<_> = rendered.changes.iter().map(Change::describe).collect();
    text.join("\n").replace(ECR, "[ECR]").replace(NEW, "[NEW]").replace(OLD, "[OLD]")
}

#[test]
fn every_container_of_the_repository_gets_the_image() {
    let rendered = render(&shop(), &[pin(&format!("{ECR}/shop/api"))], &[], &Edits::default()).unwrap();
    insta::assert_snapshot!(told(&rendered), @r"
    container api: image [ECR]/shop/api:1 → [ECR]/shop/api@[NEW]
    container migrate: image [ECR]/shop/api@[OLD] → [ECR]/shop/api@[NEW]
    ");
    let text = rendered.definition.pretty();
    // All that is not an image is what it was.
    let expected = shop()
        .replace(&format!("{ECR}/shop/api:1"), &format!("{ECR}/shop/api@{NEW}"))
        .replace(OLD, NEW);
    assert_eq!(Json::read(&text).unwrap(), Json::read(&expected).unwrap());
    assert!(text.contains("1.50") && rendered.warnings.is_empty());
    // Once more changes nothing.
    let again = render(&text, &[pin(&format!("{ECR}/shop/api"))], &[], &Edits::default()).unwrap();
    assert_eq!((again.changes.len(), again.definition.pretty()), (0, text));
}

#[test]
fn containers_that_are_named() {
    let chosen = |pins: &[Pin], names: &[&str]| {
        let rendered = render(&shop(), pins, names, &Edits::default())?;
        Ok::<_, EcsError>(rendered.containers.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
    };
    let api = pin(&format!("{ECR}/shop/api"));
    assert_eq!(chosen(std::slice::from_ref(&api), &["proxy", "api", "api"]).unwrap(), ["api", "proxy"]);
    let error = chosen(std::slice::from_ref(&api), &["apii"]).unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `--container-name api`?");
    insta::assert_snapshot!(error.to_string().replace(ECR, "[ECR]").replace(OLD, "[OLD]"), @r"
    the task definition has no container `apii`; it has:
      api  [ECR]/shop/api:1
      migrate  [ECR]/shop/api@[OLD]
      proxy  nginx:1.27
    ");
    // The same repository in another account is another repository.
    let elsewhere = pin("210987654321.dkr.ecr.eu-west-1.amazonaws.com/shop/api");
    let error = chosen(&[elsewhere], &[]).unwrap_err();
    assert!(matches!(error, EcsError::NoneMatches { .. }), "{error}");
    assert_eq!(error.hint().unwrap(), "name the container that shall run it: `--container-name api`");
    // Several images go where their repositories are.
    let nginx = pin("docker.io/library/nginx");
    assert_eq!(chosen(&[nginx.clone(), api.clone()], &[]).unwrap(), ["api", "migrate", "proxy"]);
    assert_eq!(chosen(&[nginx.clone(), api.clone()], &["proxy", "api"]).unwrap(), ["api", "proxy"]);
    assert!(chosen(&[nginx.clone(), pin("shop/other")], &["api"]).is_err());
    let rendered = render(&shop(), &[nginx, pin("shop/other")], &[], &Edits::default()).unwrap();
    assert_eq!(rendered.containers.len(), 1);
    assert!(rendered.warnings[0].contains("no container has an image of docker.io/shop/other"));
}

#[test]
fn the_only_container_needs_no_name() {
    let template = r#"{"family": "x", "containerDefinitions": [{"name": "app", "image": "<IMAGE1_NAME>"}]}"#;
    let rendered = render(template, &[pin(&format!("{ECR}/shop/api"))], &[], &Edits::default()).unwrap();
    assert_eq!(told(&rendered), "container app: image <IMAGE1_NAME> → [ECR]/shop/api@[NEW]");
    assert_eq!(rendered.warnings, Vec::<String>::new());
    let new = r#"{"family": "x", "containerDefinitions": [{"name": "app", "cpu": 1}]}"#;
    let rendered = render(new, &[pin("shop/api")], &[], &Edits::default()).unwrap();
    assert_eq!(told(&rendered), "container app: image set to shop/api@[NEW]");
    assert!(rendered.warnings[0].contains("looks for docker.io/shop/api on Docker Hub"), "{:?}", rendered.warnings);
    let compact: String = rendered.definition.pretty().split_whitespace().collect();
    assert!(compact.contains(&format!(r#""name":"app","image":"shop/api@{NEW}","cpu":1"#)), "{compact}");
}

#[test]
fn all_that_can_be_changed() {
    let before = r#"{"containerDefinitions": [{
        "name": "api",
        "image": "a1:1",
        "command": null,
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}],
        "secrets": null,
        "dockerLabels": {"keep": "me", "team": "old"},
        "logConfiguration": {"logDriver": "json-file", "options": {"max-size": "10m"}, "secretOptions": []}
    }], "taskRoleArn": "arn:aws:iam::123456789012:role/old"}"#;
    let edits = Edits {
        environment: pairs_of(&[("A", "9"), ("C", "=x")]),
        environment_files: vec!["arn:aws:s3:::b/a.env".into()],
        secrets: pairs_of(&[("S", "arn:aws:ssm:eu-west-1:123456789012:parameter/s")]),
        docker_labels: pairs_of(&[("team", "new"), ("keep", "me")]),
        command: Some(vec!["node".into(), "server.js".into()]),
        log_driver: Some("awslogs".into()),
        log_options: pairs_of(&[("awslogs-group", "/ecs/api")]),
        task_role: Some("arn:aws:iam::123456789012:role/new".into()),
        execution_role: Some("arn:aws:iam::123456789012:role/start".into()),
    };
    let rendered = render(before, &[pin("a1")], &[], &edits).unwrap();
    // No value that may be secret is told.
    insta::assert_snapshot!(told(&rendered), @r"
    container api: image a1:1 → a1@[NEW]
    container api: command added
    container api: environment files added
    container api: environment variable A changed
    container api: environment variable C added
    container api: secret S added
    container api: label team changed
    container api: log driver json-file → awslogs
    container api: log option awslogs-group added
    task: executionRoleArn set to arn:aws:iam::123456789012:role/start
    task: taskRoleArn arn:aws:iam::123456789012:role/old → arn:aws:iam::123456789012:role/new
    ");
    insta::assert_snapshot!(rendered.definition.pretty().replace(NEW, "[NEW]"), @r#"
    {
      "containerDefinitions": [
        {
          "name": "api",
          "image": "a1@[NEW]",
          "command": [
            "node",
            "server.js"
          ],
          "environment": [
            {
              "name": "A",
              "value": "9"
            },
            {
              "name": "B",
              "value": "2"
            },
            {
              "name": "C",
              "value": "=x"
            }
          ],
          "secrets": [
            {
              "name": "S",
              "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/s"
            }
          ],
          "dockerLabels": {
            "keep": "me",
            "team": "new"
          },
          "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
              "max-size": "10m",
              "awslogs-group": "/ecs/api"
            },
            "secretOptions": []
          },
          "environmentFiles": [
            {
              "value": "arn:aws:s3:::b/a.env",
              "type": "s3"
            }
          ]
        }
      ],
      "taskRoleArn": "arn:aws:iam::123456789012:role/new",
      "executionRoleArn": "arn:aws:iam::123456789012:role/start"
    }
    "#);
    insta::assert_snapshot!(rendered.warnings.join("\n"), @r"
    container api: the log driver is another one now, and options of the one before are still there: `max-size`
    the task definition has no `family`: `aws ecs register-task-definition` needs it, in the file or as `--family NAME`
    ");
    insta::assert_snapshot!(rendered.changes[3].to_json().pretty(), @r#"
    {
      "container": "api",
      "member": "environment",
      "name": "A",
      "before": "1",
      "after": "9"
    }
    "#);
}

#[test]
fn what_ecs_would_refuse() {
    let with = |members: &str| {
        format!(r#"{{"family": "x", "containerDefinitions": [{{"name": "api", "image": "a1", {members}}}]}}"#)
    };
    let error = |members: &str, edits: &Edits| render(&with(members), &[pin("a1")], &[], edits).unwrap_err();
    let secret = r#""secrets": [{"name": "TOKEN", "valueFrom": "arn"}]"#;
    let variable = Edits { environment: pairs_of(&[("TOKEN", "x")]), ..Edits::default() };
    let both = error(secret, &variable);
    assert_eq!(
        both.to_string(),
        "`TOKEN` would be both an environment variable and a secret of the container `api`"
    );
    assert!(both.hint().unwrap().contains("ECS refuses that"));
    let two = r#""secrets": [{"name": "T", "valueFrom": "a"}, {"name": "T", "valueFrom": "b"}]"#;
    assert!(error(two, &Edits::default()).to_string().contains("two secrets with the name `T`"));
    // One that is given anew is the only one afterwards.
    let anew = Edits { secrets: pairs_of(&[("T", "c")]), ..Edits::default() };
    assert!(render(&with(two), &[pin("a1")], &[], &anew).is_ok());
    let options = Edits { log_options: pairs_of(&[("a", "b")]), ..Edits::default() };
    assert!(error("\"cpu\": 1", &options).to_string().contains("no log driver"));
    let twice = r#""environment": [{"name": "A", "value": "1"}, {"name": "A", "value": "1"}]"#;
    let rendered = render(&with(twice), &[pin("a1")], &[], &Edits::default()).unwrap();
    assert_eq!(rendered.warnings, ["container api: the environment variable A stands twice"]);
}

#[test]
fn what_is_no_task_definition() {
    let wrong = |text: &str| {
        let error = Definition::read(text, "`task.json`").unwrap_err();
        assert!(error.hint().is_some(), "{error}");
        error.to_string()
    };
    for (text, expected) in [
        ("{\n  \"family\": x\n}", "`task.json` is not JSON: line 2, column 13: expected value"),
        ("", "`task.json` is not JSON: line 1, column 1: EOF while parsing a value"),
        ("[]", "`task.json` is not a task definition: it is an array, and not an object"),
        ("{}", "`task.json` is not a task definition: it has no `containerDefinitions`"),
        (
            r#"{"containerDefinitions": {}}"#,
            "`task.json` is not a task definition: `containerDefinitions` is an object, and not an array",
        ),
        (
            r#"{"containerDefinitions": []}"#,
            "`task.json` is not a task definition: `containerDefinitions` is empty",
        ),
        (
            r#"{"containerDefinitions": [{"name": "a"}, {"image": "b"}]}"#,
            "`task.json` is not a task definition: `containerDefinitions[1]` is not an object with a `name`",
        ),
        (
            r#"{"containerDefinitions": [{"name": "a"}, {"name": "a"}]}"#,
            "`task.json` has two containers with the name `a`",
        ),
        (
            r#"{"containerDefinitions": [{"name": "a", "environment": {"A": "1"}}]}"#,
            "`task.json` is not a task definition: `environment` of the container `a` is not an array of objects with a \
             `name`",
        ),
        (
            r#"{"containerDefinitions": [{"name": "a", "logConfiguration": {"options": []}}]}"#,
            "`task.json` is not a task definition: `logConfiguration.options` of the container `a` is not an object",
        ),
    ] {
        assert_eq!(wrong(text), expected);
    }
}

#[test]
fn an_answer_of_ecs_becomes_what_ecs_takes() {
    let answer = format!(
        "\u{feff}{{\"taskDefinition\": {{
          \"taskDefinitionArn\": \"arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7\",
          \"containerDefinitions\": [{{\"name\": \"api\", \"image\": \"{ECR}/shop/api:1\"}}],
          \"family\": \"shop\", \"revision\": 7, \"status\": \"ACTIVE\", \"taskRoleArn\": null,
          \"requiresAttributes\": [{{\"name\": \"x\"}}], \"compatibilities\": [\"EC2\"],
          \"registeredAt\": 1.6e9, \"registeredBy\": \"arn\", \"deregisteredAt\": 1.7e9, \"volumes\": []}},
          \"tags\": [{{\"key\": \"team\", \"value\": \"shop\"}}]}}"
    );
    let rendered = render(&answer, &[pin(&format!("{ECR}/shop/api"))], &[], &Edits::default()).unwrap();
    insta::assert_snapshot!(rendered.definition.pretty().replace(NEW, "[NEW]"), @r#"
    {
      "containerDefinitions": [
        {
          "name": "api",
          "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@[NEW]"
        }
      ],
      "family": "shop",
      "volumes": [],
      "tags": [
        {
          "key": "team",
          "value": "shop"
        }
      ]
    }
    "#);
    let untagged = answer.replace("[{\"key\": \"team\", \"value\": \"shop\"}]", "[]");
    let rendered = render(&untagged, &[pin(&format!("{ECR}/shop/api"))], &[], &Edits::default()).unwrap();
    assert!(rendered.definition.get("tags").is_none());
}
