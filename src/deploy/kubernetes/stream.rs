//! Several files as one stream of documents.

/// The texts one after the other, with `---` between two where none stands there yet. A single one stays as it is.
pub fn join<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut stream = String::new();
    for (n, text) in texts.into_iter().enumerate() {
        if n == 0 {
            stream.push_str(text);
            continue;
        }
        // A mark of the encoding may stand at the front of a stream only.
        let text = text.trim_start_matches('\u{feff}');
        if !stream.is_empty() && !stream.ends_with('\n') {
            stream.push('\n');
        }
        let is_ended = last_line(&stream).is_some_and(|line| is_marker(line, "..."));
        match first_line(text) {
            // Directives need an end before them.
            Some(line) if line.starts_with('%') && !is_ended => stream.push_str("...\n"),
            Some(line) if line.starts_with('%') || is_marker(line, "---") => {}
            _ => stream.push_str("---\n"),
        }
        stream.push_str(text);
    }
    stream
}

/// The first line that is neither empty nor a comment.
fn first_line(text: &str) -> Option<&str> {
    text.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_stay_apart() {
        for (texts, stream) in [
            (&["a: 1"][..], "a: 1"),
            (&["\u{feff}a: 1\r\n"], "\u{feff}a: 1\r\n"),
            (&["a: 1", "\u{feff}b: 2\n"], "a: 1\n---\nb: 2\n"),
            (&["a: 1\n", "# c\n\n---\nb: 2\n", "c: 3"], "a: 1\n# c\n\n---\nb: 2\n---\nc: 3"),
            (&["a: 1\n", "%YAML 1.2\n---\nb: 2\n"], "a: 1\n...\n%YAML 1.2\n---\nb: 2\n"),
            (&["a: 1\n...\n", "%YAML 1.2\n---\nb: 2\n"], "a: 1\n...\n%YAML 1.2\n---\nb: 2\n"),
            (&["a: 1\n---\n", "b: 2\n"], "a: 1\n---\n---\nb: 2\n"),
            (&["a: 1\n", "---a: 2\n"], "a: 1\n---\n---a: 2\n"),
        ] {
            assert_eq!(join(texts.iter().copied()), stream);
        }
    }
}
