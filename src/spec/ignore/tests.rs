use super::*;
use proptest::prelude::*;

fn excluded(patterns: &str, path: &str) -> bool {
    Patterns::parse(patterns.as_bytes()).unwrap().excludes(path.as_bytes())
}

#[test]
fn one_pattern() {
    for (pattern, yes, no) in [
        ("*", &["a", ".a", "a/b", "*"][..], &[][..]),
        ("**", &["a", "a/b"], &[]),
        ("**/", &["a", "a/b"], &[]),
        ("**/**", &["a", "a/b"], &[]),
        ("a", &["a", "a/b"], &["ab", "b/a"]),
        ("/a", &["a"], &["b/a"]),
        ("./a/", &["a", "a/b"], &["b/a"]),
        ("a/./b//c/../d", &["a/b/d"], &["a/b/c"]),
        ("../a", &[], &["a"]),
        (".", &[], &["a", ".a"]),
        ("/", &[], &["a"]),
        ("/ a", &["a"], &[" a"]),
        ("a /", &["a"], &["a "]),
        ("*.go", &["x.go", "x.go/y"], &["a/x.go", "xgo"]),
        ("a/*.txt", &["a/x.txt"], &["a/b/x.txt", "x.txt"]),
        ("*/x", &["a/x"], &["x", "a/b/x"]),
        ("**/x", &["x", "a/x", "a/b/x", "a/x/y"], &["ax", "a/bx"]),
        ("**x", &["x", "ax", "a/bx"], &["xa"]),
        ("**/x*", &["x", "a/xy"], &["ax"]),
        ("a/**", &["a/b", "a/b/c"], &["a", "ab"]),
        ("a**", &["a", "ab", "a/b", "ab/c"], &["ba"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["a/xb", "ab"]),
        ("a**/*.txt", &["a/x.txt", "a/b/x.txt", "ax.txt"], &["b/x.txt"]),
        ("**/d/*", &["d/x", "a/d/x"], &["d"]),
        ("**/d/**", &["d/x/y", "a/d/x"], &["d", "xd/y"]),
        ("a/*.txt**", &["a/x.txt", "a/x.txtile"], &["a/x.md"]),
        ("***", &["a", "a/b"], &[]),
        ("a[b-d]e", &["ace"], &["ae", "aae"]),
        ("a[^b-d]e", &["aze", "a/e"], &["ace"]),
        ("[a-cx]", &["a", "x"], &["d", "-"]),
        ("[\\]a]", &["]", "a"], &["b"]),
        ("[x\\-]", &["x", "-"], &["z"]),
        ("[α-ω]?", &["γ☺"], &["g☺"]),
        ("a?b", &["a☺b", "axb"], &["a/b", "ab"]),
        ("a\\*b", &["a*b"], &["axb"]),
        ("a\\\\", &["a\\"], &["a"]),
        ("a.|)$(}+{bc", &["a.|)$(}+{bc"], &["aX|)$(}+{bc"]),
        ("*a*a*a*a*a*/b", &["aaaaaa/b"], &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/c"]),
        ("**/.foo", &[".foo", "a/.foo"], &["bar.foo"]),
        // A set may match `/`, and so reach from one directory into the next.
        ("*[^a]*", &["xy/z"], &["a"]),
    ] {
        for path in yes {
            assert!(excluded(pattern, path), "`{pattern}` must match `{path}`");
        }
        for path in no {
            assert!(!excluded(pattern, path), "`{pattern}` must not match `{path}`");
        }
    }
}

#[test]
fn the_last_one_that_matches_wins() {
    for (patterns, yes, no) in [
        ("docs\n!docs/README.md", &["docs", "docs/x"][..], &["docs/README.md"][..]),
        ("!x.go\n*.go", &["x.go"], &[]),
        ("*.go\n!x.go", &["y.go"], &["x.go"]),
        ("**\n!util/web\nutil/web/foo", &["util", "x", "util/web/foo"], &["util/web", "util/web/bar/baz"]),
        ("*\n!a\na/b\n!a/b/c", &["x", "a/b", "a/b/x"], &["a", "a/x", "a/b/c", "a/b/c/d"]),
        // See the note at the top: `!a` is not handed down by a directory that was not excluded.
        ("**/b\n!a", &["a/b"], &["a", "a/c"]),
        ("a\n**/b\n!a", &["x/b"], &["a", "a/x", "a/x/b"]),
    ] {
        for path in yes {
            assert!(excluded(patterns, path), "{patterns:?} must leave out `{path}`");
        }
        for path in no {
            assert!(!excluded(patterns, path), "{patterns:?} must not leave out `{path}`");
        }
    }
}

#[test]
fn lists_hand_down_every_pattern() {
    let list = Patterns::new(["**/b", "!a", "a/c"]).unwrap();
    for (path, answer) in [("b", true), ("a/b", false), ("a/x/b/y", false), ("a/c", true), ("a/c/b", true)] {
        assert_eq!(list.excludes(path.as_bytes()), answer, "{path}");
    }
}

#[test]
fn the_lines_of_a_file() {
    let text = "\u{feff}# comment\r\n\r\n  a  \r\n ! /b/ \t\n #c\n!\u{a0}d\n";
    let patterns = Patterns::parse(text.as_bytes()).unwrap();
    assert_eq!(patterns.patterns.len(), 4);
    let all = Patterns::parse(b"*\n ! /b/ \n").unwrap();
    assert!(all.excludes(b"a") && !all.excludes(b"b"));
    assert!(patterns.excludes(b"a") && patterns.excludes(b"#c"));
    assert!(Patterns::parse(b"").unwrap().is_empty());
    assert!(Patterns::parse(b"caf\xe9\n").unwrap().excludes(b"caf\xe9/x"));
    assert!(Patterns::parse(b"caf?").unwrap().excludes(b"caf\xe9"));
    assert!(Patterns::new(["#x"]).unwrap().excludes(b"#x"));
}

#[test]
fn what_is_no_pattern() {
    let error = |text: &str| Patterns::parse(text.as_bytes()).unwrap_err().to_string();
    insta::assert_snapshot!(
        ["a\n! ", "!/.", "[", "a[]b", "[]a]", "[x-]", "[-x]", "[a-b-c]", "[^", "[^bc", "a\\", "[\\", "[z-a]"]
            .map(error)
            .join("\n"),
        @r"
        line 2: `!` is not a pattern: after `!` there must be a pattern
        line 1: `!/.` is not a pattern: after `!` there must be a pattern
        line 1: `[` is not a pattern: the set that starts with `[` has no `]`
        line 1: `a[]b` is not a pattern: in a set, `-` and `]` must stand between two characters or after `\`
        line 1: `[]a]` is not a pattern: in a set, `-` and `]` must stand between two characters or after `\`
        line 1: `[x-]` is not a pattern: in a set, `-` and `]` must stand between two characters or after `\`
        line 1: `[-x]` is not a pattern: in a set, `-` and `]` must stand between two characters or after `\`
        line 1: `[a-b-c]` is not a pattern: in a set, `-` and `]` must stand between two characters or after `\`
        line 1: `[^` is not a pattern: the set that starts with `[` has no `]`
        line 1: `[^bc` is not a pattern: the set that starts with `[` has no `]`
        line 1: `a\` is not a pattern: after `\` there must be a character
        line 1: `[\` is not a pattern: after `\` there must be a character
        line 1: `[z-a]` is not a pattern: the range `z-a` is the wrong way round
        "
    );
}

#[test]
fn a_directory_is_looked_into_only_if_that_may_matter() {
    for (patterns, directory, answer, may) in [
        ("*", "a", true, false),
        ("*\n!a/b", "a", true, true),
        ("*\n!a/b", "ab", true, false),
        ("*\n!a/b", "a/b", true, false),
        ("*\n!a/b/*.js", "a/b", true, true),
        ("*\n!a/b/*.js", "a/b/c", true, false),
        ("*\n!*.js", "a", true, false),
        ("*\n!**/*.js", "a/b", true, true),
        ("*\n!a/**", "a/b/c", true, true),
        ("*\n!a[/]b", "a", true, true),
        ("*\n!ab*", "a", true, false),
        ("dist/**", "node_modules", false, false),
        ("dist/**", "dist/x", false, true),
    ] {
        let found =
            Patterns::parse(patterns.as_bytes()).unwrap().may_differ_below(directory.as_bytes(), answer);
        assert_eq!(found, may, "{patterns:?} below `{directory}`");
    }
}

/// The rules as plainly as they can be written: all ways to match are tried, and nothing is remembered.
mod plain {
    pub(super) fn matches(pattern: &[char], path: &[char]) -> bool {
        match pattern {
            [] => path.is_empty(),
            ['*', '*', '/', rest @ ..] | ['*', '*', rest @ ..] => {
                rest.is_empty()
                    || matches(rest, path)
                    || (0..path.len()).any(|i| path[i] == '/' && matches(rest, &path[i + 1..]))
            }
            ['*', rest @ ..] => {
                matches(rest, path) || path.first().is_some_and(|c| *c != '/' && matches(pattern, &path[1..]))
            }
            ['?', rest @ ..] => path.first().is_some_and(|c| *c != '/') && matches(rest, &path[1..]),
            ['[', '^', c, ']', rest @ ..] => {
                path.first().is_some_and(|x| x != c) && matches(rest, &path[1..])
            }
            ['[', c, ']', rest @ ..] | [c, rest @ ..] => path.first() == Some(c) && matches(rest, &path[1..]),
        }
    }

    /// `**` with nothing else special in the pattern is a plain prefix or suffix.
    pub(super) fn matches_text(pattern: &str, path: &str) -> bool {
        let plain = |text: &str| !text.contains(['*', '?', '[', ']']);
        match (pattern.strip_prefix("**"), pattern.strip_suffix("**")) {
            (Some(suffix), _) if plain(suffix) => {
                path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path)
            }
            (_, Some(prefix)) if plain(prefix) => path.starts_with(prefix),
            _ => matches(&pattern.chars().collect::<Vec<_>>(), &path.chars().collect::<Vec<_>>()),
        }
    }

    /// From the top down, each directory handing on what matched it.
    pub(super) fn excludes(patterns: &[(bool, String)], path: &str) -> bool {
        let mut handed_on = vec![false; patterns.len()];
        let mut excluded = false;
        let ends = path.match_indices('/').map(|(i, _)| i).chain([path.len()]);
        for end in ends {
            excluded = false;
            for (i, (negated, pattern)) in patterns.iter().enumerate() {
                let useful = *negated == excluded;
                handed_on[i] = handed_on[i] || useful && matches_text(pattern, &path[..end]);
                if handed_on[i] {
                    excluded = !negated;
                }
            }
        }
        excluded
    }
}

fn pattern() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("a"), 4 => Just("b"), 3 => Just("*"), 2 => Just("**"), 1 => Just("?"), 1 => Just("[a]"), 1 => Just("[^a]"),
    ];
    let component = prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat());
    // Three stars and more mean something, but not what the plain rules say.
    prop::collection::vec(component, 1..4)
        .prop_map(|components| components.join("/"))
        .prop_filter("`***`", |text| !text.contains("***"))
}

/// As the lines of a file; true is `!`.
fn lines(patterns: &[(bool, String)]) -> String {
    let lines =
        patterns.iter().map(|(negated, text)| if *negated { format!("!{text}") } else { text.clone() });
    lines.collect::<Vec<_>>().join("\n")
}

proptest! {
    #[test]
    fn agrees_with_the_plain_rules(
        patterns in prop::collection::vec((any::<bool>(), pattern()), 1..5),
        path in "[ab]{1,3}(/[ab]{1,3}){0,3}",
    ) {
        let text = lines(&patterns);
        // `**/` at the end is `**`: that is done before anything else.
        let cleaned: Vec<(bool, String)> =
            patterns.iter().map(|(no, text)| (*no, text.trim_end_matches('/').to_owned())).collect();
        prop_assert_eq!(excluded(&text, &path), plain::excludes(&cleaned, &path), "{}", text);
    }

    /// Not to look into a directory must never change an answer.
    #[test]
    fn what_is_not_looked_into_has_nothing_in_it(
        patterns in prop::collection::vec((any::<bool>(), pattern()), 1..5),
        directory in "[ab]{1,2}(/[ab]{1,2}){0,2}",
        below in "[ab]{1,2}(/[ab]{1,2}){0,2}",
    ) {
        let text = lines(&patterns);
        let patterns = Patterns::parse(text.as_bytes()).unwrap();
        let answer = patterns.excludes(directory.as_bytes());
        if !patterns.may_differ_below(directory.as_bytes(), answer) {
            let path = format!("{directory}/{below}");
            prop_assert_eq!(patterns.excludes(path.as_bytes()), answer, "{} {}", text, path);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-a!*?\\[\\]^\\\\/.\\n ]{0,30}", path in "[-a!*?\\[\\]^\\\\./\u{e9}]{1,12}") {
        if let Ok(patterns) = Patterns::parse(text.as_bytes()) {
            patterns.excludes(path.as_bytes());
        }
    }
}
