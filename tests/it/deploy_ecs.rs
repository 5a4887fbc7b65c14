//! `consign deploy ecs`: a task definition with the digest that was pushed.

use crate::ecs_api::{EcsApi, refusal};
use crate::support::{Context, Run, digest};
use serde_json::{Value, json};
use std::fmt::Write as _;

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const API: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api";

/// `task.json`, with the application, its migrations and a proxy.
fn task(t: &Context, repository: &str) {
    let task = format!(
        r#"{{
    "family": "shop-api",
    "networkMode": "awsvpc",
    "containerDefinitions": [
        {{"name": "api", "image": "{repository}:1.3", "cpu": 256, "essential": true,
          "environment": [{{"name": "VERSION", "value": "1.3"}}]}},
        {{"name": "migrate", "image": "{repository}:1.3", "essential": false}},
        {{"name": "proxy", "image": "public.ecr.aws/nginx/nginx:1.27"}}
    ],
    "requiresCompatibilities": ["FARGATE"], "cpu": "512", "memory": "1024"
}}
"#
    );
    t.file("task.json", task);
}

/// A test that needs no registry, with `task.json`.
fn with_task() -> Context {
    let t = Context::new();
    task(&t, API);
    t
}

fn image() -> String {
    format!("{API}@{DIGEST}")
}

/// `deploy ecs` for the image, with these arguments.
fn deploy(t: &Context, arguments: &[&str]) -> Run {
    let image = image();
    t.consign(["deploy", "ecs", "--image", &image].iter().chain(arguments))
}

/// The same, asking this ECS.
fn deploy_from(t: &Context, ecs: &EcsApi, arguments: &[&str]) -> Run {
    deploy(t, arguments).env("AWS_ENDPOINT_URL_ECS", &ecs.url)
}

/// What ECS tells of a task definition, with members that no SDK knows.
fn answer() -> Value {
    json!({
        "taskDefinition": {
            "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/shop-api:7",
            "containerDefinitions": [{
                "name": "api", "image": format!("{API}:1.3"), "cpu": 0, "portMappings": [],
                "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [],
                "newInTheAnswer": { "level": 7, "names": ["a"] },
            }],
            "family": "shop-api", "revision": 7, "volumes": [], "status": "ACTIVE",
            "requiresAttributes": [{ "name": "com.amazonaws.ecs.capability.ecr-auth" }],
            "placementConstraints": [], "compatibilities": ["EC2", "FARGATE"], "registeredAt": 1_764_400_000.123,
            "registeredBy": "arn:aws:iam::123456789012:root",
            "fromTheFuture": 1.10,
        },
        "tags": [{ "key": "team", "value": "shop" }],
    })
}

#[test]
fn what_was_pushed_is_deployed() {
    let t = Context::with_ecr(&[]);
    t.app();
    let push = [
        "build",
        "app",
        "--tag",
        "shop/api:1.4",
        "--create-repository",
        "--push",
        "--metadata-file",
        "image.json",
    ];
    let pushed = t.consign(push.iter().chain(&["--platform", "linux/arm64"])).succeeds();
    let (repository, _) = pushed.split_once('@').unwrap();
    task(&t, repository);
    let before = t.ecr().requests().len();
    let arguments = ["deploy", "ecs", "--task-definition", "task.json", "--metadata-file", "image.json"];
    insta::assert_snapshot!(t.consign(arguments).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "family": "shop-api",
      "networkMode": "awsvpc",
      "containerDefinitions": [
        {
          "name": "api",
          "image": "[HOST]/shop/api@sha256:[DIGEST]",
          "cpu": 256,
          "essential": true,
          "environment": [
            {
              "name": "VERSION",
              "value": "1.3"
            }
          ]
        },
        {
          "name": "migrate",
          "image": "[HOST]/shop/api@sha256:[DIGEST]",
          "essential": false
        },
        {
          "name": "proxy",
          "image": "public.ecr.aws/nginx/nginx:1.27"
        }
      ],
      "requiresCompatibilities": [
        "FARGATE"
      ],
      "cpu": "512",
      "memory": "1024"
    }
    ----- stderr -----
    container api: image [HOST]/shop/api:1.3 → [HOST]/shop/api@sha256:[DIGEST]
    container migrate: image [HOST]/shop/api:1.3 → [HOST]/shop/api@sha256:[DIGEST]
    warning: container api: the image is for linux/arm64, and the task definition has no `cpuArchitecture`, for which Fargate takes X86_64
    warning: container migrate: the image is for linux/arm64, and the task definition has no `cpuArchitecture`, for which Fargate takes X86_64
    "#);
    // No call is needed for it.
    assert_eq!(t.ecr().requests().len(), before);
    // By the output of the push, from a pipe.
    let line = "consign build app -t shop/api:1.4 --push --platform linux/arm64 -q | \
                consign deploy ecs --task-definition task.json --image - -q";
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_consign")).parent().unwrap();
    let text = t.shell(line).env("PATH", format!("{}:/usr/bin:/bin", folder.display())).succeeds();
    assert_eq!(text.matches(&digest(&pushed)).count(), 2, "{text}");
}

