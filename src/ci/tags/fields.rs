//! The form of rules and flavors: a line of `key=value`, separated by commas.

use super::error::{Wrong, quoted};

/// The lines of `texts` that say something: not those that are blank or begin with `#`.
pub(super) fn lines(texts: &[String]) -> impl Iterator<Item = &str> {
    let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The fields of one line, in its order. A key is in lower case; a field without `=` has none.
#[derive(Debug)]
pub(super) struct Fields(pub(super) Vec<(Option<String>, String)>);

impl Fields {
    /// Reads a line. As in CSV, a field that holds a comma stands in double quotes, all of it: `"pattern=a,b"`.
    pub(super) fn read(line: &str) -> Result<Self, Wrong> {
        let fields = split(line)?.into_iter().filter(|field| !field.is_empty());
        Ok(Self(
            fields
                .map(|field| match field.split_once('=') {
                    Some((key, value)) if !key.trim().is_empty() => {
                        (Some(key.trim().to_lowercase()), value.trim().to_owned())
                    }
                    _ => (None, field),
                })
                .collect(),
        ))
    }

    /// Takes the value of `key` out.
    pub(super) fn take(&mut self, key: &str) -> Result<Option<String>, Wrong> {
        let mut found =
            self.0.extract_if(.., |(known, _)| known.as_deref() == Some(key)).map(|(_, value)| value);
        let value = found.next();
        match found.next() {
            Some(_) => Err(Wrong::new(format!("`{key}` is given twice"))),
            None => Ok(value),
        }
    }

    /// That there are no fields but those of `what`, which are `known`. One without a key is its `value`.
    pub(super) fn check(&mut self, what: &str, known: &[&'static str]) -> Result<(), Wrong> {
        for (key, text) in &mut self.0 {
            match key {
                Some(key) if known.contains(&key.as_str()) => {}
                Some(key) => {
                    return Err(Wrong::unknown(format!("`{key}` is no field of {what}"), key, known));
                }
                None if known.contains(&"value") => *key = Some("value".into()),
                None => {
                    return Err(Wrong::new(format!("`{text}` is no field of {what}: it has no `=`"))
                        .hinted(format!("the fields are {}", quoted(known))));
                }
            }
        }
        Ok(())
    }
}

fn split(line: &str) -> Result<Vec<String>, Wrong> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.trim_start().strip_prefix('"') {
            Some(inner) => {
                let (text, after) = unquote(inner)
                    .ok_or_else(|| Wrong::new(format!("the quote before `{inner}` is not closed")))?;
                match after.trim_start() {
                    "" => (text, None),
                    after => match after.strip_prefix(',') {
                        Some(after) => (text, Some(after)),
                        None => {
                            return Err(Wrong::new(format!(
                                "`{after}` stands between a closing quote and a comma"
                            )));
                        }
                    },
                }
            }
            None => {
                let (field, after) = match rest.split_once(',') {
                    Some((field, after)) => (field.trim(), Some(after)),
                    None => (rest.trim(), None),
                };
                if field.contains('"') {
                    return Err(Wrong::new(format!("`{field}` has a quote in its middle"))
                        .hinted("quote the whole field: `\"pattern=a,b\"`"));
                }
                let is_open = field.rfind("{{").is_some_and(|start| !field[start..].contains("}}"));
                if is_open && after.is_some() {
                    return Err(Wrong::new(format!("a comma ends the field `{field}` within an expression"))
                        .hinted("quote the whole field: `\"pattern={{date 'DD, MM'}}\"`"));
                }
                (field.to_owned(), after)
            }
        };
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

/// The text up to the closing quote, and what follows it. Two quotes are one that is part of the text.
fn unquote(inner: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut rest = inner;
    loop {
        let (before, after) = rest.split_once('"')?;
        text.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                text.push('"');
                rest = after;
            }
            None => return Some((text, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<(String, String)> {
        let fields = Fields::read(line).unwrap().0;
        fields.into_iter().map(|(key, value)| (key.unwrap_or_default(), value)).collect()
    }

    #[test]
    fn the_form_of_csv() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(read("type=sha"), [pair("type", "sha")]);
        assert_eq!(read(" Type = sha , prefix= , "), [pair("type", "sha"), pair("prefix", "")]);
        assert_eq!(read("foo"), [pair("", "foo")]);
        assert_eq!(
            read(r#"type=match,"pattern=^v(\d{1,3})$", "value=say ""hi""",group=1"#),
            [
                pair("type", "match"),
                pair("pattern", r"^v(\d{1,3})$"),
                pair("value", r#"say "hi""#),
                pair("group", "1")
            ]
        );
        assert_eq!(read("pattern={{date 'YYYY' tz='UTC'}}"), [pair("pattern", "{{date 'YYYY' tz='UTC'}}")]);
    }

    #[test]
    fn quotes_that_do_not_fit() {
        let wrong = |line: &str| Fields::read(line).unwrap_err().why;
        assert_eq!(wrong(r#"a,"b"#), "the quote before `b` is not closed");
        assert_eq!(wrong(r#""a"b,c"#), "`b,c` stands between a closing quote and a comma");
        assert_eq!(wrong(r#"value="a,b""#), "`value=\"a` has a quote in its middle");
        assert_eq!(
            wrong("type=raw,value={{date 'D, M'}}"),
            "a comma ends the field `value={{date 'D` within an expression"
        );
    }

    #[test]
    fn comments_and_blank_lines() {
        let texts = ["# nothing\n\n  type=sha \n\t# more\nfoo#bar".to_owned(), String::new()];
        assert_eq!(lines(&texts).collect::<Vec<_>>(), ["type=sha", "foo#bar"]);
    }
}
