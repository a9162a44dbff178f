//! Where Andon is and who calls it: the checks before anything is sent.

use std::fmt;

use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::ClientError;

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 4_096;

/// A token; it is never shown.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// Reads a token as it stands in a variable or a file.
    ///
    /// # Errors
    /// [`ClientError::Token`] when it cannot be one.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let text = text.trim();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > TOKEN_BYTES_MAX || !is_plain {
            return Err(ClientError::Token);
        }
        let mut value =
            HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| ClientError::Token)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(hidden)")
    }
}

/// Reads the address of a server: scheme and host, perhaps a path under which it is mounted.
pub(crate) fn read_address(text: &str) -> Result<Url, ClientError> {
    let refuse = |reason: &str| {
        Err(ClientError::Address {
            text: without_password(text),
            reason: reason.to_owned(),
        })
    };
    let text = text.trim();
    if !text.contains("://") {
        return refuse("it begins with neither http:// nor https://");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return refuse(&error.to_string()),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("it begins with neither http:// nor https://");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return refuse("it names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(
            "a user name or password does not belong there; the token goes into ANDON_TOKEN",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("it has a `?` or a `#`");
    }
    Ok(url)
}

fn without_password(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => {
            format!("{}{}", &text[..scheme + 3], &text[at + 1..])
        }
        _ => text.to_owned(),
    }
}

/// Encodes a text as one segment of a path: a name with a `/` in it stays one segment.
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte))
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    // A segment of dots alone would walk up the path.
    if matches!(encoded.as_str(), "." | "..") {
        encoded.replace('.', "%2E")
    } else {
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_web_address_without_a_password() {
        assert_eq!(
            read_address("http://127.0.0.1:4700").unwrap().as_str(),
            "http://127.0.0.1:4700/"
        );
        assert_eq!(
            read_address(" https://ops.acme.example/andon/ ")
                .unwrap()
                .path(),
            "/andon/"
        );
        for text in [
            "",
            "localhost:4700",
            "127.0.0.1:4700",
            "ftp://x",
            "http://",
            "http://x?y",
            "http://x#y",
        ] {
            assert!(read_address(text).is_err(), "{text}");
        }
        let error = read_address("http://maya:s3cret@host:1/")
            .unwrap_err()
            .to_string();
        assert!(
            !error.contains("s3cret") && error.contains("http://host:1/"),
            "{error}"
        );
    }

    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(segment("shop/payments"), "shop%2Fpayments");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("ü?#"), "%C3%BC%3F%23");
    }

    #[test]
    fn a_token_is_trimmed_and_hidden() {
        assert_eq!(
            format!("{:?}", Token::parse("abc\n").unwrap()),
            "Token(hidden)"
        );
        for text in ["", "  ", "a b", "a\nb", "ü"] {
            assert!(Token::parse(text).is_err(), "{text}");
        }
    }
}
