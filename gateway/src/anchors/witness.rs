//! Witnesses by C2SP `tlog-witness`: each is given the newest checkpoint with the proof that it
//! continues the last one, and signs only if it does.

use super::keep::{NOTE, last_note};
use super::{Given, Trouble};
use crate::site::Site;
use config::Witness;
use data_encoding::BASE64;
use journal::{Checkpoint, WitnessKey};
use lifecycle::Rollbacks;
use std::sync::Arc;
use std::time::Duration;

/// Longest answer: a few signature lines.
const LONGEST: usize = 16 << 10;
/// How long one request may take.
const TRY: Duration = Duration::from_secs(10);

/// Gives it the newest checkpoint. Where it remembers another size, it is asked once more from there.
pub(super) async fn give(site: &Arc<Site>, name: &str, witness: &Witness, known: &Rollbacks) -> Result<Given, Trouble> {
    let key: WitnessKey = witness.key.parse().map_err(|error: journal::NoteError| error.to_string())?;
    let last = last_note(site, name).and_then(|note| Checkpoint::verify(&note, site.archive.key()).ok());
    let mut old = last.map_or(0, |last| last.size);
    for _ in 0..2 {
        let (body, note, size) = request(site, old).await?;
        let (status, answer) =
            post(&format!("{}add-checkpoint", witness.url), None, body.into_bytes(), LONGEST).await?;
        let answer = String::from_utf8(answer).map_err(|_| "the witness's answer is no text".to_owned())?;
        match (status, answer) {
            (200, lines) => {
                let cosigned = format!("{note}{lines}");
                // A signature that does not hold anchors nothing.
                key.cosigned(&cosigned).map_err(|error| format!("the witness's answer: {error}"))?;
                return Ok(Given { size, kept: vec![(NOTE, cosigned.into_bytes())] });
            }
            (409, text) => {
                let theirs = text.trim().parse::<u64>().map_err(|_| "the witness names no size".to_owned())?;
                if theirs > size || theirs == old {
                    return Err(contradiction(known, name, theirs));
                }
                old = theirs;
            }
            // The proof from what it remembers does not hold: another history.
            (422, _) => return Err(contradiction(known, name, old)),
            (404, _) => {
                let origin = site.archive.key();
                return Err(Trouble::Failed(format!(
                    "the witness does not know this log: have `{origin}` added there"
                )));
            }
            (status, _) => return Err(Trouble::Failed(format!("the witness answered {status}"))),
        }
    }
    Err(Trouble::Failed("the witness changes what it remembers: somebody else speaks to it".to_owned()))
}

/// It remembers what is not here. Once that was accepted it still signs nothing of this origin.
fn contradiction(known: &Rollbacks, name: &str, size: u64) -> Trouble {
    match known.knows(name, size, "") {
        true => Trouble::Failed(
            "the witness remembers another history of this log, and will sign no more under this origin".to_owned(),
        ),
        false => Trouble::Contradicts { size, root: String::new() },
    }
}

/// The body of add-checkpoint, the checkpoint in it, and its size.
async fn request(site: &Arc<Site>, old: u64) -> Result<(String, String, u64), Trouble> {
    let site = site.clone();
    let make = move || {
        let mut reader = site.archive.open().map_err(|error| error.to_string())?;
        let (note, size) = (reader.checkpoint().to_owned(), reader.size());
        let proof = match old < size {
            true => reader.consistency(old, size).map_err(|error| error.to_string())?.unwrap_or_default(),
            false => Vec::new(),
        };
        let mut body = format!("old {}\n", old.min(size));
        for hash in proof {
            body.push_str(&BASE64.encode(&hash));
            body.push('\n');
        }
        body.push('\n');
        body.push_str(&note);
        Ok::<_, String>((body, note, size))
    };
    Ok(tokio::task::spawn_blocking(make).await.map_err(|error| error.to_string())??)
}

/// Posts; gives status and what was answered, so many bytes at most.
pub(super) async fn post(
    url: &str,
    kind: Option<&'static str>,
    body: Vec<u8>,
    longest: usize,
) -> Result<(u16, Vec<u8>), String> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TRY)
        .user_agent(concat!("poterne/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| crate::notify::chain(&error))?;
    let mut request = client.post(url).body(body);
    if let Some(kind) = kind {
        request = request.header(reqwest::header::CONTENT_TYPE, kind);
    }
    let mut answer = request.send().await.map_err(|error| crate::notify::chain(&error.without_url()))?;
    let status = answer.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| crate::notify::chain(&error.without_url()))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > longest {
            return Err("the answer is too long".to_owned());
        }
    }
    Ok((status, bytes))
}
