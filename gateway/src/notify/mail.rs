//! Mail: plain text, one message for each address, so that a wrong one hinders no other.

use super::lane::{Carrier, Item, Outcome, TRY};
use super::notice::Notice;
use super::webhook::secret;
use super::words::visible;
use crate::site::Site;
use config::{Mail, MailTls};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::sync::Arc;
use std::time::SystemTime;

/// The mail server of the configuration, which is looked up at each try: a reload holds at once.
pub(super) struct Post {
    site: Arc<Site>,
    /// Whether it is the second of the two.
    second: bool,
}

impl Post {
    pub(super) fn new(site: Arc<Site>, second: bool) -> Self {
        Self { site, second }
    }
}

/// The message. Its headers come from the library's builders, which let no line end through.
pub(super) fn message(notice: &Notice, from: &str, to: &str) -> Result<Message, String> {
    let address = |text: &str| text.parse().map_err(|error| format!("`{}` is no address: {error}", visible(text)));
    let domain = from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    // Nobody's out-of-office answers (RFC 3834 §5).
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    Message::builder()
        .from(address(from)?)
        .to(address(to)?)
        .subject(notice.subject())
        .date(SystemTime::from(notice.at))
        .message_id(Some(format!("<{}@{domain}>", notice.id)))
        .raw_header(automatic)
        .header(ContentType::TEXT_PLAIN)
        .body(notice.letter())
        .map_err(|error| error.to_string())
}

async fn transport(mail: &Mail) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let parameters = || TlsParameters::new(mail.host.clone()).map_err(|error| error.to_string());
    let tls = match mail.tls {
        MailTls::Implicit => Tls::Wrapper(parameters()?),
        MailTls::Starttls => Tls::Required(parameters()?),
        // The configuration lets this pass for a server on this machine alone.
        MailTls::None => Tls::None,
    };
    let domain = mail.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(mail.host.clone())
        .port(mail.port)
        .tls(tls)
        .hello_name(ClientId::Domain(domain.to_owned()))
        .timeout(Some(TRY));
    let Some((user, file)) = &mail.login else { return Ok(builder.build()) };
    let password = secret(file).await?;
    let password = std::str::from_utf8(&password).map_err(|_| format!("`{}` is not UTF-8", file.display()))?;
    Ok(builder.credentials(Credentials::new(user.clone(), password.to_owned())).build())
}

impl Carrier for Post {
    async fn carry(&self, item: &Item) -> Outcome {
        let config = self.site.config();
        let mail = if self.second { &config.notify.second_mail } else { &config.notify.mail };
        let (Some(mail), Some(to)) = (mail, &item.to) else {
            return Outcome::Never("the channel was taken out of the configuration".to_owned());
        };
        let message = match message(&item.notice, &mail.from, to) {
            Ok(message) => message,
            Err(why) => return Outcome::Never(why),
        };
        let transport = match transport(mail).await {
            Ok(transport) => transport,
            Err(why) => return Outcome::Down(why),
        };
        match transport.send(message).await {
            Ok(_) => Outcome::Done,
            Err(error) => {
                let why = visible(&error.to_string());
                if error.is_permanent() {
                    Outcome::Never(why)
                } else if error.is_transient() {
                    // The server speaks, and wants this address later: others need not wait for it.
                    Outcome::Later(why)
                } else {
                    Outcome::Down(why)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str =
        "a\r\nBcc: everybody@chu.example\r\n\r\n.\r\nQUIT\u{202e}\r\n<script>https://evil.example/requests/1";

    /// No line of a header and no end of a mail comes out of what people write.
    #[test]
    fn what_people_write_adds_no_header() {
        let notice = Notice::of_words(HOSTILE, HOSTILE);
        let text =
            String::from_utf8(message(&notice, "poterne@chu.example", "claire@chu.example").unwrap().formatted());
        let text = text.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> =
            head.lines().filter(|line| !line.starts_with(' ')).map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(
            names,
            [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "Auto-Submitted",
                "Content-Type",
                "Content-Transfer-Encoding"
            ]
        );
        assert!(!body.lines().any(|line| line.starts_with("Bcc") || line == "." || line.starts_with("QUIT")), "{body}");
        assert!(!body.contains("https://evil"), "{body}");
        assert!(body.contains("https://poterne.chu.example/requests/12"), "{body}");
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        let notice = Notice::of_words("a", "b");
        for to in ["", "claire", "claire@chu.example\r\nBcc: x@y.example", "a@b.example, c@d.example"] {
            assert!(message(&notice, "poterne@chu.example", to).is_err(), "{to}");
        }
    }

    #[test]
    fn a_mail_has_one_line_that_is_the_link() {
        let letter = Notice::of_words("Demande 12 : IRM", "PACS plein").letter();
        let links: Vec<&str> = letter.lines().filter(|line| line.contains("/requests/")).collect();
        assert_eq!(links, ["https://poterne.chu.example/requests/12"], "{letter}");
        assert!(letter.contains("Motif : PACS plein\r\n"), "{letter}");
        assert!(letter.contains("personne n'accorde rien en y répondant"), "{letter}");
    }
}
