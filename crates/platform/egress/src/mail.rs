//! Mail over SMTP (RFC 5321), by lettre.

use std::time::Duration;

use lettre::message::{Mailbox, MultiPart, header};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::SendError;

/// Where mail is given to.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// `smtp://host:port` (plain), `smtps://user:password@host:port` (TLS), `smtp://…?tls=required` (STARTTLS).
    pub url: String,
    /// The sender, for example `Andon <andon@example.org>`.
    pub from: String,
}

/// A mail to one person.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The receiver's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text for every reader.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The identity, the same for each try: receivers drop the second copy.
    pub message_id: String,
}

pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    pub(crate) fn new(settings: &MailSettings) -> Result<Self, SendError> {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.url)
            .map_err(|error| SendError::permanent(format!("the SMTP URL is not understood: {error}")))?
            .timeout(Some(Duration::from_secs(10)))
            .build();
        let from = settings
            .from
            .parse()
            .map_err(|error| SendError::permanent(format!("the sender's address is not understood: {error}")))?;
        Ok(Self { transport, from })
    }

    pub(crate) async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let to: Address =
            mail.to.parse().map_err(|_| SendError::permanent(format!("`{}` is no mail address", mail.to)))?;
        let domain = self.from.email.domain().to_owned();
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.replace(['\r', '\n'], " "))
            .header(header::MIME_VERSION_1_0)
            .message_id(Some(format!("<{}@{domain}>", mail.message_id)))
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|error| SendError::permanent(error.to_string()))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(SendError::permanent(error.to_string())),
            Err(error) => Err(SendError::passing(error.to_string())),
        }
    }
}
