//! What variables, stages and checks mean.

use super::*;

#[test]
fn scopes_of_arguments() {
    assert_eq!(value("ARG A=g\nFROM x", "A"), "[]");
    assert_eq!(value("ARG A=g\nFROM x\nARG A", "A"), "[g]");
    assert_eq!(value("ARG A=g\nFROM x\nARG A=own", "A"), "[own]");
    assert_eq!(value("FROM x AS a\nARG A=1\nFROM x", "A"), "[]");
    // A stage on another one has its arguments, but its environment counts for more.
    assert_eq!(value("FROM x AS a\nARG A=1\nFROM a", "A"), "[1]");
    assert_eq!(value("FROM x AS a\nENV A=env\nARG A=arg\nFROM a", "A"), "[env]");
    assert_eq!(value("FROM x\nENV A=env\nARG A=arg", "A"), "[arg]");
    assert_eq!(value("FROM x\nARG A=1 B=$A", "B"), "[1]");
    assert_eq!(value("FROM x\nENV A=1 B=[$A]", "B"), "[[]]");
    assert_eq!(value("ARG A=a$A\nARG A=b$A\nFROM x\nARG A\nARG A=$A$A", "A"), "[baba]");
    assert_eq!(value("FROM x", "FROM_BASE"), "[yes]");
    assert_eq!(value("FROM scratch", "FROM_BASE"), "[]");
    assert_eq!(
        value("FROM scratch", "PATH"),
        "[/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin]"
    );
    assert_eq!(value("FROM x\nARG TARGETARCH", "TARGETARCH"), "[amd64]");
}

#[test]
fn build_arguments() {
    let given = |pairs: &[(&str, &str)]| Options {
        build_args: pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..options()
    };
    let file =
        parse(path(), "ARG G=1 H\nFROM x:$G\nARG A=2\nARG B\nARG G\nARG H\nUSER $A-$B-$G-$H-$C").unwrap();
    let run = |options: &Options| {
        let evaluated = evaluate(&file, options, &base).unwrap();
        let user = evaluated.stages[0].steps.iter().find_map(|step| match &step.action {
            Action::User(user) => Some(user.clone()),
            _ => None,
        });
        (evaluated.stages[0].base.clone(), user.unwrap(), evaluated.unused_build_args)
    };
    let image = |name: &str| Origin::Image(name.to_owned());
    assert_eq!(run(&given(&[])), (image("x:1"), "2--1--".into(), vec![]));
    let all =
        [("G", "3"), ("H", "4"), ("A", "5"), ("B", "6"), ("C", "7"), ("HTTP_PROXY", "x"), ("TARGETOS", "y")];
    assert_eq!(run(&given(&all)), (image("x:3"), "5-6-3-4-".into(), vec!["C".into()]));
}

#[test]
fn only_what_is_needed() {
    let text =
        "FROM a AS one\nFROM b AS two\nCOPY --from=one /x /\nFROM c AS three\nFROM two\nCOPY --from=3 / /\n";
    let text = text.replace("--from=3", "--from=ext");
    let file = parse(path(), &text).unwrap();
    let run = |target: Option<&str>| {
        let options = Options { target: target.map(str::to_owned), ..options() };
        let evaluated = evaluate(&file, &options, &base).unwrap();
        evaluated.stages.iter().map(|stage| stage.index).collect::<Vec<_>>()
    };
    assert_eq!(run(None), [0, 1, 3]);
    assert_eq!(run(Some("THREE")), [2]);
    assert_eq!(run(Some("two")), [0, 1]);
    let options = Options { contexts: ["c".to_owned(), "one".to_owned()].into(), ..options() };
    let evaluated = evaluate(&file, &options, &|_, _| None).unwrap();
    let origins: Vec<_> = evaluated.origins().into_iter().map(|(origin, _)| origin).collect();
    let image = |name: &str| Origin::Image(name.to_owned());
    assert_eq!(origins, [Origin::Context("one".into()), image("b"), image("ext")]);
}

#[test]
fn a_context_takes_the_place_of_images_and_stages() {
    let text =
        "FROM docker.io/library/x:latest AS one\nENV A=b\nFROM x\nCOPY --from=one a b\nCOPY --from=x a b";
    let file = parse(path(), text).unwrap();
    let run = |contexts: &[&str]| {
        let options = Options { contexts: contexts.iter().map(|it| (*it).to_owned()).collect(), ..options() };
        let evaluated = evaluate(&file, &options, &base).unwrap();
        evaluated.stages.iter().map(|stage| (stage.base.clone(), stage.steps.len())).collect::<Vec<_>>()
    };
    let (image, context) =
        (|it: &str| Origin::Image(it.to_owned()), |it: &str| Origin::Context(it.to_owned()));
    assert_eq!(run(&[]), [(image("docker.io/library/x:latest"), 1), (image("x"), 2)]);
    assert_eq!(run(&["x"]), [(context("x"), 1), (context("x"), 2)]);
    assert_eq!(run(&["docker.io/x"]), [(context("docker.io/x"), 1), (context("docker.io/x"), 2)]);
    assert_eq!(run(&["one"]), [(context("one"), 0), (image("x"), 2)], "nothing of the stage is left");
}

