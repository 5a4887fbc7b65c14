use super::*;

/// `set` has a value, `empty` an empty one, `path` and `list` something to cut up.
fn lookup(name: &str) -> Option<Arc<str>> {
    let values = [
        ("set", "value"),
        ("empty", ""),
        ("path", "/usr/lib/a.tar.gz"),
        ("list", " a  b "),
        ("dollar", "$set"),
        ("star", "*"),
        ("1", "one"),
        ("größe", "groß"),
    ];
    values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
}

fn expand(lexer: Lexer, word: &str) -> Result<Expansion, ExpandError> {
    lexer.expand(word, &lookup, &mut Budget::default())
}

#[test]
fn every_form() {
    // The table of POSIX, section 2.6.2 of the shell's language, and what BuildKit has besides.
    for (word, expected) in [
        ("$set", "value"),
        ("${set}", "value"),
        ("a${set}b", "avalueb"),
        ("$set$empty$unset.", "value."),
        ("$setx ${set}x", " valuex"),
        ("${set:-w}|${empty:-w}|${unset:-w}", "value|w|w"),
        ("${set-w}|${empty-w}|${unset-w}", "value||w"),
        ("${set:+w}|${empty:+w}|${unset:+w}", "w||"),
        ("${set+w}|${empty+w}|${unset+w}", "w|w|"),
        ("${set:?w}|${set?w}|${empty?w}", "value|value|"),
        ("${path#*/}|${path##*/}", "usr/lib/a.tar.gz|a.tar.gz"),
        ("${path%.*}|${path%%.*}", "/usr/lib/a.tar|/usr/lib/a"),
        ("${path#/usr}|${path%.gz}|${path#x}", "/lib/a.tar.gz|/usr/lib/a.tar|/usr/lib/a.tar.gz"),
        ("${path/a/_}|${path//a/_}", "/usr/lib/_.tar.gz|/usr/lib/_.t_r.gz"),
        (r"${path/\//}|${path//\//:}", "usr/lib/a.tar.gz|:usr:lib:a.tar.gz"),
        ("${path/l*b/x}|${path/?/x}", "/usr/x/a.tar.gz|xusr/lib/a.tar.gz"),
        ("${set/x/y}|${unset/x/y}|${set/a/}", "value||vlue"),
        // Nested, and the part that is not taken is read all the same.
        ("${unset:-${unset:-${set}}}", "value"),
        ("${unset:-a ${set} b}", "a value b"),
        ("${set#$unset}|${set%${set#va}}", "value|va"),
        // Values are not read again.
        ("$dollar|${unset:-$dollar}", "$set|$set"),
        // A pattern that comes from a variable is one.
        ("${set#$star}|${set##$star}|${set#\"$star\"}", "value||value"),
        // What has no name, and parameters that have a meaning in a shell alone.
        ("$|a$|$.|$ |$\"x\"", "$|a$|$.|$ |$x"),
        ("$1|$12|${1}|$$|$@|$*|$?|$-|$!|$#|$0", "one||one||||||||"),
        ("${größe}$größe", "großgroß"),
    ] {
        assert_eq!(expand(Lexer::new('\\'), word).map(|it| it.text), Ok(expected.into()), "{word}");
    }
}

