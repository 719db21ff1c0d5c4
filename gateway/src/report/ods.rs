//! A spreadsheet by OpenDocument 1.3 (ISO/IEC 26300): a ZIP with four files, of which one holds the table.
//!
//! Nothing in it is a formula: a text is written as a text, whatever it begins with (EVI-06).

use super::layout::{Cell, Layout};
use std::io::{Cursor, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const MEDIA_TYPE: &str = "application/vnd.oasis.opendocument.spreadsheet";

const MANIFEST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3"><manifest:file-entry manifest:full-path="/" manifest:version="1.3" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/><manifest:file-entry manifest:full-path="styles.xml" manifest:media-type="text/xml"/></manifest:manifest>
"#;

const STYLES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<office:document-styles xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" office:version="1.3"/>
"#;

/// Day and hour to the second, and bold for the headings.
const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" office:version="1.3"><office:automatic-styles><number:date-style style:name="when"><number:day number:style="long"/><number:text>/</number:text><number:month number:style="long"/><number:text>/</number:text><number:year number:style="long"/><number:text> </number:text><number:hours number:style="long"/><number:text>:</number:text><number:minutes number:style="long"/><number:text>:</number:text><number:seconds number:style="long"/></number:date-style><style:style style:name="time" style:family="table-cell" style:data-style-name="when"/><style:style style:name="heading" style:family="table-cell"><style:text-properties fo:font-weight="bold"/></style:style></office:automatic-styles><office:body><office:spreadsheet><table:table table:name=""#;

const TAIL: &str = "</table:table></office:spreadsheet></office:body></office:document-content>\n";

/// The file's bytes. The notes stand below the rows, in the first column.
pub(crate) fn write<'a>(
    layout: &Layout,
    headings: &[String],
    rows: impl Iterator<Item = &'a serde_json::Value>,
    notes: &[String],
) -> zip::result::ZipResult<Vec<u8>> {
    let mut content = String::from(HEAD);
    escape(&layout.title(), &mut content);
    content.push_str("\"><table:table-column table:number-columns-repeated=\"");
    content.push_str(&headings.len().to_string());
    content.push_str("\"/><table:table-header-rows><table:table-row>");
    for heading in headings {
        text(heading, " table:style-name=\"heading\"", &mut content);
    }
    content.push_str("</table:table-row></table:table-header-rows>");
    for row in rows {
        content.push_str("<table:table-row>");
        for one in layout.wide(row) {
            cell(layout, &one, &mut content);
        }
        content.push_str("</table:table-row>");
    }
    for note in notes {
        content.push_str("<table:table-row>");
        text(note, "", &mut content);
        content.push_str("</table:table-row>");
    }
    content.push_str(TAIL);
    pack(&content)
}

/// The media type comes first and plain, so that whoever looks at the bytes knows what it is. No time is
/// written: the same rows give the same bytes.
fn pack(content: &str) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let files = [
        ("mimetype", MEDIA_TYPE, stored),
        ("content.xml", content, deflated),
        ("styles.xml", STYLES, deflated),
        ("META-INF/manifest.xml", MANIFEST, deflated),
    ];
    for (name, bytes, options) in files {
        zip.start_file(name, options)?;
        zip.write_all(bytes.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

fn cell(layout: &Layout, cell: &Cell, out: &mut String) {
    match cell {
        Cell::Empty => out.push_str("<table:table-cell/>"),
        Cell::Text(written) => text(written, "", out),
        Cell::Number(number) => {
            let number = number.to_string();
            out.push_str("<table:table-cell office:value-type=\"float\" office:value=\"");
            out.push_str(&number);
            out.push_str("\"><text:p>");
            out.push_str(&number);
            out.push_str("</text:p></table:table-cell>");
        }
        Cell::Time(at) => {
            out.push_str("<table:table-cell table:style-name=\"time\" office:value-type=\"date\" office:date-value=\"");
            out.push_str(&layout.wall(*at));
            out.push_str("\"><text:p>");
            out.push_str(&layout.french(*at));
            out.push_str("</text:p></table:table-cell>");
        }
    }
}

/// A text, a paragraph a line.
fn text(written: &str, style: &str, out: &mut String) {
    out.push_str("<table:table-cell");
    out.push_str(style);
    out.push_str(" office:value-type=\"string\">");
    for line in written.split('\n') {
        out.push_str("<text:p>");
        escape(line, out);
        out.push_str("</text:p>");
    }
    out.push_str("</table:table-cell>");
}

/// As text and as a value between quotes. What XML 1.0 cannot hold at all becomes the sign for it.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}
