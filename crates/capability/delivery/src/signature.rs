//! Signatures of forges' webhooks, checked on the raw bytes before anything is parsed.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Tells whether `X-Hub-Signature-256` was made over these bytes with this secret, in constant time.
pub(crate) fn is_signed(secret: &str, body: &[u8], header: Option<&str>) -> bool {
    let Some(digest) = header.and_then(|header| header.trim().strip_prefix("sha256=")) else {
        return false;
    };
    let (Ok(digest), Ok(mut mac)) = (hex::decode(digest), Hmac::<Sha256>::new_from_slice(secret.as_bytes())) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&digest).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "It's a Secret to Everybody";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_vector_that_github_publishes_fits() {
        assert!(is_signed(SECRET, b"Hello, World!", Some(SIGNATURE)));
    }

    #[test]
    fn a_forged_missing_or_shortened_signature_does_not_fit() {
        assert!(!is_signed(SECRET, b"Hello, World?", Some(SIGNATURE)));
        assert!(!is_signed("another secret", b"Hello, World!", Some(SIGNATURE)));
        assert!(!is_signed(SECRET, b"Hello, World!", None));
        for bad in ["", "sha256=", "sha1=757107ea", "sha256=757107ea", "sha256=zz", &SIGNATURE[..70]] {
            assert!(!is_signed(SECRET, b"Hello, World!", Some(bad)), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_check_fail_otherwise(header in ".{0,100}", body in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert!(!is_signed(SECRET, &body, Some(&header)));
        }
    }
}
