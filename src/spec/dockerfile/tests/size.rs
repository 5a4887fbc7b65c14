//! Large files take time and memory in proportion to their size.

use super::*;
use std::fmt::Write as _;

/// How long this thread has run, in nanoseconds, whatever else the machine does.
fn ran() -> u64 {
    let text = fs_err::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// How long it takes to check a file, the shortest of three times.
fn time(text: &str) -> u64 {
    let once = || {
        let began = ran();
        let checked = check(path(), text, &options(), &base);
        assert!(checked.error.is_none(), "{}", checked.error.unwrap());
        ran() - began
    };
    (0..3).map(|_| once()).min().unwrap().max(1)
}

/// Eight times as much takes not much more than eight times as long: what is quadratic takes sixty-four times.
fn is_linear(make: impl Fn(usize) -> String, size: usize) {
    let (small, large) = (time(&make(size)), time(&make(size * 8)));
    assert!(large < small * 24, "eight times the text takes {} times the time", large / small);
}

#[test]
fn many_copies() {
    let make = |count: usize| {
        let lines = (0..count).fold(String::new(), |mut text, index| {
            let _ = writeln!(text, "COPY --link --chown=$u:$u src/file{index} ./dir/$v/file{index}");
            text
        });
        format!("FROM x\nARG u=1 v=w\n{lines}")
    };
    assert_eq!(steps(&make(10_000)).len(), 10_001);
    is_linear(make, 500);
}

#[test]
fn many_lines_in_one_instruction() {
    is_linear(|count| format!("FROM x\nRUN a{}\n", " \\\n  && echo line # $x".repeat(count)), 8_000);
    is_linear(|count| format!("FROM x\nENV a=1{}\n", " \\\n  name=value".repeat(count)), 1_000);
}

#[test]
fn ten_megabytes() {
    let document = "a line of text with $HOME and \"quotes\"\n".repeat(256 << 10);
    let text = format!("FROM x\nCOPY <<EOF /x\n{document}EOF\nCMD [\"a\"]\n");
    assert!(text.len() > 10_000_000);
    let checked = check(path(), &text, &options(), &base);
    assert!(checked.error.is_none());
    // One line, of which each character could begin something.
    for unit in ["a ", "$a", "<<a ", "\"a\" ", "\\", "[", "a=", "${a:-"] {
        let text = format!("FROM x\nLABEL {}\n", unit.repeat(1 << 18));
        let _checked = check(path(), &text, &options(), &base);
    }
}

#[test]
fn many_stages() {
    let make = |count: usize| {
        let mut text = String::from("FROM x AS s0\nENV V0=0\n");
        for index in 1..count {
            let before = index - 1;
            let _ = writeln!(text, "FROM s{before} AS s{index}\nCOPY --from=s{before} a b\nENV V=$V{index}");
        }
        text
    };
    let file = parse(path(), &make(200)).unwrap();
    assert_eq!(evaluate(&file, &options(), &base).unwrap().stages.len(), 200);
    is_linear(make, 100);
}

#[test]
fn values_that_double() {
    let lines = "ENV a=$a$a\n".repeat(60);
    let found = problems(&format!("FROM x\nENV a=1234567\n{lines}"));
    assert!(found[0].contains("adds up to more than 128 MiB"), "{found:?}");
    assert!(found.len() <= 100);
}

#[test]
fn many_triggers() {
    let text = format!("FROM x AS a\n{}{}", "ONBUILD USER y\n".repeat(5_000), "FROM a\n".repeat(5_000));
    let found = problems(&text);
    assert!(found[0].contains("adds up to more than 128 MiB"), "{:?}", found.first());
}

#[test]
fn many_circles() {
    let stages: String =
        (0..5_000).map(|index| format!("FROM x AS s{index}\nCOPY --from=s{} a b\n", index + 1)).collect();
    let backs = "COPY --from=s0 a b\n".repeat(5_000);
    let found = problems(&format!("{stages}FROM x AS s5000\n{backs}"));
    assert!(found.last().is_some_and(|last| last.contains("and more need each other")), "{found:?}");
}

#[test]
fn many_problems() {
    let text = format!("FROM x\n{}", "COPY --nope a b\nEXPOSE x\n".repeat(20_000));
    assert_eq!(check(path(), &text, &options(), &base).error.unwrap().problems.len(), 100);
    let text = format!("FROM x\n{}", "ENV a=$b\n".repeat(20_000));
    assert_eq!(findings(&text).len(), 1000);
}

#[test]
fn paths_without_end() {
    let found = problems(&format!("FROM x\n{}", "WORKDIR deeper\n".repeat(20_000)));
    assert!(found.len() == 34 && found[0].contains("the path has 4102 bytes"), "{found:?}");
    let found = problems(&format!("FROM x\nCOPY a /{}\n", "b/".repeat(5000)));
    assert!(found[0].contains("the path has 10001 bytes"), "{:?}", found.first());
}
