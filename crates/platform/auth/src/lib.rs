//! Who calls, and which rule allows it.
//!
//! Tokens are 256 random bits and stored as SHA-256 alone; a session is a short token in a cookie.
//! Whether a call is allowed is decided by Cedar over a small built-in set of rules, whose names go
//! into the ledger with each event.
//!
//! Absent on purpose: passwords, single sign-on, second factors (they come with the identity room).

mod rules;
mod tokens;

pub use rules::{Authorizer, Decision, Target};
pub use tokens::{MIGRATIONS, NewToken, TokenInfo, Tokens};

use andon_api::event::Actor;
use andon_api::{ErrorCode, ObjectRef, Problem};

/// The roles that a token can carry.
pub const ROLES: [&str; 5] = ["administrator", "engineer", "reader", "reporter", "ingest"];

/// Whoever makes a call.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// Who acts, as the ledger names them.
    pub actor: Actor,
    /// The person, where the token belongs to one.
    pub user: Option<ObjectRef>,
    /// The roles of the token.
    pub roles: Vec<String>,
    /// The groups of the person, ancestors included.
    pub groups: Vec<ObjectRef>,
    /// The token, to revoke it by.
    pub token_id: Option<String>,
}

impl Caller {
    /// Makes the caller that has not signed in.
    pub fn anonymous(origin: &str) -> Self {
        let actor = Actor { principal: "anonymous".to_owned(), on_behalf_of: None, origin: origin.to_owned() };
        Self { actor, ..Self::default() }
    }

    /// Tells whether the caller has signed in.
    pub fn is_signed_in(&self) -> bool {
        self.token_id.is_some()
    }

    /// Tells whether the caller has a role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// Refuses a caller who has not signed in.
    ///
    /// # Errors
    /// `AUT-0001`.
    pub fn require_signed_in(&self) -> Result<(), Problem> {
        if self.is_signed_in() {
            Ok(())
        } else {
            Err(Problem::new(ErrorCode::NotSignedIn, "This call needs a token.")
                .hint("Send `Authorization: Bearer <token>`; the CLI reads ANDON_TOKEN."))
        }
    }
}
