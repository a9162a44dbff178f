//! What lets one server use one telemetry process over a network: each side has a key, and knows the other's.
//!
//! The telemetry process keeps its own key. The token names it by its fingerprint and holds the server's key: whoever
//! has the token is a server. Pure; where keys come from and lie is told from outside.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// What Ed25519 keys look like before their seed (PKCS #8, RFC 8410).
const PRIVATE: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What stands before a fingerprint.
const SHA256: &str = "sha256:";

/// The SHA-256 of a public key (its SubjectPublicKeyInfo).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Works out the fingerprint of a public key.
    pub(crate) fn of(public_key: &[u8]) -> Self {
        Self(Sha256::digest(public_key).into())
    }

    fn parse(text: &str) -> Option<Self> {
        bytes(text.strip_prefix(SHA256)?).map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SHA256}{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The private key of one side. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// Makes the key of a secret, which must be random.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Reads a key as [`Key::reveal`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        bytes(text.trim()).map(Self)
    }

    /// Gives the secret as a file keeps it.
    #[must_use]
    pub fn reveal(&self) -> String {
        hex::encode(self.0)
    }

    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        [&PRIVATE[..], &self.0].concat()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(secret)")
    }
}

/// What a server needs to use a telemetry process over a network. Its secret is never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Whom it is for: the telemetry process and nobody in between.
    pub telemetry: Fingerprint,
    /// What proves that its holder is the server.
    pub server: Key,
}

impl Token {
    /// Reads the file of a token.
    ///
    /// # Errors
    /// What is wrong with it; never its text, which may hold a secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let value = |name: &str| {
            let found = lines.clone().find_map(|line| line.strip_prefix(name)?.strip_prefix(char::is_whitespace));
            found.map(str::trim).ok_or_else(|| format!("it has no line `{name}`"))
        };
        let telemetry = Fingerprint::parse(value("fingerprint")?).ok_or("its fingerprint is none: `sha256:` and 64 hexadecimal digits")?;
        let server = Key::parse(value("secret")?).ok_or("its secret is none: 64 hexadecimal digits")?;
        Ok(Self { telemetry, server })
    }

    /// Gives the file of a token, with its secret.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!(
            "# The telemetry token: whoever has this file reads and writes every log line. Give it to the server alone:\n\
             # andon serve --role server --telemetry-at HOST:PORT --telemetry-token FILE\n\
             fingerprint {}\nsecret {}\n",
            self.telemetry,
            self.server.reveal(),
        )
    }
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    hex::decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_never_shown() {
        let token = Token { telemetry: Fingerprint::of(b"key"), server: Key::new([7; 32]) };
        assert_eq!(Token::parse(&token.reveal()), Ok(token.clone()));
        assert!(!format!("{token:?}").contains("0707"));
        let text = token.reveal();
        for (broken, why) in [
            (text.replace("fingerprint ", "finger "), "no line `fingerprint`"),
            (text.replace("sha256:", "sha1:"), "fingerprint is none"),
            (text.replace("secret 07", "secret "), "secret is none"),
            (String::new(), "no line `fingerprint`"),
        ] {
            let error = Token::parse(&broken).unwrap_err();
            assert!(error.contains(why) && !error.contains("0707"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _any = Token::parse(&text);
            let _any = Token::parse(&format!("fingerprint {text}\nsecret {text}"));
        }
    }
}
