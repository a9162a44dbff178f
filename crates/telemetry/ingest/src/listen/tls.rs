//! TLS for syslog (RFC 5425).

use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;

use crate::listen::TlsOptions;

/// Reads certificate and key; the error names the file.
pub(crate) fn acceptor(options: &TlsOptions) -> Result<TlsAcceptor, String> {
    let unreadable = |path: &std::path::Path, error: &dyn std::fmt::Display| format!("{} cannot be used: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(&options.certificate)
        .and_then(|chain| chain.collect::<Result<Vec<_>, _>>())
        .map_err(|error| unreadable(&options.certificate, &error))?;
    if chain.is_empty() {
        return Err(unreadable(&options.certificate, &"it holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&options.key).map_err(|error| unreadable(&options.key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| format!("certificate and key do not go together: {error}"))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