#[test]
fn quotes_and_escapes() {
    for (word, expected) in [
        (r"\$set", "$set"),
        (r"\\$set", r"\value"),
        (r#""$set""#, "value"),
        ("'$set'", "$set"),
        (r#""'$set'" '"$set"'"#, "'value' \"$set\""),
        (r#""a\"b\\c\$d\e""#, "a\"b\\c$d\\e"),
        (r"'a\b'", r"a\b"),
        (r"a\bc\", "abc"),
        (r"${unset:-a\}b}", "a}b"),
        (r#"${unset:-"a}b"}"#, "a}b"),
        ("${unset:-'$set'}", "$set"),
        ("\"${unset:-'a'}\"", "a"),
        (r"${path#\/}", "usr/lib/a.tar.gz"),
    ] {
        assert_eq!(expand(Lexer::new('\\'), word).map(|it| it.text), Ok(expected.into()), "{word}");
    }
    assert_eq!(expand(Lexer::new('`'), r"C:\a`$set$set").unwrap().text, r"C:\a$setvalue");
    let document = |text| expand(Lexer::document(), text).unwrap().text;
    assert_eq!(document("\"$set\" '$set' it's \\$set\n"), "\"value\" 'value' it's $set\n");
    let kept = Lexer { keep_quotes: true, keep_escapes: true, keep_unset: true, ..Lexer::new('\\') };
    let word = "\"$set\" '$set' \\$set $unset ${unset:-x} ${unset/a/b}";
    assert_eq!(expand(kept, word).unwrap().text, word.replacen("$set", "value", 1));
}

#[test]
fn words_are_split_where_nothing_is_quoted() {
    for (word, expected) in [
        ("a b", &["a", "b"][..]),
        ("$list", &["a", "b"]),
        ("x${list}y", &["x", "a", "b", "y"]),
        ("\"$list\"", &[" a  b "]),
        (r"a\ b 'c d'", &["a b", "c d"]),
        ("'' $empty", &[]),
        // As with BuildKit.
        ("80${unset:-80}", &["80"]),
        ("80${set}", &["80value"]),
    ] {
        assert_eq!(expand(Lexer::new('\\'), word).unwrap().words, expected, "{word}");
    }
}

#[test]
fn what_was_used() {
    let found = expand(Lexer::new('\\'), "$set ${empty:-$unset} ${other:+$more} '$not' $set").unwrap();
    assert_eq!(found.used.iter().collect::<Vec<_>>(), ["empty", "set"]);
    assert_eq!(found.unset.iter().collect::<Vec<_>>(), ["more", "other", "unset"]);
}

#[test]
fn what_is_wrong() {
    for (word, expected) in [
        ("'a", "a single quote is not closed"),
        ("\"a", "a double quote is not closed"),
        ("${a", "`${` has no `}`"),
        ("${", "`${` has no `}`"),
        ("${a:-b", "`${` has no `}`"),
        ("${a/b", "`${…/…` has no second `/`"),
        ("${a/b}", "`${…/…` has no second `/`"),
        ("${a/b/c", "`${` has no `}`"),
        ("${}", "`${` is not followed by the name of a variable"),
        ("${{a}}", "`${` is not followed by the name of a variable"),
        ("${:-a}", "`${` is not followed by the name of a variable"),
        ("${set^}", "`^` is nothing that can be done with a variable here"),
        ("${set:#a}", "`:#` is nothing that can be done with a variable here"),
        ("${set:1}", "`:1` is nothing that can be done with a variable here"),
        ("${unset?}", "unset: is not allowed to be unset"),
        ("${empty:?}", "empty: is not allowed to be empty"),
        ("${unset:?give $set}", "unset: give value"),
        (r"${set#\a}", r"`\a` is not a pattern: `\a` is no escape in it"),
    ] {
        assert_eq!(expand(Lexer::new('\\'), word).unwrap_err().to_string(), expected, "{word}");
    }
}

#[test]
fn neither_the_stack_nor_memory_is_without_end() {
    let deep = |levels: usize| "${unset:-".repeat(levels) + &"}".repeat(levels);
    assert!(expand(Lexer::new('\\'), &deep(MAX_DEPTH - 1)).is_ok());
    assert_eq!(expand(Lexer::new('\\'), &deep(MAX_DEPTH)).unwrap_err(), ExpandError::Depth);
    assert_eq!(expand(Lexer::new('\\'), &deep(100_000)).unwrap_err(), ExpandError::Depth);

    let large: Arc<str> = "a".repeat(1 << 10).into();
    let all = |word: &str| {
        let lookup = |_: &str| Some(Arc::clone(&large));
        Lexer::new('\\').expand(word, &lookup, &mut Budget::new(128 << 10)).map(|it| it.text.len())
    };
    assert_eq!(all(&"$a".repeat(60)), Ok(60 << 10));
    assert_eq!(all(&"$a".repeat(200)), Err(ExpandError::Budget));
    // What is thrown away has been made before; and each letter becomes a thousand.
    assert_eq!(all(&"${b+${a}}".repeat(200)), Err(ExpandError::Budget));
    assert_eq!(all("${a//a/$a}"), Err(ExpandError::Budget));
}
