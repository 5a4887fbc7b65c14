//! What consign makes of Dockerfiles and of words in them: a question a line on stdin, an answer a line on stdout,
//! both in JSON. `dockerfile-judge` takes the same questions and asks BuildKit.

use consign::base::Platform;
use consign::spec::dockerfile::instruction::{Command, Copy, Document, Healthcheck, Pair, Timing};
use consign::spec::dockerfile::{
    Action, BaseImage, Body, Budget, Evaluated, Instruction, Lexer, Options, Rule, Stage, Word, check,
    evaluate, parse,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;

fn main() {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        writeln!(out, "{}", answer(&question)).expect("stdout");
    }
}

fn answer(question: &Value) -> Value {
    match text(question, "kind") {
        "word" => word(question),
        "parse" => parsed(question),
        "build" => built(question),
        "lint" => linted(question),
        _ => json!({ "error": "no such kind of question" }),
    }
}

fn text<'q>(question: &'q Value, name: &str) -> &'q str {
    question[name].as_str().unwrap_or_default()
}

fn map(question: &Value, name: &str) -> BTreeMap<String, String> {
    let object = question[name].as_object().cloned().unwrap_or_default();
    object.into_iter().map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned())).collect()
}

fn word(question: &Value) -> Value {
    let flag = |name: &str| question[name].as_bool().unwrap_or_default();
    let lexer = Lexer {
        escape: text(question, "escape").chars().next().unwrap_or('\\'),
        keep_quotes: flag("keep_quotes"),
        keep_escapes: flag("keep_escapes"),
        ignore_quotes: flag("ignore_quotes"),
        keep_unset: flag("keep_unset"),
    };
    let env: BTreeMap<String, Arc<str>> =
        map(question, "env").into_iter().map(|(name, value)| (name, value.into())).collect();
    match lexer.expand(text(question, "text"), &|name| env.get(name).cloned(), &mut Budget::default()) {
        Err(error) => json!({ "error": error.to_string() }),
        Ok(it) => json!({ "text": it.text, "words": it.words, "used": it.used, "unset": it.unset }),
    }
}

fn parsed(question: &Value) -> Value {
    let file = match parse(Path::new("Dockerfile"), text(question, "text")) {
        Err(error) => return json!({ "error": error.to_string() }),
        Ok(file) => file,
    };
    let mut blank_lines = 0;
    let mut found = Vec::new();
    let mut one = |head: &consign::spec::dockerfile::instruction::Head, fields: Value| {
        blank_lines += usize::from(head.blank_line.is_some());
        let mut object: Map<String, Value> = Map::new();
        object.insert("name".into(), head.keyword.text.to_uppercase().into());
        object.insert("lines".into(), json!([head.lines.0, head.lines.1]));
        object.insert("comments".into(), json!(head.comments));
        object.extend(fields.as_object().cloned().unwrap_or_default());
        found.push(Value::Object(object));
    };
    for Instruction { head, body } in &file.globals {
        one(head, fields(body));
    }
    for stage in &file.stages {
        let Stage { head, base, platform, instructions, .. } = stage;
        one(
            head,
            json!({ "base": base.text, "platform": opt(platform.as_ref()), "as": stage.name().unwrap_or_default() }),
        );
        for Instruction { head, body } in instructions {
            one(head, fields(body));
        }
    }
    json!({ "instructions": found, "escape": file.directives.escape, "blank_lines": blank_lines })
}

fn opt(word: Option<&Word>) -> &str {
    word.map_or("", |word| &word.text)
}

fn list(words: &[Word]) -> Vec<&str> {
    words.iter().map(|word| word.text.as_str()).collect()
}

