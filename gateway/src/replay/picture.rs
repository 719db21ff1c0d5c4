//! One screen as it goes to the browser: rows of runs, bounded in size, and what changed of it.

use console::wire::ScreenChange;
use recorder::{Run, Screen, Style};

/// Bytes of JSON of one screen, about. Two of them make a chunk, so that each chunk goes on.
pub(super) const MOST_OF_A_SCREEN: usize = 512 << 10;
/// What a row takes besides its runs.
const ROW: usize = 16;
/// What a run takes besides its text: names, colours, attributes.
const RUN: usize = 160;

/// A whole screen. One of which every cell has a style of its own is shown without styles in the rows
/// that take most: text is never left out.
pub(super) struct Picture {
    columns: usize,
    cursor: Option<(usize, usize)>,
    rows: Vec<Vec<Run>>,
}

/// About how many bytes of JSON a row takes.
fn cost(row: &[Run]) -> usize {
    // A character that JSON escapes is one byte and becomes two.
    ROW + row.iter().map(|run| run.text.len() * 2 + RUN).sum::<usize>()
}

fn without_style(row: &[Run]) -> Vec<Run> {
    let text: String = row.iter().map(|run| run.text.as_str()).collect();
    let text = text.trim_end().to_owned();
    if text.is_empty() { Vec::new() } else { vec![Run { text, style: Style::default() }] }
}

impl Picture {
    pub(super) fn new(screen: Screen) -> Self {
        let Screen { columns, cursor, mut rows } = screen;
        if rows.iter().map(|row| cost(row)).sum::<usize>() > MOST_OF_A_SCREEN {
            let fair = MOST_OF_A_SCREEN / rows.len().max(1);
            for row in rows.iter_mut().filter(|row| cost(row) > fair) {
                *row = without_style(row);
            }
        }
        Self { columns, cursor, rows }
    }

    /// All of it.
    pub(super) fn whole(&self) -> ScreenChange {
        let rows = self.rows.iter().cloned().enumerate().collect();
        ScreenChange { columns: self.columns, height: self.rows.len(), cursor: self.cursor, rows }
    }

    /// What is another than before. `None`: nothing.
    pub(super) fn since(&self, before: &Picture) -> Option<ScreenChange> {
        if (self.columns, self.rows.len()) != (before.columns, before.rows.len()) {
            return Some(self.whole());
        }
        let changed = self.rows.iter().enumerate().zip(&before.rows).filter(|((_, row), old)| row != old);
        let rows: Vec<(usize, Vec<Run>)> = changed.map(|((n, row), _)| (n, row.clone())).collect();
        if rows.is_empty() && self.cursor == before.cursor {
            return None;
        }
        Some(ScreenChange { columns: self.columns, height: self.rows.len(), cursor: self.cursor, rows })
    }
}

/// About how many bytes of JSON it takes.
pub(super) fn size(shape: &ScreenChange) -> usize {
    ROW * 4 + shape.rows.iter().map(|(_, row)| cost(row)).sum::<usize>()
}
