//! Lists in one value, split as docker/build-push-action splits them: as CSV, in which a quoted field may hold line
//! breaks and commas.

/// What ends an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Line breaks and commas.
    Commas,
    /// Line breaks; a field in double quotes may hold some.
    Lines,
    /// Line breaks; quotes have no meaning, and a line that begins with `#` is a comment.
    Verbatim,
}

/// A quote is opened and not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenQuote;

/// The items of `text`, without white space around them, and without empty ones.
pub(super) fn items(text: &str, split: Split) -> Result<Vec<String>, OpenQuote> {
    let mut items = Vec::new();
    if split == Split::Verbatim {
        items.extend(text.lines().filter(|line| !line.trim_start().starts_with('#')).map(str::to_owned));
    } else {
        for record in records(text)? {
            match split {
                Split::Commas => {
                    items.extend(record.iter().flat_map(|field| field.split(',')).map(str::to_owned));
                }
                _ => items.push(record.join(",")),
            }
        }
    }
    let trimmed = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty());
    Ok(trimmed.map(str::to_owned).collect())
}

/// The lines of a CSV text, each with its fields. A quote counts only at the beginning of a field, and its end only at
/// the end of one.
fn records(text: &str) -> Result<Vec<Vec<String>>, OpenQuote> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => match closed(quoted)? {
                Some(found) => found,
                None => plain(rest),
            },
            None => plain(rest),
        };
        record.push(field);
        match after.chars().next() {
            Some(',') => rest = &after[1..],
            Some(_) => {
                records.push(std::mem::take(&mut record));
                rest = after.strip_prefix("\r\n").unwrap_or(&after[1..]);
            }
            None => {
                records.push(record);
                return Ok(records);
            }
        }
    }
}

/// A field up to the next comma or line break.
fn plain(text: &str) -> (String, &str) {
    let end = text.find([',', '\n', '\r']).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

/// The field behind an opening quote, and what follows its closing one; none if that is not the end of the field.
fn closed(text: &str) -> Result<Option<(String, &str)>, OpenQuote> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"').ok_or(OpenQuote)?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.chars().next() {
            Some('"') => {
                field.push('"');
                rest = &rest[1..];
            }
            None | Some(',' | '\n' | '\r') => return Ok(Some((field, rest))),
            Some(_) => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_lines() {
        let split = |text, split| items(text, split).unwrap();
        assert_eq!(split("a:1, b:2\r\n\n c:3 ,", Split::Commas), ["a:1", "b:2", "c:3"]);
        assert_eq!(split("a=1, 2\nb=3", Split::Lines), ["a=1, 2", "b=3"]);
        assert_eq!(split("type=oci,dest=\"x\"\n", Split::Verbatim), ["type=oci,dest=\"x\""]);
        assert!(split(" \n,\n", Split::Commas).is_empty());
        assert!(split("", Split::Lines).is_empty());
    }

    #[test]
    fn quotes() {
        let split = |text| items(text, Split::Lines);
        assert_eq!(split("\"a=1\n2,3\"\nb=\"x\"").unwrap(), ["a=1\n2,3", "b=\"x\""]);
        assert_eq!(split("\"a=\"\"x\"\"\"").unwrap(), ["a=\"x\""]);
        // What follows the quote makes it an ordinary character.
        assert_eq!(split("\"a\"b").unwrap(), ["\"a\"b"]);
        assert_eq!(split("\"a\nb"), Err(OpenQuote));
        assert_eq!(items("\"a\n # c\nb", Split::Verbatim).unwrap(), ["\"a", "b"]);
        assert_eq!(items("\"a,b\",c", Split::Commas).unwrap(), ["a", "b", "c"]);
    }
}
