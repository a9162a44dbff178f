//! The link of a page: a secret that leads one person to one alert for some days.
//!
//! The secret travels in the page and is never stored; its SHA-256 is. A link shows the alert and
//! lets its person acknowledge it, and nothing else.

use andon_api::error::{ErrorCode, Problem};
use andon_api::object::ObjectRef;
use andon_module::World;
use andon_objects::Tx;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use crate::limits::LINK_MS;
use crate::table::{self, LinkRow};

/// Characters of a secret, as the platform makes them.
const SECRET_CHARS: usize = 43;

/// Makes the link good for an alert and a person.
pub(crate) async fn admit(tx: &mut Tx, secret: &str, alert: &ObjectRef, user: &ObjectRef) -> Result<(), Problem> {
    let now = tx.now();
    let expires_at = now.checked_add(SignedDuration::from_millis(LINK_MS)).unwrap_or(now);
    table::insert_link(tx, &digest(secret), &LinkRow { alert: alert.clone(), user: user.clone(), expires_at }).await
}

/// Finds the alert and the person of a link.
///
/// # Errors
/// `RSP-0003` when it is damaged or has expired; the same words for both, so that guessing tells nothing.
pub(crate) async fn open(world: &World, secret: &str) -> Result<LinkRow, Problem> {
    let refuse = || {
        Problem::new(ErrorCode::PageLinkInvalid, "This link leads nowhere, or no longer.")
            .hint("Sign in to see the alert; the link of a newer page works, too.")
    };
    if secret.len() != SECRET_CHARS {
        return Err(refuse());
    }
    let link = table::link(&world.store, &digest(secret)).await?.ok_or_else(refuse)?;
    if link.expires_at <= world.now() { Err(refuse()) } else { Ok(link) }
}

fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}
