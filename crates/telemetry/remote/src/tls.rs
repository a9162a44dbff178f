//! Encryption between the two sides: TLS 1.3 with the key of each pinned on the other.
//!
//! Keys are raw public keys (RFC 7250): nothing is signed by anybody, so nothing expires and no authority can be
//! deceived. Who has not the one key that is expected is refused within the handshake, before a request is read.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, ServerConfig, SignatureScheme};

use crate::token::{Fingerprint, Key, Token};

/// Makes the side of the server.
pub(crate) fn client(token: &Token) -> Result<ClientConfig, Error> {
    let own = AlwaysResolvesClientRawPublicKeys::new(certified(&token.server)?);
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Only(token.telemetry)))
        .with_client_cert_resolver(Arc::new(own));
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Makes the side of the telemetry process, which admits one key alone.
pub(crate) fn server(own: &Key, admitted: Fingerprint) -> Result<ServerConfig, Error> {
    let own = AlwaysResolvesServerRawPublicKeys::new(certified(own)?);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(Only(admitted)))
        .with_cert_resolver(Arc::new(own));
    // Every connection proves its key.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certified(key: &Key) -> Result<Arc<CertifiedKey>, Error> {
    let signing = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(key.pkcs8()))?;
    let public = signing.public_key().ok_or_else(|| Error::General("the key has no public part".to_owned()))?;
    Ok(Arc::new(CertifiedKey::new(vec![CertificateDer::from(public.to_vec())], signing)))
}

impl Key {
    /// Works out the fingerprint of the public part.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub fn fingerprint(&self) -> Result<Fingerprint, String> {
        let certified = certified(self).map_err(|error| error.to_string())?;
        certified.cert.first().map(|public| Fingerprint::of(public)).ok_or_else(|| "the key has no public part".to_owned())
    }
}

/// Takes one key and no other.
#[derive(Debug)]
struct Only(Fingerprint);

impl Only {
    fn check(&self, key: &CertificateDer<'_>) -> Result<(), Error> {
        if Fingerprint::of(key) == self.0 { Ok(()) } else { Err(CertificateError::ApplicationVerificationFailure.into()) }
    }

    fn check_signature(message: &[u8], key: &CertificateDer<'_>, signed: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signed, &ring::default_provider().signature_verification_algorithms)
    }
}

const SCHEMES: [SignatureScheme; 1] = [SignatureScheme::ED25519];
/// TLS 1.2 is not offered.
const OLD: Error = Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedCipherSuite);

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self, key: &CertificateDer<'_>, _more: &[CertificateDer<'_>], _name: &ServerName<'_>, _stapled: &[u8], _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(key).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(&self, _message: &[u8], _key: &CertificateDer<'_>, _signed: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        Err(OLD)
    }

    fn verify_tls13_signature(&self, message: &[u8], key: &CertificateDer<'_>, signed: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        Self::check_signature(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Only {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(&self, key: &CertificateDer<'_>, _more: &[CertificateDer<'_>], _now: UnixTime) -> Result<ClientCertVerified, Error> {
        self.check(key).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(&self, _message: &[u8], _key: &CertificateDer<'_>, _signed: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        Err(OLD)
    }

    fn verify_tls13_signature(&self, message: &[u8], key: &CertificateDer<'_>, signed: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        Self::check_signature(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
