//! Where servers on other machines are admitted, and the keys on both sides.
//!
//! The process of the telemetry makes its key and the token at its first start and keeps them. A token that is taken
//! away is made anew at the next start; the old one is not valid then.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_api::{ErrorCode, Problem};
use andon_objects::{Ids, SystemClock};
use andon_remote::{Fingerprint, Key, Token};
use serde::{Deserialize, Serialize};

use crate::bootstrap::{kept_key, write_private};

/// The longest token, with its comments.
const TOKEN_BYTES: u64 = 4 << 10;

/// Where servers on other machines are admitted. Names files; holds no secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DoorPlan {
    /// The address.
    pub(crate) address: String,
    /// The file of the key.
    pub(crate) key: PathBuf,
    /// The file of the token.
    pub(crate) token: PathBuf,
}

impl DoorPlan {
    pub(crate) fn new(address: &str, data: &Path, token: Option<&Path>) -> Self {
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let token = token.map_or_else(|| data.join("telemetry.token"), Path::to_owned);
        Self { address: address.to_owned(), key: whole(&data.join("telemetry.key")), token: whole(&token) }
    }

    /// Gives the key of this side and whom it admits; makes both where they are not there.
    ///
    /// # Errors
    /// `SYS-0001` when a file cannot be read or written, `REQ-0001` when the token is not for this key.
    pub(crate) fn keys(&self) -> Result<(Key, Fingerprint), Problem> {
        let ids = Ids::new(Arc::new(SystemClock));
        let key = Key::new(kept_key(&self.key, || hex::encode(ids.new_key()))?);
        let own = fingerprint(&key)?;
        if !self.token.exists() {
            let fresh = Token { telemetry: own, server: Key::new(ids.new_key()) };
            write_private(&self.token, fresh.reveal().as_bytes()).map_err(|error| unusable(&self.token, &error.to_string()))?;
            tracing::info!(token = %self.token.display(), "a token for the server is made");
        }
        let token = read_token(&self.token)?;
        if token.telemetry != own {
            let problem = unusable(&self.token, "it is the token of another telemetry process");
            return Err(problem.hint("Remove the file: a new one is made at the next start. Then give it to the server."));
        }
        Ok((key, fingerprint(&token.server)?))
    }
}

fn fingerprint(key: &Key) -> Result<Fingerprint, Problem> {
    key.fingerprint().map_err(Problem::internal)
}

/// Reads the file of a token.
///
/// # Errors
/// `REQ-0001` when it is not there or is none.
pub(crate) fn read_token(path: &Path) -> Result<Token, Problem> {
    let unreadable = |error: std::io::Error| {
        unusable(path, &error.to_string()).hint("Copy the file that the role `telemetry` made: `telemetry.token` in its data directory.")
    };
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if about.len() > TOKEN_BYTES {
        return Err(unusable(path, "it is too long for a token"));
    }
    if about.permissions().mode() & 0o077 != 0 {
        tracing::warn!(token = %path.display(), "others may read the telemetry token: `chmod 600` keeps it from them");
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    Token::parse(&text).map_err(|why| unusable(path, &why).hint("Copy the whole file that the role `telemetry` made."))
}

fn unusable(path: &Path, why: &str) -> Problem {
    Problem::new(ErrorCode::RequestInvalid, format!("The telemetry token {} cannot be used: {why}.", path.display())).place("--telemetry-token")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_a_token_that_is_taken_away_is_made_anew() {
        let folder = std::env::temp_dir().join(format!("andon-door-{}", std::process::id()));
        let plan = DoorPlan::new("127.0.0.1:0", &folder, None);
        let (key, admits) = plan.keys().unwrap();
        assert_eq!(plan.keys().unwrap(), (key.clone(), admits));
        for file in [&plan.key, &plan.token] {
            assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(read_token(&plan.token).unwrap().telemetry, key.fingerprint().unwrap());
        std::fs::remove_file(&plan.token).unwrap();
        let (same, other) = plan.keys().unwrap();
        assert_eq!(same, key);
        assert_ne!(other, admits, "the old token is not valid any more");
        std::fs::remove_file(&plan.key).unwrap();
        assert!(plan.keys().unwrap_err().detail.contains("another telemetry process"));
        assert!(read_token(&folder.join("none")).unwrap_err().hint.is_some());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
