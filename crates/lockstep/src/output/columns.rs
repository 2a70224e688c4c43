//! Lays texts out in columns that fit a width: what is too long is broken within its own column, so that nothing is cut off and no line is broken by the terminal.

/// Between two columns.
const GAP: usize = 2;
/// No column is made narrower.
const NARROWEST: usize = 6;

/// How a column's texts stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// The lines of a table whose rows all have as many cells as there are aligns.
pub(super) fn lay_out(
    rows: &[Vec<String>],
    aligns: &[Align],
    indent: usize,
    width: usize,
) -> Vec<String> {
    let natural = (0..aligns.len()).map(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let widths = fitted(
        natural.collect(),
        width.saturating_sub(indent + GAP * aligns.len().saturating_sub(1)),
    );
    let mut lines = Vec::new();
    for row in rows {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| broken(cell, *width))
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for number in 0..height {
            let mut line = " ".repeat(indent);
            for ((cell, width), align) in cells.iter().zip(&widths).zip(aligns) {
                let text = cell.get(number).map_or("", String::as_str);
                let pad = " ".repeat(width.saturating_sub(text.chars().count()));
                match align {
                    Align::Left => line.extend([text, &pad]),
                    Align::Right => line.extend([pad.as_str(), text]),
                }
                line.push_str(&" ".repeat(GAP));
            }
            lines.push(line.trim_end().to_owned());
        }
    }
    lines
}

/// Takes from the widest column until all fit.
fn fitted(mut widths: Vec<usize>, available: usize) -> Vec<usize> {
    while widths.iter().sum::<usize>() > available {
        let widest = (0..widths.len()).max_by_key(|&column| widths[column]);
        match widest.filter(|&column| widths[column] > NARROWEST) {
            Some(column) => widths[column] -= 1,
            None => break,
        }
    }
    widths
}

/// The text in lines no longer than `width`: between words where that is possible.
pub(super) fn broken(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let (used, wanted) = (line.chars().count(), word.chars().count());
        if used > 0 && used + 1 + wanted <= width {
            line.push(' ');
            line.push_str(word);
            continue;
        }
        if used > 0 {
            lines.push(std::mem::take(&mut line));
        }
        let mut rest: Vec<char> = word.chars().collect();
        while rest.len() > width {
            // Behind a comma or a dot, where that leaves no more than half of the line empty.
            let stops = rest[..width].iter().rposition(|c| matches!(c, ',' | '.'));
            let end = stops.map(|stop| stop + 1).filter(|end| *end * 2 >= width);
            lines.push(rest.drain(..end.unwrap_or(width)).collect());
        }
        line.extend(rest);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_no_line_is_too_long_whatever_the_width() {
        let rows = vec![
            vec!["a short one".to_owned(), "12".to_owned(), "x".repeat(50)],
            vec!["ü".repeat(30), "1,234".to_owned(), "two words".to_owned()],
        ];
        for width in [30, 40, 80, 120] {
            let lines = lay_out(&rows, &[Align::Left, Align::Right, Align::Left], 2, width);
            assert!(
                lines.iter().all(|line| line.chars().count() <= width),
                "{lines:#?}"
            );
            let letters = |texts: String| {
                let mut letters: Vec<char> = texts.chars().filter(|c| *c != ' ').collect();
                letters.sort_unstable();
                letters
            };
            assert_eq!(letters(lines.concat()), letters(rows.concat().concat()));
        }
        assert_eq!(broken("", 5), [""]);
        assert_eq!(broken("ab cd", 4), ["ab", "cd"]);
    }
}
