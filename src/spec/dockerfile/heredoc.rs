//! Where here-documents begin: `<<NAME`, `<<-NAME`, `<<"NAME"`.

use super::expand::{Budget, ExpandError, Lexer};

/// A here-document that is announced in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    /// The line that ends it, and its name as a file.
    pub(super) name: String,
    /// Whether variables are replaced in it: a quoted name says no.
    pub(super) expand: bool,
    /// Whether tabs at the beginning of its lines are no part of it.
    pub(super) chomp: bool,
}

/// All that a line announces.
pub(super) fn starts(line: &str) -> Result<Vec<Start>, ExpandError> {
    let lexer = Lexer { keep_quotes: true, keep_escapes: true, keep_unset: true, ..Lexer::new('\\') };
    // A line that a shell could not read announces none: it may be meant for something else than a shell.
    let words = lexer.expand(line, &|_| None, &mut Budget::default()).map(|expansion| expansion.words);
    let starts = words.unwrap_or_default().into_iter().map(|word| start(&word));
    starts.filter_map(Result::transpose).collect()
}

/// Whether a word announces a here-document.
pub(super) fn start(word: &str) -> Result<Option<Start>, ExpandError> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let Some(rest) = rest.strip_prefix("<<") else { return Ok(None) };
    let (chomp, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let rest = rest.trim_start_matches(['\t', '\n', '\x0c', '\r', ' ']);
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let words = |keep_quotes| {
        let lexer = Lexer { keep_quotes, keep_unset: true, ..Lexer::new('\\') };
        lexer.expand(rest, &|_| None, &mut Budget::default()).map(|expansion| expansion.words)
    };
    let (bare, raw) = (words(false)?, words(true)?);
    match (bare.as_slice(), raw.as_slice()) {
        ([name], [raw]) => {
            let quotes = |text: &str| text.matches(['\'', '"']).count();
            Ok(Some(Start { name: name.clone(), expand: quotes(name) == quotes(raw), chomp }))
        }
        _ => Ok(None),
    }
}

/// The content of a here-document whose name has a `-` in front: without tabs at the beginning of lines.
pub(super) fn chomped(content: &str) -> String {
    content.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced() {
        let found = |line: &str| {
            let starts = starts(line).unwrap().into_iter();
            let shown = |start: Start| {
                let sign = if start.chomp { "-" } else { "" };
                format!("{sign}{}{}", start.name, if start.expand { "$" } else { "" })
            };
            starts.map(shown).collect::<Vec<_>>().join(" ")
        };
        for (line, expected) in [
            ("RUN <<EOF", "EOF$"),
            ("COPY <<a.txt <<-\"b c\" <<'d' /x/", "a.txt$ -b c d"),
            ("RUN cat << EOF > x", "EOF$"),
            ("RUN 3<<EOF cat", "EOF$"),
            ("RUN cat <<< here", ""),
            ("RUN a << b << c", "b$ c$"),
            ("RUN <<$x", "$x$"),
            ("RUN echo '<<EOF'", ""),
            ("RUN echo \"<<EOF", ""),
            ("RUN a<<EOF", ""),
            ("RUN <<", ""),
            ("RUN <<-", ""),
            (r"RUN <<E\OF", "EOF$"),
        ] {
            assert_eq!(found(line), expected, "{line}");
        }
    }

    #[test]
    fn tabs() {
        assert_eq!(chomped("\t\ta\n\t b\n\n\t"), "a\n b\n\n");
    }
}