#[test]
fn to_a_file() {
    let t = with_task();
    insta::assert_snapshot!(deploy(&t, &["--task-definition", "task.json", "-o", "next.json"]).output(), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    container api: image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3 → 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]
    container migrate: image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3 → 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]
    ");
    let next: Value = serde_json::from_slice(&fs_err::read(t.path("next.json")).unwrap()).unwrap();
    assert_eq!(next["containerDefinitions"][1]["image"], image());
    // Again, with what is there already.
    insta::assert_snapshot!(deploy(&t, &["--task-definition", "next.json", "-o", "next.json"]).output(), @r"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    container api: image already is 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]
    container migrate: image already is 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]
    ");
    assert!(
        deploy(&t, &["--task-definition", "task.json", "-o", "no/next.json"])
            .fails(2)
            .contains("no/next.json")
    );
}

#[test]
fn as_json() {
    let t = with_task();
    let arguments = ["--task-definition", "task.json", "--container-name", "api", "--format", "json"];
    let more =
        ["--environment-variables", "VERSION=1.4", "--task-role-arn", "arn:aws:iam::123456789012:role/api"];
    insta::assert_snapshot!(deploy(&t, &[&arguments[..], &more].concat()).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "containers": [
        {
          "name": "api",
          "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]",
          "digest": "sha256:[DIGEST]"
        }
      ],
      "changes": [
        {
          "container": "api",
          "member": "image",
          "name": null,
          "before": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3",
          "after": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]"
        },
        {
          "container": "api",
          "member": "environment",
          "name": "VERSION",
          "before": "1.3",
          "after": "1.4"
        },
        {
          "container": null,
          "member": "taskRoleArn",
          "name": null,
          "before": null,
          "after": "arn:aws:iam::123456789012:role/api"
        }
      ],
      "warnings": [],
      "output": null,
      "taskDefinition": {
        "family": "shop-api",
        "taskRoleArn": "arn:aws:iam::123456789012:role/api",
        "networkMode": "awsvpc",
        "containerDefinitions": [
          {
            "name": "api",
            "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]",
            "cpu": 256,
            "essential": true,
            "environment": [
              {
                "name": "VERSION",
                "value": "1.4"
              }
            ]
          },
          {
            "name": "migrate",
            "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3",
            "essential": false
          },
          {
            "name": "proxy",
            "image": "public.ecr.aws/nginx/nginx:1.27"
          }
        ],
        "requiresCompatibilities": [
          "FARGATE"
        ],
        "cpu": "512",
        "memory": "1024"
      }
    }
    ----- stderr -----
    container api: image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3 → 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]
    container api: environment variable VERSION changed
    task: taskRoleArn set to arn:aws:iam::123456789012:role/api
    "#);
}

