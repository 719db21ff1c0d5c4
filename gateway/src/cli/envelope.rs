//! The sealed envelope: its paper, and an approval by one of its codes.

use super::args::{BreakGlassVerb, ProofFlags};
use super::commands::{Outcome, ask};
use super::crisis::{list, text};
use super::{output, secrets};
use lifecycle::order::{Failure, Hidden, Order, Proof, exit};
use serde_json::Value;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

pub(super) fn carry_out(main: &Path, verb: BreakGlassVerb) -> Outcome {
    match verb {
        BreakGlassVerb::Print { count, output: to } => {
            // Before a code exists: one that can be shown nowhere would void the old ones for nothing.
            let sheet = to.map(Sheet::make).transpose()?;
            let answer = ask(main, &Order::BreakGlassPrint { count })?;
            let paper = paper(&answer);
            let Some(sheet) = sheet else {
                output::say(paper.trim_end());
                return Ok(());
            };
            let shown = sheet.path.display().to_string();
            sheet.fill(&paper).map_err(|error| {
                // It is in force: whatever stood on paper before is void.
                output::say(paper.trim_end());
                let text = format!(
                    "`{shown}`: {error}; so the new paper is printed above, this once: keep it. The old envelope is void"
                );
                Failure::new(exit::IO, text)
            })?;
            output::say(&format!("print `{shown}`, seal it, and remove the file"));
            Ok(())
        }
        BreakGlassVerb::Approve { number, code, verified, minutes, proof } => {
            let mut read = secrets::read(&["password", "one-time code", "code of the envelope"])?.into_iter();
            let (Some(password), Some(fresh), Some(sealed)) = (read.next(), read.next(), read.next()) else {
                return Err(Failure::new(exit::NO_INPUT, "password, one-time code and the envelope's code are needed"));
            };
            let proof = whole(proof, password, fresh);
            let order = Order::BreakGlassApprove { number, proof, sealed, code, verified, rights: None, minutes };
            let answer = ask(main, &order)?;
            let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
            match count("approvals_missing") {
                0 => output::say(&format!("intervention {number} is approved; everybody was told")),
                more => output::say(&format!("noted; intervention {number} needs {more} more approval(s)")),
            }
            if let Some(code) = answer.get("code").and_then(Value::as_str) {
                output::say(&format!("planned code, shown this once: {code}"));
            }
            output::say(&format!(
                "the envelope is open: {} code(s) left; `poterne break-glass print` makes a new one",
                count("codes_left")
            ));
            Ok(())
        }
    }
}

fn whole(flags: ProofFlags, password: Hidden, code: Hidden) -> Proof {
    Proof { staff: flags.staff, password, code, signed_in: false, source: None }
}

/// Longer than any paper: twenty codes and the words around them.
const ROOM: [u8; 8192] = [b' '; 8192];

/// A new file that only its owner can read, with room on the disk for the paper.
struct Sheet {
    file: File,
    path: PathBuf,
}

impl Sheet {
    /// Makes it, or leaves nothing behind.
    fn make(path: PathBuf) -> Result<Self, Failure> {
        let wrong = |error: std::io::Error| Failure::new(exit::IO, format!("`{}`: {error}", path.display()));
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(wrong)?;
        if let Err(error) = take_room(&mut file) {
            let _ = std::fs::remove_file(&path);
            return Err(wrong(error));
        }
        Ok(Self { file, path })
    }

    /// Writes the paper over the blanks. Where that fails nothing of it is left.
    fn fill(mut self, paper: &str) -> std::io::Result<()> {
        let written = fill(&mut self.file, paper);
        if written.is_err() {
            let _ = std::fs::remove_file(&self.path);
        }
        written
    }
}

fn take_room(file: &mut File) -> std::io::Result<()> {
    file.write_all(&ROOM)?;
    file.sync_all()
}

fn fill(file: &mut File, paper: &str) -> std::io::Result<()> {
    file.rewind()?;
    file.write_all(paper.as_bytes())?;
    file.set_len(paper.len() as u64)?;
    file.sync_all()
}

/// What goes into the envelope: French first.
fn paper(answer: &Value) -> String {
    let (site, console) = (output::visible(text(answer, "site")), text(answer, "console"));
    let printed = text(answer, "printed").parse().map_or_else(|_| String::new(), output::here);
    let mut page = format!(
        "POTERNE - {site}\n\
         ENVELOPPE SCELLEE : codes de secours          SEALED ENVELOPE: break-glass codes\n\
         imprime / printed {printed}\n\n\
         Quand aucune console ne marche ({console}) :\n\
         1. Appelez le prestataire au numero du contrat ; il vous lit le code de son ecran.\n\
         2. Sur le bastion : poterne break-glass approve N --code CODE --verified called --as VOUS\n\
         3. Tapez votre mot de passe, votre code a six chiffres, puis UN code ci-dessous. Rayez-le.\n\
         Un code remplace la console, jamais une personne : il faut toujours un approbateur de cet\n\
         equipement, ses deux facteurs, l'enregistrement et la surveillance. Tout le monde est prevenu.\n\n\
         When no console works:\n\
         1. Call the company at the number of its contract; they read you the code on their screen.\n\
         2. On the bastion: poterne break-glass approve N --code CODE --verified called --as YOU\n\
         3. Type your password, your six-digit code, then ONE code below. Strike it out.\n\
         A code stands in for the console, never for a person: it still takes an approver of that\n\
         equipment, both factors, the recording and the watching. Everybody is told.\n\n"
    );
    for (n, code) in list(answer, "codes").iter().enumerate() {
        page.push_str(&format!("  {:>2}.  {}     [ ]\n", n + 1, code.as_str().unwrap_or_default()));
    }
    page.push_str(
        "\nUne enveloppe ouverte est remplacee : `poterne break-glass print` annule tous ces codes.\n\
         An opened envelope is replaced: `poterne break-glass print` voids all of these codes.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EMG-03: room is taken before the old codes are void; a full disk is told of then, and leaves no empty file.
    #[test]
    fn a_paper_has_its_room_before_its_codes() {
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(take_room(&mut full).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("paper");
        let codes: Vec<String> = (0..20).map(|n| format!("AAAAA-AAAAA-AAAAA-AAA{n:02}")).collect();
        let answer = serde_json::json!({ "site": "CHU", "console": "https://x", "printed": "", "codes": codes });
        let paper = paper(&answer);
        assert!(paper.len() < ROOM.len() / 2, "{}", paper.len());
        let sheet = Sheet::make(path.clone()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), ROOM.len() as u64);
        sheet.fill(&paper).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), paper);
        assert_eq!(Sheet::make(path).map(|_| ()).unwrap_err().exit, exit::IO, "an older paper is not written over");
        let path = folder.path().join("lost");
        let sheet = Sheet { file: File::options().write(true).open("/dev/full").unwrap(), path: path.clone() };
        std::fs::write(&path, "blank").unwrap();
        assert!(sheet.fill(&paper).is_err() && !path.exists());
    }
}