#[test]
fn triggers_run_in_the_stage_above() {
    let text =
        "FROM x AS t\nFROM x AS base\nONBUILD COPY --from=t a b\nONBUILD WORKDIR /w\nFROM base\nWORKDIR c";
    let steps = steps(text);
    let found: Vec<_> =
        steps.iter().map(|step| (step.line, step.is_trigger, step.created_by().unwrap())).collect();
    let expected = [(5, true, "COPY a b # buildkit"), (5, true, "WORKDIR /w"), (6, false, "WORKDIR /w/c")];
    assert_eq!(found, expected.map(|(line, trigger, text)| (line, trigger, text.to_owned())));
    let known = |triggers: &[&str]| {
        let image = BaseImage {
            on_build: triggers.iter().map(|it| (*it).to_owned()).collect(),
            ..BaseImage::default()
        };
        let file = parse(path(), "FROM x\nUSER a").unwrap();
        evaluate(&file, &options(), &move |_, _| Some(image.clone())).map(|it| it.stages[0].steps.len())
    };
    assert_eq!(known(&["ENV a=b", "COPY <<E /x\n$a\nE"]), Ok(3));
    for bad in ["NOPE", "ENV a", "FROM x", "ENV a=b\nENV c=d"] {
        let error = known(&[bad]).unwrap_err().to_string();
        assert!(error.starts_with("Dockerfile:1:1: the trigger `"), "{error}");
    }
}

#[test]
fn history_is_what_buildkit_writes() {
    let text = r#"FROM x
WORKDIR /a
ARG u=7 v
ENV e=$u
LABEL l="a b"
COPY --chown=$u --chmod=644 --parents x <<F y/
f $e
F
EXPOSE 80 $u/udp
VOLUME ["/v", "/w x"]
USER $u
CMD a "b"
ENTRYPOINT ["c", "d\n"]
HEALTHCHECK --interval=90s --retries=2 CMD e f
STOPSIGNAL 9
SHELL ["s", "-c"]
CMD g
MAINTAINER me
ONBUILD RUN h
RUN i"#;
    let expected = [
        "WORKDIR /a",
        "ARG u=7 v",
        "ENV e=7",
        "LABEL l=a b",
        "COPY --parents --chown=7 --chmod=644 x <<F y/ # buildkit",
        "EXPOSE [7/udp 80/tcp]",
        "VOLUME [/v /w x]",
        "USER 7",
        r#"CMD ["/bin/sh" "-c" "a \"b\""]"#,
        r#"ENTRYPOINT ["c" "d\n"]"#,
        "HEALTHCHECK {Test:[CMD-SHELL e f] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:2}",
        "STOPSIGNAL 9",
        "SHELL [s -c]",
        r#"CMD ["s" "-c" "g"]"#,
        "MAINTAINER me",
        "RUN s -c i # buildkit",
    ];
    // EXPOSE sorts what is written, and `$` comes before digits.
    assert_eq!(history(text), expected);
    let steps = steps(text);
    let layers: Vec<_> = steps.iter().filter(|step| step.makes_layer()).map(|step| step.line).collect();
    assert_eq!(layers, [2, 6, 20]);
}

#[test]
fn what_is_copied() {
    let text = "FROM x\nWORKDIR /w\nCOPY --link --exclude=*.md --exclude=b --chmod=u+x a 'b' d/\n\
        ADD --unpack=false --keep-git-dir https://x/y.git#z https://x/y a .\nCOPY <<-\"E\" /\n\t$x\n\tE\n";
    let copies: Vec<_> = steps(text)
        .into_iter()
        .filter_map(|step| match step.action {
            Action::Copy(copy) | Action::Add(copy) => Some(copy),
            _ => None,
        })
        .collect();
    let texts = |index: usize| copies[index].sources.iter().map(step::Source::text).collect::<Vec<_>>();
    assert_eq!(texts(0), ["a", "b"]);
    assert_eq!((copies[0].destination.as_str(), copies[0].link, copies[0].exclude.len()), ("/w/d/", true, 2));
    assert_eq!(copies[0].chmod, Some(("u+x".into(), Mode::Symbolic("u+x".into()))));
    let kinds = copies[1].sources.iter().map(|source| match source {
        step::Source::Git(_) => "git",
        step::Source::Http(_) => "http",
        step::Source::Path(_) => "path",
    });
    assert_eq!(kinds.collect::<Vec<_>>(), ["git", "http", "path"]);
    assert_eq!((copies[1].unpack, copies[1].keep_git_dir), (Some(false), Some(true)));
    assert_eq!(copies[1].destination, "/w/");
    assert_eq!(copies[2].documents[0].content, "$x\n");
}