fn fields(body: &Body) -> Value {
    let one = |word: &Word| json!({ "word": word.text });
    match body {
        Body::Add(copy) => copied(
            copy,
            &json!({ "checksum": opt(copy.checksum.as_ref()), "keep_git_dir": copy.keep_git_dir, "unpack": copy.unpack }),
        ),
        Body::Copy(copy) => {
            copied(copy, &json!({ "from": opt(copy.from.as_ref()), "parents": copy.parents }))
        }
        Body::Arg(args) => {
            let args =
                args.iter().map(|arg| json!([arg.name.text, arg.default.as_ref().map(|word| &word.text)]));
            json!({ "args": args.collect::<Vec<_>>() })
        }
        Body::Env(pairs) | Body::Label(pairs) => {
            let pair = |pair: &Pair| json!([pair.name.text, pair.value.text, pair.legacy]);
            json!({ "pairs": pairs.iter().map(pair).collect::<Vec<_>>() })
        }
        Body::Cmd(command) | Body::Entrypoint(command) => command_line(command, &[]),
        Body::Run(run) => {
            let mut line = command_line(&run.command, &run.documents);
            let from: Vec<_> = run.mounts.iter().map(|mount| mount.from().unwrap_or_default()).collect();
            line["from"] = json!(from);
            line["network"] = run.network.as_ref().map_or("default", |word| &word.text).into();
            line["security"] = run.security.as_ref().map_or("sandbox", |word| &word.text).into();
            line["devices"] = run.devices.len().into();
            line
        }
        Body::Healthcheck(check) => {
            let (first, words, timing) = match check {
                Healthcheck::None => ("NONE", Vec::new(), Timing::default()),
                Healthcheck::Test { command: Command::Exec(words), timing } => ("CMD", list(words), *timing),
                Healthcheck::Test { command: Command::Shell(word), timing } => {
                    ("CMD-SHELL", vec![word.text.as_str()], *timing)
                }
            };
            let test: Vec<&str> = std::iter::once(first).chain(words).collect();
            let n = |time: std::time::Duration| u64::try_from(time.as_nanos()).expect("it fits");
            json!({
                "test": test, "interval": n(timing.interval), "timeout": n(timing.timeout),
                "start_period": n(timing.start_period), "start_interval": n(timing.start_interval),
                "retries": timing.retries,
            })
        }
        Body::Shell(words) | Body::Expose(words) | Body::Volume(words) => json!({ "words": list(words) }),
        Body::OnBuild(on_build) => json!({ "word": on_build.expression }),
        Body::Workdir(word) | Body::User(word) | Body::StopSignal(word) | Body::Maintainer(word) => one(word),
    }
}

fn copied(copy: &Copy, more: &Value) -> Value {
    let documents: Vec<_> = copy
        .documents
        .iter()
        .map(|it| json!({ "name": it.name, "content": it.content, "expand": it.expand }))
        .collect();
    let mut fields = json!({
        "sources": list(&copy.sources), "documents": documents, "destination": copy.destination.text,
        "chown": opt(copy.chown.as_ref()), "chmod": opt(copy.chmod.as_ref()), "link": copy.link, "exclude": list(&copy.exclude),
    });
    let object = fields.as_object_mut().expect("an object");
    object.extend(more.as_object().cloned().unwrap_or_default());
    fields
}

fn command_line(command: &Command, documents: &[Document]) -> Value {
    let documents: Vec<_> = documents
        .iter()
        .map(|it| json!({ "name": it.name, "content": it.content, "chomp": it.chomp }))
        .collect();
    match command {
        Command::Exec(words) => json!({ "words": list(words), "shell": false, "documents": documents }),
        Command::Shell(word) => json!({ "words": [word.text], "shell": true, "documents": documents }),
    }
}

fn options(question: &Value) -> Options {
    let mut options = Options::new("linux/amd64".parse::<Platform>().expect("a platform"));
    options.build_args = map(question, "args");
    options.target = Some(text(question, "target").to_owned()).filter(|target| !target.is_empty());
    options
}

fn base(question: &Value) -> BaseImage {
    BaseImage { env: map(question, "env").into_iter().collect(), ..BaseImage::default() }
}

fn built(question: &Value) -> Value {
    let (options, base) = (options(question), base(question));
    let result = parse(Path::new("Dockerfile"), text(question, "text"))
        .and_then(|file| evaluate(&file, &options, &|_, _| Some(base.clone())));
    match result {
        Err(error) => json!({ "error": error.to_string() }),
        Ok(evaluated) => image(&evaluated, &base),
    }
}

