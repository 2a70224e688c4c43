//! Encryption of the binlog connection, in the five modes that MySQL's own clients know.
//!
//! The modes that don't look at the certificate protect against listeners only, as MySQL's do; a
//! server's self-made certificate would fail any check.

use crate::connect::{ConnectOptions, TlsMode};
use crate::packet::Socket;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};

/// Puts TLS around a socket. The error is a sentence for the operator.
pub(crate) async fn encrypt(
    socket: Box<dyn Socket>,
    options: &ConnectOptions,
) -> Result<Box<dyn Socket>, String> {
    let connector = TlsConnector::from(Arc::new(configuration(options)?));
    let name = ServerName::try_from(options.host.clone()).map_err(|error| error.to_string())?;
    let stream = connector
        .connect(name, socket)
        .await
        .map_err(|error| error.to_string())?;
    Ok(Box::new(stream))
}

fn configuration(options: &ConnectOptions) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let check = match options.tls {
        TlsMode::Disabled | TlsMode::Preferred | TlsMode::Required => Check::Nothing,
        TlsMode::VerifyAuthority => Check::Authority(authorities(options, &provider)?),
        TlsMode::VerifyIdentity => Check::Identity(authorities(options, &provider)?),
    };
    let verifier = Verifier {
        check,
        provider: Arc::clone(&provider),
    };
    let configuration = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(configuration)
}

fn authorities(
    options: &ConnectOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    match &options.tls_authority_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let unreadable = |reason: String| format!("{} can't be used: {reason}", file.display());
            let certificates = CertificateDer::pem_file_iter(file)
                .map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("it holds no certificate in PEM form".to_owned()));
            }
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())
}

#[derive(Debug)]
enum Check {
    Nothing,
    Authority(Arc<WebPkiServerVerifier>),
    Identity(Arc<WebPkiServerVerifier>),
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match &self.check {
            Check::Nothing => Ok(ServerCertVerified::assertion()),
            Check::Identity(verifier) => {
                verifier.verify_server_cert(certificate, intermediates, name, ocsp_response, now)
            }
            Check::Authority(verifier) => {
                // The name is looked at last: a certificate that only fails by its name is good.
                match verifier.verify_server_cert(
                    certificate,
                    intermediates,
                    name,
                    ocsp_response,
                    now,
                ) {
                    Err(TlsError::InvalidCertificate(
                        CertificateError::NotValidForName
                        | CertificateError::NotValidForNameContext { .. },
                    )) => Ok(ServerCertVerified::assertion()),
                    answer => answer,
                }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        match &self.check {
            Check::Nothing => Ok(HandshakeSignatureValid::assertion()),
            Check::Authority(verifier) | Check::Identity(verifier) => {
                verifier.verify_tls12_signature(message, certificate, signature)
            }
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        match &self.check {
            Check::Nothing => Ok(HandshakeSignatureValid::assertion()),
            Check::Authority(verifier) | Check::Identity(verifier) => {
                verifier.verify_tls13_signature(message, certificate, signature)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
