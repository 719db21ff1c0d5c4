//! CSV that a spreadsheet opens without running anything in it (RFC 4180; EVI-06).

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
/// What some reader may take for the end of a cell.
const SEPARATORS: [char; 5] = [';', ',', '\t', '\r', '\n'];
/// Without it some spreadsheets take UTF-8 for the encoding of the machine.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A French spreadsheet takes the comma for a decimal one (EVI-06).
const BETWEEN: char = ';';

/// A table that grows by records, all of the same width: cells between quotes with semicolons between
/// them, none of which a spreadsheet takes for a formula.
pub struct Csv(String);

impl Csv {
    /// One with this header, and the mark before it by which spreadsheets know UTF-8.
    pub fn new(header: &[String]) -> Self {
        Self::begun(BYTE_ORDER_MARK, header)
    }

    /// The same without the mark, for programs that take it for a part of the first name.
    pub fn without_mark(header: &[String]) -> Self {
        Self::begun("", header)
    }

    fn begun(mark: &str, header: &[String]) -> Self {
        let mut csv = Self(mark.to_owned());
        csv.push(header);
        csv
    }

    /// One more record.
    pub fn push(&mut self, cells: &[String]) {
        for (n, cell) in cells.iter().enumerate() {
            if n > 0 {
                self.0.push(BETWEEN);
            }
            self.cell(cell);
        }
        self.0.push_str("\r\n");
    }

    /// The whole.
    pub fn finish(self) -> String {
        self.0
    }

    fn cell(&mut self, text: &str) {
        self.0.push('"');
        // Somebody may read it with the other separator: each place where a cell could then begin is
        // made inert too.
        let mut begins = true;
        for c in text.chars() {
            if begins && FORMULA.contains(&c) {
                self.0.push('\'');
            }
            begins = SEPARATORS.contains(&c) || (begins && [' ', '"'].contains(&c));
            if c == '"' {
                self.0.push('"');
            }
            self.0.push(c);
        }
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cell: &str) -> String {
        let mut csv = Csv(String::new());
        csv.push(&[cell.to_owned()]);
        csv.finish()
    }

    /// Past failures: CVE-2016-1566.
    #[test]
    fn what_begins_like_a_formula_is_text() {
        for (cell, expected) in [
            ("=1+1", "\"'=1+1\"\r\n"),
            ("+33 1", "\"'+33 1\"\r\n"),
            ("-1", "\"'-1\"\r\n"),
            ("@SUM(A1)", "\"'@SUM(A1)\"\r\n"),
            ("\t=1", "\"'\t'=1\"\r\n"),
            ("\r=1", "\"'\r'=1\"\r\n"),
            ("1=1", "\"1=1\"\r\n"),
            ("x;=1+1;y", "\"x;'=1+1;y\"\r\n"),
            ("x,=1", "\"x,'=1\"\r\n"),
            ("x, \"=1\"", "\"x, \"\"'=1\"\"\"\r\n"),
            ("", "\"\"\r\n"),
        ] {
            assert_eq!(written(cell), expected, "{cell:?}");
        }
    }

    /// A quote, a comma and a line break stay within their cell.
    #[test]
    fn cells_do_not_leak() {
        assert_eq!(written("a\"b,c\r\nd\ne"), "\"a\"\"b,c\r\nd\ne\"\r\n");
        assert_eq!(written("\",=HYPERLINK(\"x\")"), "\"\"\",'=HYPERLINK(\"\"x\"\")\"\r\n");
    }

    #[test]
    fn a_table_begins_with_the_mark_and_its_header() {
        let mut csv = Csv::new(&["N°".to_owned(), "Nom".to_owned()]);
        csv.push(&["1".to_owned(), "Zoé".to_owned()]);
        assert_eq!(csv.finish(), "\u{feff}\"N°\";\"Nom\"\r\n\"1\";\"Zoé\"\r\n");
        assert_eq!(Csv::without_mark(&["N°".to_owned()]).finish(), "\"N°\"\r\n");
    }
}
