//! TLS by rustls: certificate and key from files, HTTP/2 and HTTP/1.1 by ALPN.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why there is no TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(pub String);

/// Reads a certificate chain and its key, both PEM.
///
/// # Errors
/// Which file is unreadable, or what is wrong in it.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(&contents(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError(format!("{}: {error}", certificate.display())))?;
    if certificates.is_empty() {
        return Err(TlsError(format!("{} has no certificate", certificate.display())));
    }
    let private = PrivateKeyDer::from_pem_slice(&contents(key)?)
        .map_err(|error| TlsError(format!("{}: {error}", key.display())))?;
    let refused = |error: tokio_rustls::rustls::Error| TlsError(error.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .map_err(refused)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn contents(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError(format!("{}: {error}", path.display())))
}
