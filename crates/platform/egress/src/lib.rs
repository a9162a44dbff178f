//! The only way out of Andon: a guarded HTTP client, a mailer and buckets of S3 servers.
//!
//! Invariants: every call has a deadline and a limit on what it reads; addresses that serve cloud
//! metadata are never called; private networks are called by configuration alone; redirects are not
//! followed. A failure says whether trying again can help.

mod bucket;
mod bucket_answer;
mod guard;
mod mail;
mod signature;
mod web;

pub use bucket::{Bucket, BucketKey, BucketSettings, ObjectHead};
pub use bucket_answer::BucketError;
pub use guard::Networks;
pub use mail::{Mail, MailSettings};
pub use web::Answer;

use std::sync::Arc;

use thiserror::Error;

/// Why something could not be sent.
#[derive(Clone, Debug, Error)]
#[error("{text}")]
pub struct SendError {
    /// What happened, for people.
    pub text: String,
    /// Whether the same message can never be taken.
    pub permanent: bool,
}

impl SendError {
    pub(crate) fn permanent(text: impl Into<String>) -> Self {
        Self { text: text.into(), permanent: true }
    }

    pub(crate) fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), permanent: false }
    }
}

/// The way out. Cheap to clone.
#[derive(Clone)]
pub struct Egress {
    web: web::Web,
    mailer: Option<Arc<mail::Mailer>>,
}

impl Egress {
    /// Makes the way out.
    ///
    /// # Errors
    /// When the settings of mail or TLS make no sense.
    pub fn new(networks: Networks, mail: Option<&MailSettings>) -> Result<Self, SendError> {
        let mailer = mail.map(mail::Mailer::new).transpose()?.map(Arc::new);
        Ok(Self { web: web::Web::new(networks)?, mailer })
    }

    /// Sends a mail; it has been taken by the server when this returns.
    ///
    /// # Errors
    /// Permanent when no mail server is configured, an address is invalid or the server refuses for good.
    pub async fn send_mail(&self, mail: &Mail) -> Result<(), SendError> {
        match &self.mailer {
            Some(mailer) => mailer.send(mail).await,
            None => Err(SendError::permanent("no mail server is configured (start with --smtp)")),
        }
    }

    /// Tells whether a mail server is configured.
    pub fn has_mail(&self) -> bool {
        self.mailer.is_some()
    }

    /// Posts a body and reads at most 64 KiB of the answer.
    ///
    /// # Errors
    /// Permanent for a refused address and for 4xx other than 408, 425 and 429; passing otherwise.
    pub async fn post(&self, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Answer, SendError> {
        self.web.post(url, headers, body).await
    }

    /// Reads at most 64 KiB from an address.
    ///
    /// # Errors
    /// As [`Egress::post`].
    pub async fn get(&self, url: &str) -> Result<Answer, SendError> {
        self.web.get(url).await
    }
}