#[test]
fn a_base_that_is_not_known_is_not_guessed_at() {
    let text = "FROM x\nARG VERSION=1\nENV A=$FROM_BASE B=${MUST:?there} C=$VERSON\nEXPOSE $A $PORT\nSTOPSIGNAL $SIG\n\
        COPY --chmod=$MODE a /a\nWORKDIR $DIR";
    let unknown: Bases<'_> = &|_, _| None;
    assert_eq!(findings_with(text, &options(), unknown), ["3 UndefinedVar"]);
    // The same is wrong where the base is known.
    assert_eq!(problems(text), ["3:20 `MUST` there", "5:12 `` is not a signal"]);
}

#[test]
fn stages_that_need_themselves() {
    assert_eq!(problems("FROM x AS a\nCOPY --from=a / /"), ["2:6 `a` takes from itself"]);
    assert_eq!(
        problems(
            "FROM x AS a\nCOPY --from=b / /\nFROM x AS b\nRUN --mount=from=c,target=/x y\nFROM x AS c\nCOPY --from=0 / /"
        ),
        [
            "2:6 `b` is only defined below, in line 3",
            "4:5 `c` is only defined below, in line 5",
            "6:6 `a`, `b`, `c` need each other"
        ]
    );
}

#[test]
fn comments_say_what_is_not_checked() {
    assert_eq!(findings("FROM x\nENV a=$b\n# check=skip=UndefinedVar\nENV c=$d"), ["2 UndefinedVar"]);
    assert_eq!(findings("# check=skip=UndefinedVar\nFROM x\nENV a=$b\nCMD a"), ["4 JSONArgsRecommended"]);
    assert_eq!(findings("# check=skip=all;error=true\nFROM x\nENV a=$b"), Vec::<String>::new());
    let text = "FROM x\n# about something\nARG a";
    assert_eq!(findings(text), Vec::<String>::new());
    assert_eq!(findings(&format!("# check=experimental=all\n{text}")), ["4 InvalidDefinitionDescription"]);
    assert!(check(path(), "# check=error=true\nFROM x", &options(), &base).findings_are_errors);
    assert_eq!(problems("# check=skip\nFROM x"), ["1:1 `skip` is no option of a check"]);
}

#[test]
fn files_that_are_left_out_of_the_context() {
    let with = |patterns: &str, text: &str| {
        let options = Options { ignored: Some(Ignored::parse(patterns.as_bytes()).unwrap()), ..options() };
        findings_with(text, &options, &base)
    };
    assert_eq!(
        with("dist", "FROM x\nCOPY dist/a /\nADD dist /\nCOPY src /"),
        ["2 CopyIgnoredFile", "3 CopyIgnoredFile"]
    );
    assert_eq!(with("dist", "FROM x\nCOPY --from=y dist /\nADD https://x/dist /"), Vec::<String>::new());
    assert_eq!(with("*\n!dist", "FROM x\nCOPY a /"), Vec::<String>::new());
}

#[test]
fn faults_do_not_hide_each_other() {
    let text =
        "FROM x\nCOPY --form=a b c\nEXPOSE nope\nSTOPSIGNAL SIGTREM\nCMD [1]\nCOPY --from=q:-x a b\nRNU a";
    let found = problems(text);
    assert_eq!(found.len(), 3, "{found:?}");
    let found = problems(&text.replace("RNU a", ""));
    assert_eq!(found.len(), 5, "{found:?}");
    // Without stages nothing more can be said.
    assert_eq!(problems("FORM x\nRUN a\nCOPY a b"), ["1:1 `FORM` is not an instruction"]);
    assert_eq!(problems("RUN a\nCOPY a b\nFROM x"), ["1:1 RUN stands before the first FROM"]);
}

#[test]
fn bytes_that_are_no_text() {
    let error = text(path(), b"FROM x\nRUN \xff\xfe\n").unwrap_err();
    assert_eq!(error.to_string(), "Dockerfile:2:5: byte 0xff is not UTF-8\n  |\n2 | RUN \u{fffd}\n  |     ^");
    assert_eq!(text(path(), "FROM ü".as_bytes()), Ok("FROM ü"));
}
