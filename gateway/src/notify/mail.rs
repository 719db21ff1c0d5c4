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
}

impl Post {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
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
        let (Some(mail), Some(to)) = (&config.notify.mail, &item.to) else {
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
