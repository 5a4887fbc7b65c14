//! Bad input gets a clear error, and nothing is pushed.

use crate::support::Context;
use std::os::unix::fs::symlink;

/// Runs `consign build … --push` against an emulator, expects exit code 2 and that nothing was asked of it, and
/// gives all that can be seen.
fn refused(t: &Context, arguments: &[&str]) -> String {
    let ended = t.consign([&["build"], arguments, &["--push", "--tag", "shop/api:1"]].concat()).output();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert_eq!(t.operations(), [], "{ended}");
    ended.to_string()
}

#[test]
fn contexts() {
    let t = Context::with_ecr(&[]);
    t.file("file", "x");
    fs_err::create_dir(t.path("empty")).unwrap();
    insta::assert_snapshot!(refused(&t, &["nowhere"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading nowhere
    error: the directory `nowhere` does not exist
    ");
    insta::assert_snapshot!(refused(&t, &["file"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading file
    error: `file` is not a directory
    hint: the first argument of `consign build` is a directory; a Dockerfile or consign.yaml goes with `-f`
    ");
    insta::assert_snapshot!(refused(&t, &["empty"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading empty
    error: `empty` is empty
    hint: build the application first, or name the folder that holds it
    ");
    t.file("ignored/a", "x");
    t.file("ignored/.dockerignore", "*\n");
    insta::assert_snapshot!(refused(&t, &["ignored"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading ignored
    error: nothing of `ignored` is left: the ignore file, `include` and `exclude` together leave all of it out
    hint: check `.dockerignore`, and `include` and `exclude` of the layer
    ");
}

#[test]
fn references() {
    let t = Context::with_ecr(&[]);
    t.app();
    let tag = |tag: &str| {
        let ended = t.consign(["build", "app", "--push", "--tag", tag]).output();
        assert_eq!((ended.code, t.operations()), (Some(2), vec![]), "{ended}");
        ended.stderr
    };
    insta::assert_snapshot!(tag("shop/Api:1"), @r"error: --tag: `shop/Api:1` is not a valid reference: character 6 is 'A'; a repository name is made of a-z and 0-9, with single `.`, `_`, `__`, `-` or `/` between them");
    insta::assert_snapshot!(tag("shop/api:1+2"), @r"error: --tag: `shop/api:1+2` is not a valid reference: character 11 is '+'; a tag is made of letters, digits, `_`, `.` and `-`");
    insta::assert_snapshot!(tag("shop/api@sha256:12"), @r"error: --tag: `shop/api@sha256:12` is not a valid reference: `sha256:12` is not a digest: it has 2 digits after `sha256:` instead of 64");
    let pinned = format!("shop/api@sha256:{}", "0".repeat(64));
    insta::assert_snapshot!(tag(&pinned), @r"
    error: `shop/api@sha256:0000000000000000000000000000000000000000000000000000000000000000` has a digest, and nothing can be pushed under a digest of one's choice
    hint: push under a tag; the digest follows from the content
    ");
    insta::assert_snapshot!(tag("[x]:1/shop/api:1"), @r"
    error: `[x]:1` is not the host of a registry
    hint: write HOST/NAME or HOST:PORT/NAME; NAME alone means ECR in the account and region in use
    ");
    insta::assert_snapshot!(tag("public.ecr.aws/api:1"), @r"
    error: `public.ecr.aws/api` is no repository of ECR Public
    hint: write public.ecr.aws/ALIAS/NAME: the alias of your registry, as `consign repo list --public` shows it, then a name of 2 to 205 characters
    ");
    insta::assert_snapshot!(t.consign(["build", "app", "--push"]).fails(2), @r"
    error: --push needs to know where to: there is no --tag
    hint: add `--tag NAME:TAG`, for example `--tag shop/api:1.4`
    ");
}

#[test]
fn options() {
    let t = Context::with_ecr(&[]);
    t.app();
    insta::assert_snapshot!(refused(&t, &["app", "--compression", "lz4"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'lz4' for '--compression <KIND>'
      [possible values: gzip, zstd, none]

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(refused(&t, &["app", "--compression-level", "13"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --compression-level: gzip has no level 13: its levels are 1 to 12
    ");
    insta::assert_snapshot!(refused(&t, &["app", "--platform", "linux"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --platform: `linux` is not a platform: write OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as `linux/amd64`
    ");
    insta::assert_snapshot!(refused(&t, &["app", "--entrypoint", "a 'b"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --entrypoint: `a 'b` has a quote that is not closed
    ");
    insta::assert_snapshot!(refused(&t, &["app", "--role-to-assume", "ci"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --role-to-assume: `ci` is not the ARN of a role
    hint: it looks like arn:aws:iam::123456789012:role/NAME
    ");
    insta::assert_snapshot!(refused(&t, &["app", "--output", "type=oci"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --output: `type=oci`: it has no dest=
    hint: write `type=oci,dest=PATH` or `type=docker,dest=FILE.tar`
    ");
    insta::assert_snapshot!(refused(&t, &["app", "--dest", "app"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --dest: `app` is not an absolute path without `..`
    ");
    insta::assert_snapshot!(refused(&t, &["app", "--tga", "x"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: unexpected argument '--tga' found

      tip: a similar argument exists: '--target'

    Usage: consign build --target <STAGE> <CONTEXT>

    For more information, try '--help'.
    ");
}

#[test]
fn output_files_are_looked_at_before_the_build() {
    let t = Context::with_ecr(&[]);
    t.app();
    insta::assert_snapshot!(refused(&t, &["app", "--digest-file", "no/such/folder/digest"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `no/such/folder/digest` can't be written: the folder `no/such/folder` does not exist
    hint: create it first: `mkdir -p no/such/folder`
    ");
    fs_err::create_dir(t.path("folder")).unwrap();
    insta::assert_snapshot!(refused(&t, &["app", "--iidfile", "folder"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `folder` can't be written: it is a directory
    ");
    insta::assert_snapshot!(refused(&t, &["app", "-o", "type=oci,dest=no/layout"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --output: the folder of `no/layout` does not exist
    ");
}

#[test]
fn consign_yaml() {
    let t = Context::with_ecr(&[]);
    t.app();
    let with = |text: &str| {
        t.file("app/consign.yaml", text);
        refused(&t, &["app"])
    };
    insta::assert_snapshot!(with("apiVersion: consign/v1\nconfig:\n  entrypont: [a]\n"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: app/consign.yaml:3:3: unknown key `entrypont` in `config`
      |
    3 |   entrypont: [a]
      |   ^^^^^^^^^
    hint: did you mean `entrypoint`?
    ");
    insta::assert_snapshot!(with("apiVersion: consign/v1\nconfig:\n  env: 5\n"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: app/consign.yaml:3:8: `config.env` must be a mapping, and this is a text
      |
    3 |   env: 5
      |        ^
    ");
    insta::assert_snapshot!(with("apiVersion: consign/v1\nlayers:\n- { from: ../x, to: /x }\n"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: app/consign.yaml:3:11: `../x` leaves the context
      |
    3 | - { from: ../x, to: /x }
      |           ^^^^
    hint: paths are relative to this file, and may not lead above its folder
    ");
    insta::assert_snapshot!(with("apiVersion: consign/v1\nlayers:\n- { from: nope, to: /x }\n"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: `app/nope` does not exist
    ");
    insta::assert_snapshot!(with("apiVersion: consign/v2\n"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: app/consign.yaml:1:13: `consign/v2` is not a version of this format that this consign reads
      |
    1 | apiVersion: consign/v2
      |             ^^^^^^^^^^
    hint: write `apiVersion: consign/v1`
    ");
    // A link is followed within the context, and not out of it.
    t.file("secret", "x");
    symlink("../secret", t.path("app/link")).unwrap();
    insta::assert_snapshot!(with("apiVersion: consign/v1\nlayers:\n- { from: link, to: /x }\n"), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: `app/link` leads out of `app`: it is a link to `../secret`
    ");
}

#[test]
fn a_consign_yaml_outside_of_the_context() {
    let t = Context::with_ecr(&[]);
    t.app();
    t.file("other/consign.yaml", "apiVersion: consign/v1\n");
    insta::assert_snapshot!(refused(&t, &["app", "-f", "other/consign.yaml"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    reading app
    error: `other/consign.yaml` lies outside of the context `app`, and its paths are relative to it
    hint: pass a context that holds the file, for example the repository's root
    ");
}

#[test]
fn a_repository_that_does_not_exist() {
    let t = Context::with_ecr(&[]);
    t.app();
    insta::assert_snapshot!(t.consign(["build", "app", "--push", "--tag", "shop/api:1"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: the repository `shop/api` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/api`; if it exists, check the region and the account
    ");
    assert!(t.requests("InitiateLayerUpload").is_empty());
    assert!(t.ecr().registry().is_empty());
}

#[test]
fn an_endpoint_that_refuses_connections() {
    let t = Context::with_ecr(&[]);
    t.app();
    // Port 9 is `discard`, which nothing serves here.
    let push = || t.consign(["build", "app", "--push", "--tag", "shop/api:1", "--retry-max-attempts", "2"]);
    insta::assert_snapshot!(push().env("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:9").output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    authenticated with the OIDC token of GitHub Actions for the role arn:aws:iam::123456789012:role/consign
    error: BatchGetImage on [HOST]/shop/api did not get through: io error: client error (Connect): tcp connect error: Connection refused (os error 111)
    hint: check the network, and `AWS_ENDPOINT_URL_ECR` if it is set; then run the same command again: what is stored is not sent twice
    ");
    insta::assert_snapshot!(push().env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9").output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: asking STS to assume the role arn:aws:iam::123456789012:role/consign
      because: io error: client error (Connect): tcp connect error: Connection refused (os error 111)
    hint: check the network and the region, and `AWS_ENDPOINT_URL_STS` if it is set; then run it again
    ");
    let github = push().env("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:9/token?secret=1");
    insta::assert_snapshot!(github.output(), @r"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    reading app
    context: 4 entries, 41 B
    error: asking GitHub Actions for an OIDC token at http://[HOST]/token?[redacted]
      because: error sending request
      because: client error (Connect)
      because: tcp connect error
      because: Connection refused (os error 111)
    hint: check the network of this job, and run it again
    ");
}

#[test]
fn a_file_that_changes_while_it_is_read() {
    let t = Context::with_ecr(&["slow,rate=3000000"]);
    let path = t.noise("app/data", 24, 1);
    let push = ["build", "app", "--push", "--tag", "shop/api:1", "--create-repository"];
    let mut running = t.consign(push);
    let running = running.command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let started = std::time::Instant::now();
    while t.requests("InitiateLayerUpload").is_empty() {
        assert!(started.elapsed().as_secs() < 60, "no upload began");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    fs_err::OpenOptions::new().write(true).open(&path).unwrap().set_len(23 * 1024 * 1024).unwrap();
    let output = running.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("app/data` shrank while it was read"), "{stderr}");
    let repository = &t.ecr().registry()["shop/api"];
    assert!(repository.images.is_empty() && repository.blobs.is_empty());
}

#[test]
fn sources_that_are_no_images() {
    let t = Context::with_ecr(&[]);
    t.app();
    insta::assert_snapshot!(t.consign(["push", "nowhere", "shop/api:1"]).fails(2), @r"
    error: `nowhere` does not exist
    hint: the first argument is an OCI layout or an archive: `consign build -o type=oci,dest=PATH` makes one
    ");
    insta::assert_snapshot!(t.consign(["push", "app", "shop/api:1"]).fails(2), @r"error: `app` is no image: it has no `oci-layout`, as an OCI layout has");
    insta::assert_snapshot!(t.consign(["push", "app/server.js", "shop/api:1"]).fails(2), @r"
    error: reading the image `app/server.js`
      because: failed to read entire block
    ");
    assert_eq!(t.operations(), []);
    insta::assert_snapshot!(t.consign(["inspect", "shop/api:1"]).output(), @r"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: the repository `shop/api` does not exist in the registry [HOST]
    hint: create it by pushing with `--create-repository`, or with `consign repo create shop/api`; if it exists, check the region and the account
    ");
}

#[test]
fn a_file_that_is_not_there() {
    let t = Context::new();
    t.app();
    let ended = t.consign(["build", "app", "--file", "nowhere.yaml"]).output();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(ended.stderr, @r"
    error: the file `nowhere.yaml` does not exist
    hint: --file is looked for from the current directory, not from the context; without it, CONTEXT/consign.yaml or CONTEXT/Dockerfile is read if it is there
    ");
}
