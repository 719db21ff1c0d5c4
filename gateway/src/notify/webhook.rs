//! Posting to a webhook: JSON, signed, over verified TLS, to the address of the configuration alone.

use super::lane::{Carrier, Item, Outcome, TRY};
use super::words::visible;
use crate::site::Site;
use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

/// The header that carries the signature: `t=<seconds since 1970>,v1=<HMAC-SHA256 in hexadecimal>`.
const SIGNATURE: &str = "poterne-signature";

/// One webhook of the configuration, which is looked up at each try: a reload holds at once.
pub(super) struct Hook {
    site: Arc<Site>,
    name: String,
    client: OnceCell<reqwest::Client>,
}

impl Hook {
    pub(super) fn new(site: Arc<Site>, name: String) -> Self {
        Self { site, name, client: OnceCell::new() }
    }
}

/// The signature over an instant and a body: what stands in the header. The instant is signed with
/// it, so that an old post cannot be sent again as a new one.
pub(super) fn signature(key: &[u8], seconds: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(seconds.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    format!("t={seconds},v1={}", HEXLOWER.encode(context.sign().as_ref()))
}

/// A secret of a file, without the line end that editors leave. Read at each try: a new one holds at
/// once, and none stays in memory.
pub(super) async fn secret(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let read = tokio::fs::read(file).await.map(Zeroizing::new);
    let bytes = read.map_err(|error| format!("`{}` cannot be read: {error}", file.display()))?;
    Ok(Zeroizing::new(bytes.trim_ascii().to_vec()))
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        // Where it leads is the configuration's to say, not the answer's.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TRY)
        .user_agent(concat!("poterne/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl Carrier for Hook {
    async fn carry(&self, item: &Item) -> Outcome {
        let config = self.site.config();
        let Some(hook) = config.notify.webhooks.get(&self.name) else {
            return Outcome::Never("the channel was taken out of the configuration".to_owned());
        };
        let key = match secret(&hook.key_file).await {
            Ok(key) => key,
            Err(why) => return Outcome::Down(why),
        };
        let client = match self.client.get_or_try_init(|| async { client() }).await {
            Ok(client) => client,
            Err(error) => return Outcome::Down(chain(&error)),
        };
        let body = item.notice.to_json().to_string();
        let signed = signature(&key, self.site.clock.now().as_second(), body.as_bytes());
        let request = client
            .post(&hook.url)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signed)
            .body(body);
        match request.send().await {
            // The answer's status is all that is read of it; the rest goes with the connection.
            Ok(answer) => judge(answer.status()),
            // The address may hold a secret, and this is logged.
            Err(error) => Outcome::Down(chain(&error.without_url())),
        }
    }
}

/// What an answer means.
fn judge(status: reqwest::StatusCode) -> Outcome {
    let said = format!("the answer was {status}");
    match status.as_u16() {
        200..=299 => Outcome::Done,
        // Too slow, too early, too many: later is better.
        408 | 425 | 429 => Outcome::Down(said),
        300..=399 => Outcome::Never(format!("{said}: redirects are not followed, write the final address")),
        400..=499 => Outcome::Never(said),
        _ => Outcome::Down(said),
    }
}

/// An error with what caused it: the reason stands at the end.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    visible(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reckoned with `openssl dgst -sha256 -hmac`, as docs/operations/notify.md shows.
    #[test]
    fn the_signature_is_that_of_openssl() {
        let key = b"0123456789abcdef0123456789abcdef";
        assert_eq!(
            signature(key, 1_764_000_000, b"{\"event\":\"test\"}"),
            "t=1764000000,v1=0fcfb7d150901ed68b6b3d17a479c648be2e904a28ed7ac14b9aea425362ce0f"
        );
    }

    #[test]
    fn an_answer_says_whether_to_try_again() {
        let judged = |status| judge(reqwest::StatusCode::from_u16(status).unwrap());
        assert_eq!(judged(204), Outcome::Done);
        for status in [500, 502, 503, 429, 408] {
            assert!(matches!(judged(status), Outcome::Down(_)), "{status}");
        }
        for status in [301, 302, 307, 400, 401, 404, 410] {
            assert!(matches!(judged(status), Outcome::Never(_)), "{status}");
        }
    }
}