#[test]
fn everything_that_can_be_changed_by_option_or_variable() {
    let t = with_task();
    let options = [
        "--task-definition",
        "task.json",
        "--container-name",
        "api, proxy",
        "--environment-variables",
        "VERSION=1.4\nMODE=a=b",
        "--environment-variables",
        "EMPTY=",
        "--env-files",
        "arn:aws:s3:::shop/api.env",
        "--secrets",
        "TOKEN=arn:aws:secretsmanager:eu-west-1:123456789012:secret:token",
        "--docker-labels",
        "team=shop",
        "--command",
        "node server.js --port 80",
        "--log-configuration-log-driver",
        "awslogs",
        "--log-configuration-options",
        "awslogs-group=/ecs/shop",
        "--task-role-arn",
        "arn:aws:iam::123456789012:role/api",
        "--execution-role-arn",
        "start",
    ];
    let ended = deploy(&t, &options).output();
    insta::assert_snapshot!(ended, @r#"
    exit: 0
    ----- stdout -----
    {
      "family": "shop-api",
      "taskRoleArn": "arn:aws:iam::123456789012:role/api",
      "executionRoleArn": "start",
      "networkMode": "awsvpc",
      "containerDefinitions": [
        {
          "name": "api",
          "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]",
          "cpu": 256,
          "essential": true,
          "environment": [
            {
              "name": "VERSION",
              "value": "1.4"
            },
            {
              "name": "MODE",
              "value": "a=b"
            },
            {
              "name": "EMPTY",
              "value": ""
            }
          ],
          "command": [
            "node",
            "server.js",
            "--port",
            "80"
          ],
          "environmentFiles": [
            {
              "value": "arn:aws:s3:::shop/api.env",
              "type": "s3"
            }
          ],
          "secrets": [
            {
              "name": "TOKEN",
              "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"
            }
          ],
          "dockerLabels": {
            "team": "shop"
          },
          "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
              "awslogs-group": "/ecs/shop"
            }
          }
        },
        {
          "name": "migrate",
          "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3",
          "essential": false
        },
        {
          "name": "proxy",
          "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]",
          "command": [
            "node",
            "server.js",
            "--port",
            "80"
          ],
          "environmentFiles": [
            {
              "value": "arn:aws:s3:::shop/api.env",
              "type": "s3"
            }
          ],
          "environment": [
            {
              "name": "VERSION",
              "value": "1.4"
            },
            {
              "name": "MODE",
              "value": "a=b"
            },
            {
              "name": "EMPTY",
              "value": ""
            }
          ],
          "secrets": [
            {
              "name": "TOKEN",
              "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"
            }
          ],
          "dockerLabels": {
            "team": "shop"
          },
          "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
              "awslogs-group": "/ecs/shop"
            }
          }
        }
      ],
      "requiresCompatibilities": [
        "FARGATE"
      ],
      "cpu": "512",
      "memory": "1024"
    }
    ----- stderr -----
    container api: image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3 → 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]
    container api: command added
    container api: environment files added
    container api: environment variable VERSION changed
    container api: environment variable MODE added
    container api: environment variable EMPTY added
    container api: secret TOKEN added
    container api: label team added
    container api: log driver set to awslogs
    container api: log option awslogs-group added
    container proxy: image public.ecr.aws/nginx/nginx:1.27 → 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]
    container proxy: command added
    container proxy: environment files added
    container proxy: environment variable VERSION added
    container proxy: environment variable MODE added
    container proxy: environment variable EMPTY added
    container proxy: secret TOKEN added
    container proxy: label team added
    container proxy: log driver set to awslogs
    container proxy: log option awslogs-group added
    task: executionRoleArn set to start
    task: taskRoleArn set to arn:aws:iam::123456789012:role/api
    "#);
    let mut by_variable = t.consign(["deploy", "ecs"]);
    for (name, value) in [
        ("DEPLOY_IMAGE", image().as_str()),
        ("TASK_DEFINITION", "task.json"),
        ("CONTAINER_NAME", "api,proxy"),
        ("ENVIRONMENT_VARIABLES", "VERSION=1.4\nMODE=a=b\n\n  EMPTY=\n"),
        ("ENV_FILES", "arn:aws:s3:::shop/api.env"),
        ("SECRETS", "TOKEN=arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"),
        ("DOCKER_LABELS", "team=shop"),
        ("COMMAND", "[\"node\", \"server.js\", \"--port\", \"80\"]"),
        ("LOG_CONFIGURATION_LOG_DRIVER", "awslogs"),
        ("LOG_CONFIGURATION_OPTIONS", "awslogs-group=/ecs/shop"),
        ("TASK_ROLE_ARN", "arn:aws:iam::123456789012:role/api"),
        ("EXECUTION_ROLE_ARN", "start"),
    ] {
        by_variable = by_variable.env(&format!("CONSIGN_{name}"), value);
    }
    assert_eq!(by_variable.succeeds(), ended.stdout.trim_end());
}

