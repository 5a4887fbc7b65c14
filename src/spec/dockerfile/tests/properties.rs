//! What holds for every text.

use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;

/// Pieces that mean something, so that what is made of them is not all nonsense.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(
        [
            "FROM a",
            "\nFROM ",
            " AS x",
            "\nCOPY ",
            "\nADD ",
            "--from=x ",
            "--chown=",
            "--mount=type=cache ",
            "\nRUN ",
            "\nENV ",
            "\nARG ",
            "\nLABEL ",
            "\nEXPOSE ",
            "\nVOLUME ",
            "\nCMD ",
            "\nONBUILD ",
            "\nHEALTHCHECK ",
            "\nSHELL ",
            "\nUSER ",
            "\nWORKDIR ",
            "\n# check=",
            "# escape=`\n",
            "[\"a\", \"b\"]",
            "[",
            "]",
            "<<EOF",
            "\nEOF\n",
            "<<-",
            "$a",
            "${a}",
            "${a:-",
            "${a#",
            "}",
            "\"",
            "'",
            "\\",
            "`",
            "\\\n",
            "\n",
            "\r\n",
            "\t",
            " ",
            "=",
            "a=b",
            "/",
            "é",
            "\u{feff}",
            "\0",
            "80",
            ",",
            "--",
            "*",
            "?",
            "\u{2028}",
            "NONE",
            "CMD ",
        ]
        .as_slice(),
    );
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

fn text_of_pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

