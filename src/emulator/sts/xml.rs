//! The XML of the query protocol.

use super::super::error::ApiError;
use std::fmt::Write as _;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The whole answer of `operation` around the elements of its result.
pub(in crate::emulator) fn answer(operation: &str, result: &str, request_id: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">\n<{operation}Result>\n{result}</{operation}Result>\n\
         <ResponseMetadata>\n<RequestId>{request_id}</RequestId>\n</ResponseMetadata>\n</{operation}Response>\n"
    )
}

/// A refused call.
pub(in crate::emulator) fn answer_error(error: &ApiError, request_id: &str) -> String {
    let side = if error.status.is_server_error() { "Receiver" } else { "Sender" };
    let mut xml = format!("<ErrorResponse xmlns=\"{NAMESPACE}\">\n<Error>\n");
    text(&mut xml, "Type", side);
    text(&mut xml, "Code", &error.code);
    text(&mut xml, "Message", &error.message);
    xml + "</Error>\n<RequestId>" + request_id + "</RequestId>\n</ErrorResponse>\n"
}

pub(super) fn group(xml: &mut String, element: &str, content: impl FnOnce(&mut String)) {
    writeln!(xml, "<{element}>").expect("invariant: writing to a string works");
    content(xml);
    writeln!(xml, "</{element}>").expect("invariant: writing to a string works");
}

pub(super) fn text(xml: &mut String, element: &str, value: &str) {
    let value = escape(value);
    writeln!(xml, "<{element}>{value}</{element}>").expect("invariant: writing to a string works");
}

/// `text` as XML takes it; characters that XML can't hold at all are left out.
pub(in crate::emulator) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_cannot_be_broken_out_of() {
        assert_eq!(escape("<a b=\"&\">\u{0}"), "&lt;a b=&quot;&amp;&quot;&gt;");
    }
}