#[test]
fn nothing_matches_so_nothing_is_changed() {
    let t = with_task();
    let before = fs_err::read(t.path("task.json")).unwrap();
    let other = format!("210987654321.dkr.ecr.eu-west-1.amazonaws.com/shop/api@{DIGEST}");
    let run =
        t.consign(["deploy", "ecs", "--task-definition", "task.json", "-o", "task.json", "--image", &other]);
    insta::assert_snapshot!(run.output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no container of the task definition has an image of 210987654321.dkr.ecr.eu-west-1.amazonaws.com/shop/api; its containers:
      api  123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3
      migrate  123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3
      proxy  public.ecr.aws/nginx/nginx:1.27
    hint: name the container that shall run it: `--container-name api`
    ");
    let run = deploy(&t, &["--task-definition", "task.json", "-o", "task.json", "--container-name", "prxy"]);
    insta::assert_snapshot!(run.output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the task definition has no container `prxy`; it has:
      api  123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3
      migrate  123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3
      proxy  public.ecr.aws/nginx/nginx:1.27
    hint: did you mean `--container-name proxy`?
    ");
    assert_eq!(fs_err::read(t.path("task.json")).unwrap(), before);
    insta::assert_snapshot!(deploy(&t, &["--task-definition", "task.json", "--container-name", "x"])
        .env("CONSIGN_PROGRESS", "json").output(), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    {"reason":"failed","message":"the task definition has no container `x`; it has:\n  api  123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3\n  migrate  123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3\n  proxy  public.ecr.aws/nginx/nginx:1.27","causes":null,"hint":"name one of those with `--container-name`, several with commas between them","code":2}
    "#);
}

#[test]
fn wrong_input() {
    let t = with_task();
    t.file("comment.json", "{\n  // ours\n}");
    t.file("kubernetes.json", r#"{"kind": "Deployment"}"#);
    t.file("latin.json", b"{\"family\": \"caf\xe9\"}");
    let mut said = String::new();
    for arguments in [
        &["--task-definition", "absent.json"][..],
        &["--task-definition", "comment.json"],
        &["--task-definition", "kubernetes.json"],
        &["--task-definition", "latin.json"],
        &["--task-definition", "task.json", "--task-definition-family", "shop-api"],
        &["--task-definition", "task.json", "--task-definition-revision", "7"],
        &["--task-definition-revision", "7"],
        &["--task-definition-revision", "0"],
        &["--task-definition-family", "shop/api"],
        &["--task-definition-family", "shop-api:7", "--task-definition-revision", "8"],
        &["--task-definition-arn", "shop-api:7"],
        &[],
        &["--task-definition", "-", "--image", "-"],
        &["--task-definition", "task.json", "--environment-variables", "A=1\nA=2"],
        &["--task-definition", "task.json", "--environment-variables", "hunter2"],
        &["--task-definition", "task.json", "--secrets", "A=arn", "--environment-variables", "A=1"],
        &["--task-definition", "task.json", "--env-files", "s3://shop/api.env"],
        &["--task-definition", "task.json", "--command", "[1]"],
        &["--task-definition", "task.json", "--log-configuration-log-driver", "awslog"],
        &["--task-definition", "task.json", "--log-configuration-options", "a=b"],
        &["--task-definition", "task.json", "--task-role-arn", "a b"],
        &["--task-definition", "task.json", "--image", "shop/api:1"],
    ] {
        writeln!(said, "$ {}\n{}", arguments.join(" "), deploy(&t, arguments).fails(2)).unwrap();
    }
    insta::assert_snapshot!(crate::support::redacted(&said, &t.path("")), @r"
    $ --task-definition absent.json
    error: reading a file: failed to open file `absent.json`: No such file or directory (os error 2)
    hint: check the path: it is looked for from the working directory

    $ --task-definition comment.json
    error: `comment.json` is not JSON: line 2, column 3: key must be a string
    hint: a task definition is the JSON that `aws ecs register-task-definition --cli-input-json` takes; comments and commas after the last member are not JSON

    $ --task-definition kubernetes.json
    error: `kubernetes.json` is not a task definition: it has no `containerDefinitions`
    hint: it is an object with `family` and `containerDefinitions`, as `aws ecs describe-task-definition` prints it

    $ --task-definition latin.json
    error: latin.json: it is not UTF-8 text: line 1 has a byte that is not
    hint: save it as UTF-8

    $ --task-definition task.json --task-definition-family shop-api
    error: the task definition is named by --task-definition and --task-definition-family
    hint: pass one of them

    $ --task-definition task.json --task-definition-revision 7
    error: --task-definition-revision: a revision is one of a family, and --task-definition names none
    hint: leave it out, or pass `--task-definition-family NAME`

    $ --task-definition-revision 7
    error: --task-definition-revision: the family of the revision is not named
    hint: add `--task-definition-family NAME`

    $ --task-definition-revision 0
    error: invalid value '0' for '--task-definition-revision <N>': 0 is not in 1..=4294967295

    For more information, try '--help'.

    $ --task-definition-family shop/api
    error: --task-definition-family: `shop/api` is not a family: it is made of letters, digits, `-` and `_`, with `:REVISION` if need be

    $ --task-definition-family shop-api:7 --task-definition-revision 8
    error: the revision is named twice: 7 in --task-definition-family, 8 in --task-definition-revision
    hint: leave one of them out

    $ --task-definition-arn shop-api:7
    error: --task-definition-arn: `shop-api:7` is not the ARN of a task definition
    hint: it looks like arn:aws:ecs:eu-west-1:123456789012:task-definition/NAME:7

    $ 
    error: no task definition is named
    hint: pass `--task-definition FILE`, or let ECS be asked with `--task-definition-family NAME` or `--task-definition-arn ARN`

    $ --task-definition - --image -
    error: the image and the task definition can't both come from stdin
    hint: pass the file with `--task-definition PATH`, or the image with `--metadata-file PATH`

    $ --task-definition task.json --environment-variables A=1
    A=2
    error: --environment-variables: `A` is given twice

    $ --task-definition task.json --environment-variables hunter2
    error: --environment-variables: `hunt…` is not NAME=VALUE

    $ --task-definition task.json --secrets A=arn --environment-variables A=1
    error: `A` would be both an environment variable and a secret of the container `api`
    hint: ECS refuses that: take the one that is not wanted out of the task definition, or use another name

    $ --task-definition task.json --env-files s3://shop/api.env
    error: --env-files: `s3://shop/api.env` is not the ARN of an object in S3: it looks like arn:aws:s3:::BUCKET/PATH.env

    $ --task-definition task.json --command [1]
    error: --command: `[1]` is not a JSON array of strings: invalid type: integer `1`, expected a string at line 1 column 2

    $ --task-definition task.json --log-configuration-log-driver awslog
    error: --log-configuration-log-driver: `awslog` is not a log driver of ECS
    hint: did you mean `awslogs`?

    $ --task-definition task.json --log-configuration-options a=b
    error: the container `api` would have options for its log and no log driver
    hint: name it with `--log-configuration-log-driver`: awslogs, for example

    $ --task-definition task.json --task-role-arn a b
    error: --task-role-arn: `a b` is not the ARN or name of a role

    $ --task-definition task.json --image shop/api:1
    error: --image: `shop/api:1` has no digest, and what is deployed is named by its digest
    hint: name it as REPOSITORY@sha256:…: `consign build --push` prints that on stdout, and writes it to `--metadata-file`
    ");
    let no_image = t.consign(["deploy", "ecs", "--task-definition", "task.json"]).fails(2);
    assert!(no_image.contains("no image is named"), "{no_image}");
}

#[test]
fn the_one_that_ecs_has() {
    let t = Context::with_ecr(&[]);
    let ecs = EcsApi::start(&[(200, answer())]);
    insta::assert_snapshot!(deploy_from(&t, &ecs, &["--task-definition-family", "shop-api"]).output(), @r#"
    exit: 0
    ----- stdout -----
    {
      "containerDefinitions": [
        {
          "name": "api",
          "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]",
          "cpu": 0,
          "portMappings": [],
          "essential": true,
          "environment": [],
          "mountPoints": [],
          "volumesFrom": [],
          "newInTheAnswer": {
            "level": 7,
            "names": [
              "a"
            ]
          }
        }
      ],
      "family": "shop-api",
      "volumes": [],
      "placementConstraints": [],
      "fromTheFuture": 1.1,
      "tags": [
        {
          "key": "team",
          "value": "shop"
        }
      ]
    }
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    container api: image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:1.3 → 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api@sha256:[DIGEST]
    "#);
    let asked = |arguments: &[&str]| {
        deploy_from(&t, &ecs, arguments).succeeds();
        let last = ecs.requests().pop().unwrap();
        assert_eq!(last.body["include"], json!(["TAGS"]));
        format!("{} {}", last.scope, last.body["taskDefinition"].as_str().unwrap())
    };
    assert_eq!(asked(&["--task-definition-family", "shop-api"]), "us-east-1/ecs shop-api");
    let revision = ["--task-definition-family", "shop-api", "--task-definition-revision", "7"];
    assert_eq!(asked(&revision), "us-east-1/ecs shop-api:7");
    assert_eq!(asked(&["--task-definition-family", "shop-api:7"]), "us-east-1/ecs shop-api:7");
    // The region of an ARN is where it is.
    let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-api:7";
    assert_eq!(asked(&["--task-definition-arn", arn]), format!("eu-west-1/ecs {arn}"));
    // An option comes before the variable of another one.
    let run = deploy_from(&t, &ecs, &["--task-definition-family", "other"]);
    run.env("CONSIGN_TASK_DEFINITION", "absent.json").succeeds();
    assert_eq!(ecs.requests().pop().unwrap().body["taskDefinition"], "other");
    let run = deploy_from(&t, &ecs, &[]).env("CONSIGN_TASK_DEFINITION_FAMILY", "a");
    assert!(
        run.env("CONSIGN_TASK_DEFINITION", "b")
            .fails(2)
            .contains("--task-definition and --task-definition-family")
    );
}

#[test]
fn ecs_refuses() {
    let t = Context::with_ecr(&[]);
    let denied = "User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: \
                  ecs:DescribeTaskDefinition on resource: * because no identity-based policy allows it";
    let family = ["--task-definition-family", "shop-api"];
    let said = |status: u16, code: &str, message: &str| {
        let ecs = EcsApi::start(&[(status, refusal(code, message))]);
        deploy_from(&t, &ecs, &[&family[..], &["--retry-max-attempts", "3"]].concat()).output()
    };
    insta::assert_snapshot!(said(400, "AccessDeniedException", denied), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: DescribeTaskDefinition on the task definition shop-api in us-east-1 was denied: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/consign is not authorized to perform: ecs:DescribeTaskDefinition on resource: * because no identity-based policy allows it (request id [UUID])
    hint: give the role the permission `ecs:DescribeTaskDefinition`, which IAM takes with the resource `*` alone
    ");
    insta::assert_snapshot!(said(400, "ClientException", "Unable to describe task definition."), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: DescribeTaskDefinition on the task definition shop-api in us-east-1 was refused: ClientException: Unable to describe task definition. (request id [UUID])
    hint: check the name, the revision, the region and the account: `aws ecs list-task-definitions` lists the task definitions that there are
    ");
    insta::assert_snapshot!(said(400, "UnrecognizedClientException", "The security token is invalid."), @r"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: DescribeTaskDefinition on the task definition shop-api in us-east-1 was denied: UnrecognizedClientException: The security token is invalid. (request id [UUID])
    hint: ECS does not take these credentials: check the role, the region and the clock
    ");
    insta::assert_snapshot!(said(400, "ThrottlingException", "Rate exceeded"), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: DescribeTaskDefinition on the task definition shop-api in us-east-1 did not get through: ThrottlingException: Rate exceeded (request id [UUID])
    hint: check the network, and `AWS_ENDPOINT_URL_ECS` if it is set; then run the same command again
    ");
    // Without credentials nothing is asked.
    let alone = Context::new();
    let run = deploy(&alone, &["--region", "us-east-1", family[0], family[1]]);
    assert!(run.fails(3).contains("no AWS credentials"));
}

#[test]
fn ecs_is_busy_and_answers_then() {
    let t = Context::with_ecr(&[]);
    let busy = (400, refusal("ThrottlingException", "Rate exceeded"));
    let broken = (500, refusal("ServerException", "later"));
    let ecs = EcsApi::start(&[busy.clone(), broken, busy, (200, answer())]);
    let text = deploy_from(&t, &ecs, &["--task-definition-family", "shop-api"]).succeeds();
    assert!(text.contains(DIGEST) && text.contains("newInTheAnswer"), "{text}");
    assert_eq!(ecs.requests().len(), 4);
    // Credentials that have run out are renewed.
    let ecs = EcsApi::start(&[(400, refusal("ExpiredTokenException", "expired")), (200, answer())]);
    let before = t.requests("AssumeRoleWithWebIdentity").len();
    deploy_from(&t, &ecs, &["--task-definition-family", "shop-api"]).succeeds();
    assert_eq!(t.requests("AssumeRoleWithWebIdentity").len() - before, 2);
}

#[test]
fn ecs_answers_with_something_else() {
    let t = Context::with_ecr(&[]);
    let family = ["--task-definition-family", "shop-api", "--retry-max-attempts", "1"];
    let ecs = EcsApi::with_texts(vec![(200, "{}".into())]);
    insta::assert_snapshot!(deploy_from(&t, &ecs, &family).output(), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: what ECS has as shop-api is not a task definition: it has no `containerDefinitions`
    hint: it is an object with `family` and `containerDefinitions`, as `aws ecs describe-task-definition` prints it
    ");
    let ecs = EcsApi::with_texts(vec![(200, "<html>a proxy</html>".into())]);
    insta::assert_snapshot!(deploy_from(&t, &ecs, &family).output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: DescribeTaskDefinition on the task definition shop-api in us-east-1 did not get through: type mismatch: expected object
    hint: check the network, and `AWS_ENDPOINT_URL_ECS` if it is set; then run the same command again
    ");
    let run = deploy(&t, &family).env("AWS_ENDPOINT_URL_ECS", "http://127.0.0.1:1");
    assert!(run.fails(5).contains("AWS_ENDPOINT_URL_ECS"));
}

#[test]
fn numbers_strings_and_lines_stay_what_they_are() {
    let t = Context::new();
    let text = "\u{feff}{\"family\":\"x\",\r\n\"big\":123456789012345678901234567890.50,\"containerDefinitions\":\
                [{\"name\":\"a\",\"image\":\"<IMAGE>\",\"x\":\"\\u00e9\\/ ##[error]x\"}]}";
    t.file("t.json", text);
    for (form, variable) in [("text", ""), ("json", ""), ("text", "true"), ("json", "true")] {
        let run = deploy(&t, &["--task-definition", "t.json", "--format", form, "-q"]);
        let out = run.env("GITHUB_ACTIONS", variable).succeeds();
        assert!(out.contains("123456789012345678901234567890.50") && out.contains("\\u00e9\\/ "), "{out}");
        // A runner of GitHub shall not take it for a command, and it is the same string.
        assert_eq!(out.contains("##["), variable.is_empty(), "{out}");
        let json: Value = serde_json::from_str(&out).unwrap();
        let definition = if form == "json" { &json["taskDefinition"] } else { &json };
        assert_eq!(definition["containerDefinitions"][0]["x"], "é/ ##[error]x");
    }
    // From stdin as well, and what `describe-task-definition` prints.
    let line = format!(
        "cat t.json | '{}' deploy ecs --task-definition - --image {}",
        env!("CARGO_BIN_EXE_consign"),
        image()
    );
    assert!(t.shell(&line).succeeds().contains(DIGEST));
    t.file("answer.json", answer().to_string());
    let out: Value =
        serde_json::from_str(&deploy(&t, &["--task-definition", "answer.json"]).succeeds()).unwrap();
    assert_eq!((out.get("revision"), &out["tags"][0]["key"]), (None, &json!("team")));
}

#[test]
fn settings_do_not_show_secrets() {
    let t = with_task();
    let run = deploy(&t, &["--environment-variables", "DB_PASSWORD=hunter2", "--show-settings"]);
    let shown = run.succeeds();
    assert!(shown.contains("DB_PASSWORD=[redacted]") && !shown.contains("hunter2"), "{shown}");
}