/// The config that the steps add up to, in the form of Docker's.
fn image(evaluated: &Evaluated, base: &BaseImage) -> Value {
    let mut way = vec![evaluated.target];
    let stage =
        |index: usize| evaluated.stages.iter().find(|stage| stage.index == index).expect("it is needed");
    while let consign::spec::dockerfile::Origin::Stage(base) = stage(*way.last().expect("one")).base {
        way.push(base);
    }
    let is_scratch =
        matches!(stage(*way.last().expect("one")).base, consign::spec::dockerfile::Origin::Scratch);
    let mut env: Vec<(String, String)> = if is_scratch { Vec::new() } else { base.env.clone() };
    if !env.iter().any(|(name, _)| name == "PATH") {
        env.push(("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()));
    }
    let (mut history, mut config, mut author) = (Vec::new(), Map::new(), String::new());
    if is_scratch {
        config.insert("WorkingDir".into(), "/".into());
    }
    let (mut ports, mut volumes, mut labels) = (Map::new(), Map::new(), Map::new());
    for index in way.into_iter().rev() {
        config.remove("OnBuild");
        for step in &stage(index).steps {
            if let Some(text) = step.created_by().filter(|text| !text.starts_with("RUN ")) {
                history.push(json!({ "created_by": text, "empty_layer": !step.makes_layer() }));
            }
            let mut set = |name: &str, value: Value| drop(config.insert(name.into(), value));
            match &step.action {
                Action::Env(pairs) => {
                    for (name, value) in pairs {
                        match env.iter_mut().find(|(known, _)| known == name) {
                            Some((_, known)) => known.clone_from(value),
                            None => env.push((name.clone(), value.clone())),
                        }
                    }
                }
                Action::Label(pairs) => {
                    for (name, value) in pairs {
                        labels.insert(name.clone(), value.clone().into());
                    }
                }
                Action::Workdir(path) => set("WorkingDir", path.clone().into()),
                Action::User(user) => set("User", user.clone().into()),
                Action::Expose(found) => {
                    ports.extend(found.iter().map(|it| (it.clone(), json!({}))));
                }
                Action::Volume(found) => {
                    volumes.extend(found.iter().map(|it| (it.clone(), json!({}))));
                }
                Action::Cmd(words) => set("Cmd", json!(words)),
                Action::Entrypoint { words, clears_cmd } => {
                    set("Entrypoint", json!(words));
                    if *clears_cmd {
                        config.remove("Cmd");
                    }
                }
                Action::Shell(words) => set("Shell", json!(words)),
                Action::StopSignal(signal) => set("StopSignal", signal.clone().into()),
                Action::Healthcheck(test, timing) => {
                    let n = |time: std::time::Duration| u64::try_from(time.as_nanos()).expect("it fits");
                    let all = [
                        ("Interval", n(timing.interval)),
                        ("Timeout", n(timing.timeout)),
                        ("StartPeriod", n(timing.start_period)),
                        ("StartInterval", n(timing.start_interval)),
                        ("Retries", u64::from(timing.retries)),
                    ];
                    let mut check = json!({ "Test": test });
                    all.into_iter()
                        .filter(|it| it.1 > 0)
                        .for_each(|(name, value)| check[name] = value.into());
                    set("Healthcheck", check);
                }
                Action::OnBuild(expression) => {
                    let list = config.entry("OnBuild").or_insert_with(|| json!([]));
                    list.as_array_mut().expect("a list").push(expression.clone().into());
                }
                Action::Author(name) => author.clone_from(name),
                Action::Add(_) | Action::Copy(_) | Action::Run(_) | Action::Arg(_) => {}
            }
        }
    }
    let env: Vec<String> = env.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    config.insert("Env".into(), json!(env));
    for (name, map) in [("ExposedPorts", ports), ("Volumes", volumes), ("Labels", labels)] {
        if !map.is_empty() {
            config.insert(name.into(), map.into());
        }
    }
    json!({ "history": history, "config": config, "author": author })
}

fn linted(question: &Value) -> Value {
    let base = base(question);
    let checked = check(Path::new("Dockerfile"), text(question, "text"), &options(question), &|_, _| {
        Some(base.clone())
    });
    if let Some(error) = checked.error {
        return json!({ "error": error.to_string() });
    }
    if checked.findings_are_errors && !checked.findings.is_empty() {
        return json!({ "error": "lint violation found" });
    }
    // BuildKit names the line that an instruction begins in, and consign that of the word that is meant.
    let file = parse(Path::new("Dockerfile"), text(question, "text")).expect("it was checked");
    let heads = file.stages.iter().flat_map(|stage| {
        std::iter::once(&stage.head).chain(stage.instructions.iter().map(|instruction| &instruction.head))
    });
    let heads = heads.chain(file.globals.iter().map(|instruction| &instruction.head));
    let first = |line: usize| {
        let head = heads.clone().find(|head| (head.lines.0..=head.lines.1).contains(&line));
        head.map_or(line, |head| head.lines.0)
    };
    let found: std::collections::BTreeSet<String> = checked
        .findings
        .iter()
        .map(|finding| {
            let line = finding.problem.line;
            let line = if finding.rule == Rule::NoEmptyContinuation { line } else { first(line) };
            format!("{line} {}", finding.rule.name())
        })
        .collect();
    json!({ "findings": found })
}
