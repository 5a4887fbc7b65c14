//! Tables for people: columns as wide as what stands in them, two spaces between them, nothing at the end of a line.

use std::fmt::Write as _;

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table with a line of headings. A cell is one line; what would break it is shown as a space.
#[derive(Debug)]
pub(super) struct Table {
    headings: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Without rows.
    pub(super) fn new(headings: &[(&'static str, Align)]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, which has a cell for each heading. An empty cell is shown as `-`.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| {
            let cell: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            if cell.is_empty() { "-".to_owned() } else { cell }
        });
        self.rows.push(cells.collect());
    }

    /// Its text; nothing if there are no rows.
    pub(super) fn text(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let widest = |column: usize, heading: &str| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).chain([heading.chars().count()]).max().unwrap_or_default()
        };
        let columns: Vec<(usize, Align)> = self
            .headings
            .iter()
            .enumerate()
            .map(|(column, (heading, align))| (widest(column, heading), *align))
            .collect();
        let headings: Vec<String> = self.headings.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        let mut text = String::new();
        for cells in std::iter::once(&headings).chain(&self.rows) {
            let mut line = String::new();
            for (cell, (width, align)) in cells.iter().zip(&columns) {
                let _ = match align {
                    Align::Left => write!(line, "{cell:width$}  "),
                    Align::Right => write!(line, "{cell:>width$}  "),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let mut table = Table::new(&[("TAG", Align::Left), ("SIZE", Align::Right), ("DIGEST", Align::Left)]);
        assert_eq!(table.text(), "");
        table.row(["1.4".into(), "52 MB".into(), "sha256:1".into()]);
        table.row(["grün\n".into(), "999 B".into(), String::new()]);
        assert_eq!(table.text(), "TAG     SIZE  DIGEST\n1.4    52 MB  sha256:1\ngrün   999 B  -\n");
    }
}
