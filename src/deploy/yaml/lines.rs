//! Bytes, characters and lines of a text: the parser counts characters, people count lines, and a text is bytes.

use super::Place;

/// Characters between two known places.
const STRIDE: usize = 64;

/// Where lines and characters begin.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    /// The first byte of each line.
    starts: Vec<usize>,
    /// The byte of every [`STRIDE`]th character; none if each has one byte.
    known: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        let known = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STRIDE).map(|(offset, _)| offset).collect()
        };
        Self { text, starts, known }
    }

    /// The byte of a character.
    pub(super) fn byte(&self, character: usize) -> usize {
        if self.known.is_empty() {
            return character.min(self.text.len());
        }
        let Some(base) = self.known.get(character / STRIDE) else { return self.text.len() };
        let mut rest = self.text[*base..].char_indices().skip(character % STRIDE);
        rest.next().map_or(self.text.len(), |(offset, _)| base + offset)
    }

    /// The number of characters before a byte.
    fn characters(&self, byte: usize) -> usize {
        match self.known.partition_point(|known| *known <= byte).checked_sub(1) {
            None => byte,
            Some(n) => n * STRIDE + self.text[self.known[n]..byte].chars().count(),
        }
    }

    /// The line of a byte, from 0.
    fn line(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte) - 1
    }

    /// The first byte of the line of a byte, and the byte of its line feed.
    pub(super) fn bounds(&self, byte: usize) -> (usize, usize) {
        let line = self.line(byte);
        (self.starts[line], self.starts.get(line + 1).map_or(self.text.len(), |next| next - 1))
    }

    /// The place of a byte.
    pub(super) fn place(&self, byte: usize) -> Place {
        let line = self.line(byte);
        let column = self.characters(byte) - self.characters(self.starts[line]) + 1;
        Place { line: line + 1, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_characters_are_one_another() {
        for text in [String::new(), "abc\n".repeat(100), "a\u{e4}\u{1F600}\r\n\n".repeat(100)] {
            let lines = Lines::new(&text);
            for (n, (byte, _)) in text.char_indices().enumerate() {
                assert_eq!((lines.byte(n), lines.characters(byte)), (byte, n));
                assert_eq!(lines.place(byte), super::super::place(&text, byte));
                let (start, end) = lines.bounds(byte);
                assert!(!text[start..end].contains('\n') && (start..=end).contains(&byte));
            }
            assert_eq!(lines.byte(text.chars().count() + 1), text.len());
        }
    }
}
