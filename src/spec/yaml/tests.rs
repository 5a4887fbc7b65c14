use super::*;
use crate::base::Platform;
use crate::spec::{CatalogSettings, Encryption, PolicySource, RepositorySettings, TextSource};
use proptest::prelude::*;

fn read(text: &str) -> Result<Plan, SpecError> {
    parse(Path::new("consign.yaml"), text)
}

/// The message for a text that has `apiVersion` in front, so lines count from 2.
fn wrong(text: &str) -> String {
    wrong_whole(&format!("apiVersion: consign/v1\n{text}"))
}

fn wrong_whole(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

const DESIGN: &str = r#"apiVersion: consign/v1
base: public.ecr.aws/docker/library/node:22-slim   # left out: scratch
platforms: [linux/amd64, linux/arm64]
layers:                       # in order; left out: the context, split automatically
  - name: dependencies
    from: node_modules
    to: /app/node_modules
  - name: app
    from: dist
    to: /app
    include: ["**/*.js"]
    exclude: ["**/*.map"]
    owner: "1000:1000"
    modes: { files: "0644", directories: "0755", executables: "0755" }
config:
  entrypoint: [node, /app/server.js]
  env: { NODE_ENV: production }
  workdir: /app
  user: "1000"
  ports: [8080]
  labels: { org.opencontainers.image.source: https://example.com/shop }
repository:                   # used by --create-repository and `consign repo apply`
  tagMutability: IMMUTABLE
  scanOnPush: true
  encryption: { type: KMS, key: alias/ecr }
  lifecycle: lifecycle.json
"#;

#[test]
fn the_example_of_the_design() {
    let plan = read(DESIGN).unwrap();
    let dependencies = LayerPlan {
        name: "dependencies".into(),
        from: "node_modules".into(),
        to: "/app/node_modules".into(),
        include: vec![],
        exclude: vec![],
        owner: super::super::Owner::default(),
        modes: Modes::default(),
        divisible: false,
    };
    let app = LayerPlan {
        name: "app".into(),
        from: "dist".into(),
        to: "/app".into(),
        include: vec!["**/*.js".into()],
        exclude: vec!["**/*.map".into()],
        owner: super::super::Owner { uid: 1000, gid: 1000 },
        modes: Modes::default(),
        divisible: false,
    };
    let expected = Plan {
        base: Some("public.ecr.aws/docker/library/node:22-slim".into()),
        platforms: ["linux/amd64", "linux/arm64"].map(|text| text.parse::<Platform>().unwrap()).into(),
        layers: vec![dependencies, app],
        config: ImageSettings {
            entrypoint: Some(vec!["node".into(), "/app/server.js".into()]),
            env: vec![("NODE_ENV".into(), "production".into())],
            workdir: Some("/app".into()),
            user: Some("1000".into()),
            ports: vec!["8080/tcp".into()],
            labels: [("org.opencontainers.image.source".into(), "https://example.com/shop".into())].into(),
            ..ImageSettings::default()
        },
        repository: RepositorySettings {
            tag_mutability: Some("IMMUTABLE".into()),
            scan_on_push: Some(true),
            encryption: Some(Encryption { kind: "KMS".into(), key: Some("alias/ecr".into()) }),
            lifecycle: Some(PolicySource::File("lifecycle.json".into())),
            ..RepositorySettings::default()
        },
    };
    assert_eq!(plan, expected);
}

#[test]
fn what_is_left_out_is_empty() {
    let plan = read("apiVersion: consign/v1\n").unwrap();
    assert_eq!((plan.base, plan.layers, plan.platforms), (None, vec![], vec![]));
    assert_eq!(plan.config, ImageSettings::default());
    assert_eq!(read("apiVersion: consign/v1\nbase: scratch\n").unwrap().base, None);
    assert_eq!(read("\u{feff}---\r\napiVersion: \"consign/v1\"\r\n...\r\n").unwrap().base, None);
    assert_eq!(read("{\"apiVersion\": \"consign/v1\"}").unwrap().base, None);
}

#[test]
fn scalars_stay_as_they_were_written() {
    let plan = read(
        "apiVersion: consign/v1
config:
  env:
    A: 0644
    B: 1.10
    C: yes
    D: true
    E: \"\"
    F: 0x1F
    G: 'null'
  cmd: [1, true, \"\", 12345678901234567890123456789012345678901]
  labels: {version: 1.0}
layers:
- {from: ., to: /, owner: 7, modes: {files: 0600, directories: 0o711, executables: 4755}}
- {from: a/./b//../c/, to: /x}
",
    )
    .unwrap();
    let env: Vec<&str> = plan.config.env.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(env, ["0644", "1.10", "yes", "true", "", "0x1F", "null"]);
    assert_eq!(plan.config.cmd.unwrap(), ["1", "true", "", "12345678901234567890123456789012345678901"]);
    assert_eq!(plan.config.labels["version"], "1.0");
    let [first, second] = &plan.layers[..] else { panic!("two layers") };
    assert_eq!((first.owner.uid, first.owner.gid, first.name.as_str()), (7, 7, "."));
    assert_eq!(first.modes, Modes { files: 0o600, directories: 0o711, executables: 0o4755 });
    assert_eq!((second.from.to_str(), second.name.as_str()), (Some("a/c"), "a/c"));
}

#[test]
fn an_environment_may_be_a_list_and_anchors_work() {
    let plan = read(
        "apiVersion: consign/v1
layers:
- &first {name: one, from: a, to: /a, exclude: &maps ['**/*.map']}
- {name: two, from: b, to: /b, exclude: *maps}
config: {env: [A=1, B=x=y, C=], ports: [53/udp, '80'], volumes: [/data], user: node:node, stopSignal: SIGRTMIN+3}
",
    )
    .unwrap();
    assert_eq!(plan.layers[0].exclude, plan.layers[1].exclude);
    let variables = [("A", "1"), ("B", "x=y"), ("C", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(plan.config.env, variables);
    assert_eq!(plan.config.ports, ["53/udp", "80/tcp"]);
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(wrong("config:\n  entrypont: [node]\n"), @r"
    consign.yaml:3:3: unknown key `entrypont` in `config`
      |
    3 |   entrypont: [node]
      |   ^^^^^^^^^
    hint: did you mean `entrypoint`?
    ");
    insta::assert_snapshot!(wrong("layer:\n- {from: a, to: /a}\n"), @r"
    consign.yaml:2:1: unknown key `layer` in `consign.yaml`
      |
    2 | layer:
      | ^^^^^
    hint: did you mean `layers`?
    ");
    insta::assert_snapshot!(wrong("layers:\n- from: a\n  to: /a\n  'quux': 1\n"), @r"
    consign.yaml:5:3: unknown key `quux` in `layers[0]`
      |
    5 |   'quux': 1
      |   ^^^^^^
    hint: known are `name`, `from`, `to`, `include`, `exclude`, `owner` and `modes`
    ");
    insta::assert_snapshot!(wrong("layers: [{from: a, to: /a, modes: {file: 0644}}]\n"), @r"
    consign.yaml:2:36: unknown key `file` in `layers[0].modes`
      |
    2 | layers: [{from: a, to: /a, modes: {file: 0644}}]
      |                                    ^^^^
    hint: did you mean `files`?
    ");
    insta::assert_snapshot!(wrong("repository:\n  encryption:\n    Type: KMS\n"), @r"
    consign.yaml:4:5: unknown key `Type` in `repository.encryption`
      |
    4 |     Type: KMS
      |     ^^^^
    hint: did you mean `type`?
    ");
    insta::assert_snapshot!(wrong("<<: {base: x}\n"), @r"
    consign.yaml:2:1: unknown key `<<` in `consign.yaml`
      |
    2 | <<: {base: x}
      | ^^
    hint: known are `apiVersion`, `base`, `platforms`, `layers`, `config` and `repository`
    ");
}

#[test]
fn versions() {
    insta::assert_snapshot!(wrong_whole("base: scratch\n"), @r"
    consign.yaml:1:1: there is no `apiVersion`
      |
    1 | base: scratch
      | ^
    hint: begin with `apiVersion: consign/v1`
    ");
    insta::assert_snapshot!(wrong_whole("apiVersion: consign/v2\nlayers: []\n"), @r"
    consign.yaml:1:13: `consign/v2` is not a version of this format that this consign reads
      |
    1 | apiVersion: consign/v2
      |             ^^^^^^^^^^
    hint: write `apiVersion: consign/v1`
    consign.yaml:2:9: `layers` is an empty list
      |
    2 | layers: []
      |         ^
    hint: leave `layers` out to take the whole context
    ");
    insta::assert_snapshot!(wrong_whole("# nothing\n"), @r"
    consign.yaml:1:1: the file is empty
      |
    1 | # nothing
      | ^
    hint: begin with `apiVersion: consign/v1`
    ");
    insta::assert_snapshot!(wrong_whole(""), @r"
    consign.yaml:1:1: the file is empty
      |
    1 | 
      | ^
    hint: begin with `apiVersion: consign/v1`
    ");
    insta::assert_snapshot!(wrong_whole("- a\n"), @r"
    consign.yaml:1:1: `consign.yaml` must be a mapping, and this is a list
      |
    1 | - a
      | ^
    ");
    insta::assert_snapshot!(wrong_whole("apiVersion: consign/v1\n---\napiVersion: consign/v1\n"), @r"
    consign.yaml:3:1: there is more than one document
      |
    3 | apiVersion: consign/v1
      | ^
    hint: keep one document in a file; `---` starts another one
    ");
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(wrong("config:\n  entrypoint: node server.js\n"), @r"
    consign.yaml:3:15: `config.entrypoint` must be a list, and this is a text
      |
    3 |   entrypoint: node server.js
      |               ^^^^^^^^^^^^^^
    hint: write it as a list: `[node server.js]`
    ");
    insta::assert_snapshot!(wrong("config: [a]\n"), @r"
    consign.yaml:2:9: `config` must be a mapping, and this is a list
      |
    2 | config: [a]
      |         ^
    ");
    insta::assert_snapshot!(wrong("config:\n  workdir:\n    a: 1\n"), @r"
    consign.yaml:4:5: `config.workdir` must be a text, and this is a mapping
      |
    4 |     a: 1
      |     ^
    ");
    insta::assert_snapshot!(wrong("config:\n"), @r"
    consign.yaml:2:1: `config` has no value
      |
    2 | config:
      | ^^^^^^
    hint: give it a value, or remove the line
    ");
    insta::assert_snapshot!(wrong("config:\n  env: {A: [1]}\n  labels: {B: }\n"), @r#"
    consign.yaml:3:12: `config.env.A` must be a text, and this is a list
      |
    3 |   env: {A: [1]}
      |            ^
    consign.yaml:4:12: `config.labels.B` has no value
      |
    4 |   labels: {B: }
      |            ^
    hint: write `B: ""` for an empty value
    "#);
    insta::assert_snapshot!(wrong("? [a]\n: b\n"), @r"
    consign.yaml:2:3: a key must be a text, and this is a list
      |
    2 | ? [a]
      |   ^
    ");
    insta::assert_snapshot!(wrong("base: !env BASE\n"), @r"
    consign.yaml:2:7: base: a tag has no meaning here
      |
    2 | base: !env BASE
      |       ^
    ");
}

#[test]
fn paths_that_are_not_below_the_file_or_not_absolute() {
    let layer = |from: &str, to: &str| wrong(&format!("layers:\n  - from: {from}\n    to: {to}\n"));
    insta::assert_snapshot!(layer("/etc", "/app"), @r"
    consign.yaml:3:11: `layers[0].from` must be relative, and `/etc` is absolute
      |
    3 |   - from: /etc
      |           ^^^^
    hint: paths are relative to the folder of this file
    ");
    insta::assert_snapshot!(layer("a/../../b", "/app"), @r"
    consign.yaml:3:11: `a/../../b` leaves the context
      |
    3 |   - from: a/../../b
      |           ^^^^^^^^^
    hint: paths are relative to this file, and may not lead above its folder
    ");
    insta::assert_snapshot!(layer("a", "./app"), @r"
    consign.yaml:4:9: `layers[0].to` must be absolute, and `./app` is not
      |
    4 |     to: ./app
      |         ^^^^^
    hint: write `/app`
    ");
    insta::assert_snapshot!(layer("a", "/app/../etc"), @r"
    consign.yaml:4:9: `layers[0].to` has a `..` in it
      |
    4 |     to: /app/../etc
      |         ^^^^^^^^^^^
    ");
    insta::assert_snapshot!(wrong("config: { workdir: srv/app }\n"), @r"
    consign.yaml:2:20: `config.workdir` must be absolute, and `srv/app` is not
      |
    2 | config: { workdir: srv/app }
      |                    ^^^^^^^
    hint: write `/srv/app`
    ");
    insta::assert_snapshot!(wrong("repository:\n  lifecycle: ../x.json\n"), @r"
    consign.yaml:3:14: `../x.json` leaves the context
      |
    3 |   lifecycle: ../x.json
      |              ^^^^^^^^^
    hint: paths are relative to this file, and may not lead above its folder
    ");
    insta::assert_snapshot!(wrong("layers:\n  - name: x\n"), @r"
    consign.yaml:3:5: `layers[0]` has no `from`
      |
    3 |   - name: x
      |     ^
    consign.yaml:3:5: `layers[0]` has no `to`
      |
    3 |   - name: x
      |     ^
    ");
    insta::assert_snapshot!(layer("", "/app"), @r"
    consign.yaml:3:5: `layers[0].from` has no value
      |
    3 |   - from: 
      |     ^^^^
    hint: give it a value, or remove the line
    ");
    insta::assert_snapshot!(wrong("layers: []\n"), @r"
    consign.yaml:2:9: `layers` is an empty list
      |
    2 | layers: []
      |         ^
    hint: leave `layers` out to take the whole context
    ");
}

#[test]
fn values_that_make_no_sense() {
    let layer = |more: &str| wrong(&format!("layers:\n  - {{from: a, to: /a, {more}}}\n"));
    insta::assert_snapshot!(layer("owner: node"), @r"
    consign.yaml:3:30: `node` is not a numeric id
      |
    3 |   - {from: a, to: /a, owner: node}
      |                              ^^^^
    hint: use the numeric ids: a name means nothing without the `/etc/passwd` of the image, and an image from scratch has none
    ");
    insta::assert_snapshot!(layer("owner: '1000:'"), @r#"
    consign.yaml:3:30: `` is not a numeric id
      |
    3 |   - {from: a, to: /a, owner: '1000:'}
      |                              ^^^^^^^
    hint: write `"UID"` or `"UID:GID"`, each a number up to 4294967295
    "#);
    insta::assert_snapshot!(layer("modes: {files: '0698'}"), @r#"
    consign.yaml:3:38: `0698` is not a mode
      |
    3 |   - {from: a, to: /a, modes: {files: '0698'}}
      |                                      ^^^^^^
    hint: write octal digits, such as "0644" or "0755"
    "#);
    insta::assert_snapshot!(layer("modes: {directories: 17777}"), @r#"
    consign.yaml:3:44: `17777` is not a mode
      |
    3 |   - {from: a, to: /a, modes: {directories: 17777}}
      |                                            ^^^^^
    hint: write octal digits, such as "0644" or "0755"
    "#);
    insta::assert_snapshot!(layer("include: ['src/[a']"), @r"
    consign.yaml:3:33: `src/[a` is not a pattern: the set that starts with `[` has no `]`
      |
    3 |   - {from: a, to: /a, include: ['src/[a']}
      |                                 ^^^^^^^^
    ");
    insta::assert_snapshot!(wrong("config:\n  ports: [8080, 80:80, 0, 1/icmp]\n"), @r"
    consign.yaml:3:17: `80:80` is not a port
      |
    3 |   ports: [8080, 80:80, 0, 1/icmp]
      |                 ^^^^^
    hint: only the port inside the container: an image can't publish one
    consign.yaml:3:24: `0` is not a port
      |
    3 |   ports: [8080, 80:80, 0, 1/icmp]
      |                        ^
    hint: write a number from 1 to 65535, with `/udp` behind it if it is not TCP
    consign.yaml:3:27: `1/icmp` is not a port
      |
    3 |   ports: [8080, 80:80, 0, 1/icmp]
      |                           ^^^^^^
    hint: the protocol is `tcp`, `udp` or `sctp`
    ");
    insta::assert_snapshot!(wrong("config:\n  env: [PATH, A=1, A=2]\n"), @r"
    consign.yaml:3:9: `PATH` has no `=`
      |
    3 |   env: [PATH, A=1, A=2]
      |         ^^^^
    hint: write `PATH=VALUE`
    consign.yaml:3:20: `config.env.A` is there twice
      |
    3 |   env: [PATH, A=1, A=2]
      |                    ^^^
    ");
    insta::assert_snapshot!(wrong("config: {user: a b, stopSignal: TERM}\n"), @r"
    consign.yaml:2:16: `a b` is not a user
      |
    2 | config: {user: a b, stopSignal: TERM}
      |                ^^^
    hint: write `USER` or `USER:GROUP`, as names or numbers
    consign.yaml:2:33: `TERM` is not a signal
      |
    2 | config: {user: a b, stopSignal: TERM}
      |                                 ^^^^
    hint: write its name, such as `SIGTERM`, or its number
    ");
    insta::assert_snapshot!(wrong("base: Node:22\nplatforms: [linux]\n"), @r"
    consign.yaml:2:7: `Node:22` is not a valid reference: character 1 is 'N'; a repository name is made of a-z and 0-9, with single `.`, `_`, `__`, `-` or `/` between them
      |
    2 | base: Node:22
      |       ^^^^^^^
    consign.yaml:3:13: `linux` is not a platform: write OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as `linux/amd64`
      |
    3 | platforms: [linux]
      |             ^^^^^
    ");
    insta::assert_snapshot!(wrong("repository: {tagMutability: immutable, scanOnPush: yes}\n"), @r"
    consign.yaml:2:29: `repository.tagMutability` can't be `immutable`
      |
    2 | repository: {tagMutability: immutable, scanOnPush: yes}
      |                             ^^^^^^^^^
    hint: did you mean `IMMUTABLE`?
    consign.yaml:2:52: `repository.scanOnPush` must be `true` or `false`, and this is `yes`
      |
    2 | repository: {tagMutability: immutable, scanOnPush: yes}
      |                                                    ^^^
    ");
    insta::assert_snapshot!(wrong("repository: {encryption: {type: AES256, key: x}}\n"), @r"
    consign.yaml:2:46: `AES256` has no key of yours
      |
    2 | repository: {encryption: {type: AES256, key: x}}
      |                                              ^
    hint: leave `key` out, or use the type `KMS`
    ");
    insta::assert_snapshot!(wrong("repository: {tagMutabilityExclusions: [a*]}\n"), @r"
    consign.yaml:2:39: exclusions without a tag mutability that has them
      |
    2 | repository: {tagMutabilityExclusions: [a*]}
      |                                       ^
    hint: set it to `IMMUTABLE_WITH_EXCLUSION` or `MUTABLE_WITH_EXCLUSION`
    ");
    insta::assert_snapshot!(wrong("base: a/b\nconfig: {}\nbase: c/d\n"), @r"
    consign.yaml:4:1: `base` is there twice
      |
    4 | base: c/d
      | ^^^^
    ");
}

#[test]
fn texts_that_are_no_yaml() {
    insta::assert_snapshot!(wrong("config:\n\tworkdir: /app\n"), @r"
    consign.yaml:3:1: found character that cannot start any token, while scanning for the next token
      |
    3 | 	workdir: /app
      | ^
    hint: YAML is indented with spaces, and this line begins with a tab
    ");
    insta::assert_snapshot!(wrong("config: {workdir: /app\n"), @r"
    consign.yaml:3:1: did not find expected ',' or '}', while parsing a flow mapping at line 2 column 9
      |
    3 | 
      | ^
    ");
    insta::assert_snapshot!(wrong("base: *nothing\n"), @r"
    consign.yaml:2:7: unknown anchor
      |
    2 | base: *nothing
      |       ^
    ");
    insta::assert_snapshot!(wrong("base: 'x\n"), @r"
    consign.yaml:3:1: found unexpected end of stream, while scanning a quoted scalar at line 2 column 7
      |
    3 | 
      | ^
    ");
    insta::assert_snapshot!(wrong("base: a: b\n"), @r"
    consign.yaml:2:8: mapping values are not allowed in this context
      |
    2 | base: a: b
      |        ^
    ");
}

#[test]
fn places_count_characters_and_keep_tabs() {
    insta::assert_snapshot!(wrong("config: {labels: {ä: ö}, usr:\t'☺☺'}\n"), @r"
    consign.yaml:2:26: unknown key `usr` in `config`
      |
    2 | config: {labels: {ä: ö}, usr:	'☺☺'}
      |                          ^^^
    hint: did you mean `user`?
    ");
    let problem = |text| read(text).unwrap_err().problems[0].clone();
    let found = problem("apiVersion: consign/v1\r\nconfig:\r\n  user: \"a b\"\r\n");
    assert_eq!((found.line, found.column, found.width), (3, 9, 5));
    assert_eq!(found.source_line, "  user: \"a b\"");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(apiVersion: consign/v1\n)?([a-z:{}\\[\\],&*!|>'\"#%@`~? \t\n-]|layers|from|config|env|: |\n- ){0,40}") {
        if let Err(error) = read(&text) {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.to_string().contains('^'));
        }
    }
}

#[test]
fn all_of_a_repository() {
    let plan = read(
        r#"apiVersion: consign/v1
repository:
  name: public.ecr.aws/a1b2c3d4/shop
  tagMutability: IMMUTABLE_WITH_EXCLUSION
  tagMutabilityExclusions: [latest, "dev-*"]
  policy: { Version: 2012-10-17, Statement: [{ Sid: 7, Effect: Allow, Action: "ecr:*", Principal: "*" }] }
  lifecycle:
    rules:
      - rulePriority: 1
        description: "10"
        selection: { tagStatus: any, countType: imageCountMoreThan, countNumber: 10 }
        action: { type: expire }
  tags: { team: shop, empty: "" }
  catalog:
    description: A shop
    aboutText: { file: ./ABOUT.md }
    usageText: |
      Pull it.
    operatingSystems: [Linux]
    architectures: [x86-64, ARM 64]
    logo: logo.png
"#,
    );
    let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "7", "Effect": "Allow", "Action": "ecr:*", "Principal": "*" },
    ] });
    // A description that looks like a number is none; a priority is one.
    let lifecycle = serde_json::json!({ "rules": [{
        "rulePriority": 1,
        "description": "10",
        "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10 },
        "action": { "type": "expire" },
    }] });
    let expected = RepositorySettings {
        name: Some("public.ecr.aws/a1b2c3d4/shop".into()),
        tag_mutability: Some("IMMUTABLE_WITH_EXCLUSION".into()),
        tag_mutability_exclusions: vec!["latest".into(), "dev-*".into()],
        scan_on_push: None,
        encryption: None,
        lifecycle: Some(PolicySource::Inline(lifecycle)),
        policy: Some(PolicySource::Inline(policy)),
        tags: [("team".into(), "shop".into()), ("empty".into(), String::new())].into(),
        catalog: Some(CatalogSettings {
            description: Some("A shop".into()),
            about_text: Some(TextSource::File("ABOUT.md".into())),
            usage_text: Some(TextSource::Inline("Pull it.\n".into())),
            operating_systems: Some(vec!["Linux".into()]),
            architectures: Some(vec!["x86-64".into(), "ARM 64".into()]),
            logo: Some("logo.png".into()),
        }),
    };
    assert_eq!(plan.unwrap().repository, expected);
    let nothing =
        read("apiVersion: consign/v1\nrepository: { policy: none, lifecycle: ./none }\n").unwrap().repository;
    assert_eq!(nothing.policy, Some(PolicySource::Nothing));
    assert_eq!(nothing.lifecycle, Some(PolicySource::File("none".into())));
}

#[test]
fn what_is_wrong_with_a_repository() {
    insta::assert_snapshot!(wrong("repository:\n  name: shop/api:1\n  tagmutability: IMMUTABLE\n  tags: { \"aws:x\": y, a*: b }\n"), @r#"
    consign.yaml:3:9: `repository.name` is an image, and this is about a repository
      |
    3 |   name: shop/api:1
      |         ^^^^^^^^^^
    hint: leave out what stands after its name: `shop/api`
    consign.yaml:4:3: unknown key `tagmutability` in `repository`
      |
    4 |   tagmutability: IMMUTABLE
      |   ^^^^^^^^^^^^^
    hint: did you mean `tagMutability`?
    consign.yaml:5:11: `aws:x` can't be a tag of a resource with the value `y`
      |
    5 |   tags: { "aws:x": y, a*: b }
      |           ^^^^^^^
    hint: keys that begin with `aws:` are AWS's own
    consign.yaml:5:23: `a*` can't be a tag of a resource with the value `b`
      |
    5 |   tags: { "aws:x": y, a*: b }
      |                       ^^
    hint: it is made of letters, digits, spaces and `_.:/=+-@`
    "#);
    insta::assert_snapshot!(
        wrong("repository: { tagMutability: MUTABLE_WITH_EXCLUSION, policy: [a], catalog: { aboutText: { path: x } } }\n"),
        @r"
        consign.yaml:2:30: `MUTABLE_WITH_EXCLUSION` needs exclusions: the tags for which it does not hold
          |
        2 | repository: { tagMutability: MUTABLE_WITH_EXCLUSION, policy: [a], catalog: { aboutText: { path: x } } }
          |                              ^^^^^^^^^^^^^^^^^^^^^^
        hint: name some with wildcards, such as `latest` or `dev-*`, or leave out `_WITH_EXCLUSION`
        consign.yaml:2:62: `repository.policy` must be a file or a mapping, and this is a list
          |
        2 | repository: { tagMutability: MUTABLE_WITH_EXCLUSION, policy: [a], catalog: { aboutText: { path: x } } }
          |                                                              ^
        hint: write the name of a file, the document itself, or `none`
        consign.yaml:2:89: `repository.catalog.aboutText` has no `file`
          |
        2 | repository: { tagMutability: MUTABLE_WITH_EXCLUSION, policy: [a], catalog: { aboutText: { path: x } } }
          |                                                                                         ^
        consign.yaml:2:91: unknown key `path` in `repository.catalog.aboutText`
          |
        2 | repository: { tagMutability: MUTABLE_WITH_EXCLUSION, policy: [a], catalog: { aboutText: { path: x } } }
          |                                                                                           ^^^^
        hint: known are `file`
        "
    );
    insta::assert_snapshot!(
        wrong("repository: { tagMutability: IMMUTABLE_WITH_EXCLUSION, tagMutabilityExclusions: [v1, a?] }\n"),
        @r"
        consign.yaml:2:86: `a?` can't exclude tags
          |
        2 | repository: { tagMutability: IMMUTABLE_WITH_EXCLUSION, tagMutabilityExclusions: [v1, a?] }
          |                                                                                      ^^
        hint: it is made of 1 to 128 letters, digits and `.`, `_`, `-`, and of `*` for any characters
        "
    );
    insta::assert_snapshot!(
        wrong("repository: { lifecycle: { rules: [{ rulePriority: 1, rulePriority: 2 }] }, encryption: { key: x } }\n"),
        @r"
        consign.yaml:2:55: `rulePriority` is there twice
          |
        2 | repository: { lifecycle: { rules: [{ rulePriority: 1, rulePriority: 2 }] }, encryption: { key: x } }
          |                                                       ^^^^^^^^^^^^
        consign.yaml:2:89: `repository.encryption` has no `type`
          |
        2 | repository: { lifecycle: { rules: [{ rulePriority: 1, rulePriority: 2 }] }, encryption: { key: x } }
          |                                                                                         ^
        "
    );
}
