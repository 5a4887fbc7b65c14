//! What the inputs become.

use super::*;
use serde_json::json;

fn ask(inputs: Value) -> Result<Request, InputsError> {
    let Value::Object(inputs) = inputs else { panic!("an object") };
    request(&inputs)
}

fn arguments(inputs: Value) -> String {
    ask(inputs).unwrap().arguments.join("\n")
}

fn problem(inputs: Value) -> String {
    ask(inputs).unwrap_err().to_string()
}

#[test]
fn three_steps_in_one() {
    let request = ask(json!({
        "role-to-assume": "arn:aws:iam::123456789012:role/ci",
        "aws-region": "eu-west-1",
        "allowed-account-ids": "123456789012, 210987654321",
        "context": "dist",
        "file": "",
        "push": "true",
        "tags": "shop/api:1.4\nshop/api:latest, shop/api:1",
        "labels": "a=b, c\n\"d=1\n2\"",
        "annotations": "manifest:x=y\nz=1:2",
        "platforms": "linux/arm64",
        "cache-from": "type=gha\ntype=registry,ref=shop/api:main\nshop/api:old",
        "cache-to": "type=gha,mode=max",
        "provenance": "false",
        "pull": "false",
        "builder": "builder-1",
        "registries": "123456789012",
        "registry-type": "private",
        "mask-password": "true",
        "disable-retry": "false",
        "retry-max-attempts": "3",
        "create-repository": "true",
    }))
    .unwrap();
    insta::assert_snapshot!(request.arguments.join("\n"), @r"
    --platform=linux/arm64
    --label=a=b, c
    --label=d=1
    2
    --tag=shop/api:1.4
    --tag=shop/api:latest
    --tag=shop/api:1
    --create-repository
    --region=eu-west-1
    --role-to-assume=arn:aws:iam::123456789012:role/ci
    --allowed-account-ids=123456789012
    --allowed-account-ids=210987654321
    --annotation=x=y
    --annotation=z=1:2
    --push
    --cache-from=shop/api:main
    --cache-from=shop/api:old
    --retry-max-attempts=3
    --
    dist
    ");
    insta::assert_snapshot!(request.notices.join("\n"), @r"
    `cache-to` is not used: the image that is pushed is the cache
    `registries` is not used: every registry that a tag names is logged in to by itself
    `builder` is not used: there is no builder
    `cache-from` is not used: the image that a push replaces is the cache
    ");
    assert_eq!(request.keys, None);
    assert!(!request.mask_account);
}

#[test]
fn nothing_is_the_workspace() {
    assert_eq!(arguments(json!({})), "--\n.");
    let empty: Map<String, Value> = INPUTS.iter().map(|input| (input.name.to_owned(), json!(""))).collect();
    assert_eq!(request(&empty).unwrap().arguments, ["--", "."]);
    assert_eq!(request(&empty).unwrap().notices, Vec::<String>::new());
}

#[test]
fn a_value_that_looks_like_an_option_is_a_value() {
    assert_eq!(arguments(json!({ "context": "--push", "dest": "-x" })), "--dest=-x\n--\n--push");
}

#[test]
fn names_are_those_of_the_table_and_capitals_do_not_matter() {
    assert_eq!(arguments(json!({ "Base": "scratch" })), "--base=scratch\n--\n.");
    insta::assert_snapshot!(problem(json!({ "tgas": "x", "role_to_assume": "y", "zzz": "1", "yyy": "" })), @r"
    the input `tgas` is no input of this action
    hint: did you mean `tags`?
    the input `role_to_assume` is no input of this action
    hint: did you mean `role-to-assume`?
    the input `zzz` is no input of this action
    hint: docs/github-actions.md lists all of them
    ");
}

#[test]
fn what_would_make_another_image_is_refused() {
    for input in INPUTS.iter().filter(|input| matches!(input.meaning, Meaning::Refused(_))) {
        let said = problem(json!({ input.name: "some value" }));
        assert!(said.contains(input.name) && !said.contains("some value"), "{said}");
    }
    for name in ["load", "sbom", "provenance", "output-credentials"] {
        assert!(problem(json!({ name: "true" })).contains(name));
        assert_eq!(arguments(json!({ name: "false" })), "--\n.");
    }
    assert!(problem(json!({ "provenance": "mode=max" })).contains("attest"));
    assert!(problem(json!({ "attests": "type=sbom\ntype=provenance,disabled=true" })).contains("attest"));
    assert_eq!(arguments(json!({ "attests": "type=sbom,disabled=true" })), "--\n.");
    assert_eq!(arguments(json!({ "registry-type": "public" })), "--\n.");
    assert!(problem(json!({ "call": "outline" })).contains("`check`"));
    assert!(problem(json!({ "registry-type": "shared" })).contains("`private`"));
    assert!(problem(json!({ "context": "https://github.com/a/b.git#main" })).contains("actions/checkout"));
    assert!(problem(json!({ "context": "{{defaultContext}}:app" })).contains("actions/checkout"));
    assert!(problem(json!({ "annotations": "index:a=b" })).contains("manifest"));
    assert!(problem(json!({ "push": "yes" })).contains("true"));
    assert!(problem(json!({ "labels": "\"a=b" })).contains("quote"));
    assert!(problem(json!({ "file": "a", "config": "b" })).contains("`file`"));
}

#[test]
fn outputs_of_buildkit() {
    assert_eq!(
        arguments(json!({ "outputs": "type=oci,dest=a\ntype=docker,dest=b.tar" })),
        "--output=type=oci,dest=a\n--output=type=docker,dest=b.tar\n--\n."
    );
    assert_eq!(arguments(json!({ "outputs": "type=registry", "push": "true" })), "--push\n--\n.");
    assert_eq!(
        arguments(
            json!({ "outputs": "type=image,name=shop/api:1,push=true,compression=zstd,oci-mediatypes=true" })
        ),
        "--tag=shop/api:1\n--compression=zstd\n--push\n--\n."
    );
    assert!(
        problem(json!({ "outputs": "type=image,push-by-digest=true,push=true" }))
            .contains("`push-by-digest=`")
    );
    assert!(problem(json!({ "outputs": "type=image" })).contains("push"));
}

#[test]
fn keys_are_no_arguments() {
    let keys = json!({ "aws-access-key-id": "AKIDEXAMPLE", "aws-secret-access-key": "hunter2", "aws-session-token": "hunter3" });
    let request = ask(keys).unwrap();
    assert_eq!(request.arguments, ["--", "."]);
    assert!(!format!("{request:?}").contains("hunter"));
    let keys = request.keys.unwrap();
    assert_eq!((keys.id.as_str(), keys.secret.expose()), ("AKIDEXAMPLE", "hunter2"));
    assert_eq!(keys.session_token.unwrap().expose(), "hunter3");
    assert!(problem(json!({ "aws-access-key-id": "x" })).contains("`aws-secret-access-key` is missing"));
    assert!(problem(json!({ "aws-session-token": "x" })).contains("`aws-access-key-id` is missing"));
}

#[test]
fn a_role_without_oidc() {
    let role = "arn:aws:iam::123456789012:role/ci";
    assert_eq!(
        arguments(json!({ "role-to-assume": role, "role-chaining": "true", "role-external-id": "7" })),
        format!("--role-to-assume={role}\n--role-chaining\n--role-external-id=7\n--\n.")
    );
    assert_eq!(arguments(json!({ "force-skip-oidc": "true" })), "--\n.");
    let oidc = ask(json!({ "role-to-assume": role, "role-external-id": "7" })).unwrap();
    assert_eq!(oidc.arguments, [format!("--role-to-assume={role}"), "--".into(), ".".into()]);
    assert_eq!(oidc.notices.len(), 1);
    assert_eq!(
        arguments(json!({ "disable-retry": "true", "retry-max-attempts": "9" })),
        "--retry-max-attempts=1\n--\n."
    );
}

#[test]
fn secrets_are_found_even_if_the_rest_is_wrong() {
    let Value::Object(inputs) = json!({
        "aws-access-key-id": "id", "aws-secret-access-key": " s ", "github-token": "g", "secrets": "a=1\nb=2\n",
        "http-proxy": "http://u:p@h", "tgas": "x", "tags": "t",
    }) else {
        panic!("an object")
    };
    let found = secrets(&inputs);
    let found: Vec<_> = found.iter().map(Secret::expose).collect();
    assert_eq!(found, ["id", "s", "g", "1", "2", "http://u:p@h"]);
}

#[test]
fn options_are_told_by_the_names_of_inputs() {
    assert_eq!(origin_of_options("--tag: `x y` is no reference").unwrap(), "`--tag` is the input `tags`");
    assert_eq!(origin_of_options("--dest: `x` is wrong"), None);
    assert_eq!(origin_of_options("--tags-x --labels"), None);
}

#[test]
fn names_are_there_once() {
    let mut names: Vec<_> = INPUTS.iter().map(|input| input.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}
