//! Trusts the certificates of the system, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// Says that no connection can be made before one is tried.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NetworkError {
    /// Without certificates of authorities nobody can be trusted.
    #[error(
        "no CA certificates could be read; install the package ca-certificates, or set SSL_CERT_FILE to a file in PEM that the \
         bot can read"
    )]
    NoAuthorities,
}

/// The longest name of an issuer that is repeated.
const ISSUER_CHARS_MAX: usize = 100;

/// Reads the certificates.
pub(super) fn config() -> Result<ClientConfig, NetworkError> {
    // Without a provider of the whole process there is ours, which is as good.
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let verifier = Verifier::new(Arc::clone(&provider)).map_err(|_| NetworkError::NoAuthorities)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| NetworkError::NoAuthorities)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Naming(verifier)))
        .with_no_client_auth();
    Ok(config)
}

/// Says of a certificate of an unknown issuer who that is. Otherwise it is the system's verifier, and it accepts nothing
/// that this refuses.
#[derive(Debug)]
struct Naming(Verifier);

/// Says that a certificate was issued by an authority that this machine doesn't trust.
#[derive(Debug, thiserror::Error)]
#[error("the certificate's issuer is unknown")]
pub(super) struct UnknownIssuer {
    /// How the issuer calls itself, as far as it says; somebody else's text.
    pub(super) issuer: Option<String>,
}

impl ServerCertVerifier for Naming {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.map_err(|error| match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                let unknown = UnknownIssuer { issuer: issuer(end_entity) };
                Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(unknown))))
            }
            error => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Returns the name of the issuer: its common name, or else its organisation.
fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let name = certificate.issuer();
    // The last arc of 2.5.4.3 and 2.5.4.10: https://www.rfc-editor.org/rfc/rfc5280#appendix-A.1
    attribute(name, 3).or_else(|| attribute(name, 10))
}

/// Returns an attribute of a distinguished name in DER: the identifier 2.5.4.x, and behind it a string of less than 128
/// bytes.
fn attribute(name: &[u8], arc: u8) -> Option<String> {
    let identifier = [0x06, 0x03, 0x55, 0x04, arc];
    let at = name.windows(identifier.len()).position(|window| window == identifier)?;
    let [_kind, length, rest @ ..] = &name[at + identifier.len()..] else { return None };
    let text = String::from_utf8_lossy(rest.get(..usize::from(*length))?);
    // Anyone on the wire can choose it.
    let plain = |c: &char| !c.is_control() && (c.is_alphanumeric() || c.is_ascii());
    let text: String = text.chars().filter(plain).take(ISSUER_CHARS_MAX).collect();
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}
