//! A QR code: in a terminal as coloured cells that a phone reads, two modules a character; on a page as
//! the path of a picture.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code. The standard asks for four; phones read two, and with two it fits
/// a terminal of 24 rows.
const QUIET: usize = 2;

/// The code as lines for a terminal, black on white whatever the terminal's own colours are. `None`:
/// too long for any code.
pub(crate) fn lines(text: &str) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let width = code.width();
    let modules = code.to_colors();
    let dark = |x: usize, y: usize| {
        let inside = |n: usize| n.checked_sub(QUIET).filter(|n| *n < width);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => modules.get(y * width + x) == Some(&Color::Dark),
            _ => false,
        }
    };
    let whole = width + 2 * QUIET;
    let line = |row: usize| {
        let mut line = String::new();
        let mut before = None;
        for x in 0..whole {
            let cell = (dark(x, 2 * row), dark(x, 2 * row + 1));
            if before != Some(cell) {
                // The upper half is the foreground, the lower one the background.
                let colour = |dark: bool, base: u8| if dark { base } else { base + 67 };
                line.push_str(&format!("\x1b[{};{}m", colour(cell.0, 30), colour(cell.1, 40)));
                before = Some(cell);
            }
            line.push('▀');
        }
        line.push_str("\x1b[m");
        line
    };
    Some((0..whole.div_ceil(2)).map(line).collect())
}

/// The dark modules as the path of an SVG picture, with the width and height of the whole in modules:
/// the four light ones around it that the standard asks for are in it. `None`: too long for any code.
pub(crate) fn path(text: &str) -> Option<(usize, String)> {
    /// Light modules around it.
    const MARGIN: usize = 4;
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (n, module) in code.to_colors().iter().enumerate() {
        if *module == Color::Dark {
            path.push_str(&format!("M{} {}h1v1h-1z", n % width + MARGIN, n / width + MARGIN));
        }
    }
    Some((width + 2 * MARGIN, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D8: it fits a terminal of 80 × 24 with two lines below it.
    #[test]
    fn an_address_of_an_authenticator_fits() {
        let secret = "A".repeat(32);
        let address = crate::factors::otpauth(&secret, "a-quite-long-login", "Centre hospitalier universitaire");
        let lines = lines(&address).unwrap();
        assert!(lines.len() <= 22, "{} lines", lines.len());
        assert!(lines.iter().all(|line| line.matches('▀').count() <= 80));
    }
}