/// Reads and checks a text in every way that there is.
fn exercise(text: &str) {
    for bases in [&base as Bases<'_>, &|_, _| None] {
        let checked = check(path(), text, &options(), bases);
        for problem in checked.error.iter().flat_map(|error| &error.problems) {
            let line = text.strip_prefix('\u{feff}').unwrap_or(text).split('\n').nth(problem.line - 1);
            assert_eq!(line.unwrap_or_default().trim_end_matches('\r'), problem.source_line);
            assert!(problem.column >= 1 && problem.width >= 1);
        }
        let shown = checked.error.map(|error| error.to_string()).unwrap_or_default();
        assert!(shown.is_empty() || shown.starts_with("Dockerfile:"));
    }
    if let Ok(file) = parse(path(), text) {
        assert!(!file.stages.is_empty());
        // What is wrong then is told with at least one problem.
        if let Err(error) = evaluate(&file, &options(), &base) {
            assert!(!error.problems.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        exercise(&String::from_utf8_lossy(&bytes));
        let read = super::super::text(path(), &bytes);
        prop_assert_eq!(read.is_ok(), std::str::from_utf8(&bytes).is_ok());
    }

    #[test]
    fn no_pieces_make_it_panic(text in text_of_pieces()) {
        exercise(&text);
    }

    #[test]
    fn no_word_makes_it_panic(word in text_of_pieces(), value in any::<String>(), bits in 0_u8..16) {
        let bit = |index: u8| bits >> index & 1 == 1;
        let lexer = Lexer {
            keep_quotes: bit(0), keep_escapes: bit(1), ignore_quotes: bit(2), keep_unset: bit(3), ..Lexer::new('\\')
        };
        let lookup = |name: &str| (name == "a").then(|| value.as_str().into());
        let _result = lexer.expand(&word, &lookup, &mut Budget::default());
    }

    /// Quoting a value and reading it gives the value.
    #[test]
    fn quoted_values_come_out_as_they_went_in(value in "[ -~é]{0,20}") {
        let quoted: String = value.chars().flat_map(|c| {
            matches!(c, '"' | '$' | '\\').then_some('\\').into_iter().chain([c])
        }).collect();
        let file = format!("FROM x\nENV A=\"{quoted}\" B=1\nUSER \"$A\"");
        let steps = steps(&file);
        prop_assert_eq!(&steps[0].action, &Action::Env(vec![("A".into(), value.clone()), ("B".into(), "1".into())]));
        prop_assert_eq!(&steps[1].action, &Action::User(value));
    }

    /// A file that is written from instructions is read as these instructions.
    #[test]
    fn what_is_written_is_read(wanted in prop::collection::vec(made(), 0..12), seed in any::<u64>()) {
        let mut text = String::from("FROM x\n");
        for (index, made) in wanted.iter().enumerate() {
            text.push_str(&made.text(seed.rotate_left(u32::try_from(index).unwrap())));
        }
        let file = parse(path(), &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let read: Vec<Made> = file.stages[0].instructions.iter().map(|it| Made::read(&it.body)).collect();
        prop_assert_eq!(read, wanted, "{}", text);
    }
}

/// An instruction that can be written in several ways.
#[derive(Debug, Clone, PartialEq)]
enum Made {
    Copy { link: bool, from: Option<String>, words: Vec<String> },
    Env(Vec<(String, String)>),
    Cmd(Vec<String>),
    Arg(String, Option<String>),
    Document(String, String),
}

fn made() -> impl Strategy<Value = Made> {
    let plain = || "[a-zA-Z0-9_./é$*-]{1,8}";
    let name = || "[a-zA-Z_][a-zA-Z0-9_]{0,6}";
    let value = || "[a-zA-Z0-9_./$'é -]{0,8}";
    prop_oneof![
        (any::<bool>(), prop::option::of("[a-z]{1,5}"), prop::collection::vec(plain(), 2..5)).prop_map(
            // A word that begins with `--` would be a flag.
            |(link, from, words)| Made::Copy {
                link,
                from,
                words: words.into_iter().map(|w| format!("w{w}")).collect()
            }
        ),
        prop::collection::vec((name(), "[a-zA-Z0-9_./-]{0,8}"), 1..4).prop_map(Made::Env),
        prop::collection::vec(value(), 1..4).prop_map(Made::Cmd),
        (name(), prop::option::of("[a-z0-9./]{0,6}")).prop_map(|(name, default)| Made::Arg(name, default)),
        ("[A-Z]{1,5}", "([a-z$\"' ]{0,9}\n){0,4}").prop_map(|(name, content)| Made::Document(name, content)),
    ]
}

impl Made {
    /// One way to write it; `seed` chooses which.
    fn text(&self, seed: u64) -> String {
        let gap =
            [" ", "  ", "\t", " \\\n  ", " \\\n# comment\n", " \\  \n"][usize::try_from(seed % 6).unwrap()];
        let keyword = |word: &str| if seed & 8 == 0 { word.to_owned() } else { word.to_lowercase() };
        let mut text = String::new();
        match self {
            Self::Copy { link, from, words } => {
                text += &keyword("COPY");
                if *link {
                    text = text + gap + "--link";
                }
                if let Some(from) = from {
                    let _ = write!(text, "{gap}--from={from}");
                }
                match seed & 16 {
                    0 => words.iter().for_each(|word| text = format!("{text}{gap}{word}")),
                    _ => text = format!("{text}{gap}{}", serde_json::json!(words)),
                }
            }
            Self::Env(pairs) => {
                text += &keyword("ENV");
                for (name, value) in pairs {
                    text = format!("{text}{gap}{name}={value}");
                }
            }
            Self::Cmd(words) => text = format!("{}{gap}{}", keyword("CMD"), serde_json::json!(words)),
            Self::Arg(name, None) => text = format!("{}{gap}{name}", keyword("ARG")),
            Self::Arg(name, Some(default)) => text = format!("{}{gap}{name}={default}", keyword("ARG")),
            Self::Document(name, content) => {
                text = format!("{}{gap}<<{name}{gap}/x\n{content}{name}", keyword("COPY"));
            }
        }
        text + ["\n", "\r\n", "\n\n", "\n# comment\n"][usize::try_from(seed >> 8 & 3).unwrap()]
    }

    fn read(body: &Body) -> Self {
        let texts = |words: &[Word]| words.iter().map(|word| word.text.clone()).collect::<Vec<_>>();
        match body {
            Body::Copy(copy) => match copy.documents.as_slice() {
                [document] => Self::Document(document.name.clone(), document.content.clone()),
                _ => {
                    let mut words = texts(&copy.sources);
                    words.push(copy.destination.text.clone());
                    Self::Copy { link: copy.link, from: copy.from.as_ref().map(|it| it.text.clone()), words }
                }
            },
            Body::Env(pairs) => Self::Env(
                pairs.iter().map(|pair| (pair.name.text.clone(), pair.value.text.clone())).collect(),
            ),
            Body::Cmd(instruction::Command::Exec(words)) => Self::Cmd(texts(words)),
            Body::Arg(args) => {
                Self::Arg(args[0].name.text.clone(), args[0].default.as_ref().map(|word| word.text.clone()))
            }
            other => panic!("{other:?}"),
        }
    }
}
