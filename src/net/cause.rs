//! Sorts the errors of a connection that could not be made into causes, and says how each is fixed.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use rustls::CertificateError;

use super::tls::{NetworkError, UnknownIssuer};

/// Why no connection could be made. Its `Display` is the second half of a sentence, with what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The name has no address.
    NameNotFound,
    /// The host is there and doesn't take connections.
    Refused,
    /// Nobody answered.
    TimedOut,
    /// There is no way to the host.
    Unreachable,
    /// The connection ended before it began to be of use.
    Broken,
    /// The certificate was issued by somebody unknown.
    Untrusted {
        /// How the issuer calls itself.
        issuer: Option<String>,
    },
    /// The certificate is somebody else's.
    WrongName,
    /// The certificate is not valid now.
    WrongTime,
    /// Another mistake in TLS.
    Tls,
    /// There are no certificates to compare with.
    NoAuthorities,
    /// The proxy wants to know who is there, or doesn't know them.
    ProxyCredentials,
    /// The proxy does not lead there.
    ProxyRefused,
    /// The proxy itself can't be reached.
    Proxy(Box<Cause>),
    /// Something that this program doesn't know.
    Unknown,
}

/// The words of libraries that have no type for a cause. The tests beside this check that they still say them.
const WORDS: [(&str, Cause); 6] = [
    ("dns error", Cause::NameNotFound),
    ("operation timed out", Cause::TimedOut),
    ("tunnel error: proxy authorization required", Cause::ProxyCredentials),
    ("tunnel error: unsuccessful", Cause::ProxyRefused),
    ("tunnel error: unexpected end of file", Cause::ProxyRefused),
    ("tunnel error: proxy response headers too long", Cause::ProxyRefused),
];

/// The library's word for a proxy that was not reached; why is in the error below.
const TO_THE_PROXY: &str = "tunnel error: failed to create underlying connection";

impl Cause {
    /// Returns the cause in an error, or in one of those that caused it.
    pub fn of(error: &(dyn Error + 'static)) -> Cause {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(cause) = known(error) {
                return cause;
            }
            let said = error.to_string();
            if said == TO_THE_PROXY {
                let below = error.source().map_or(Cause::Unknown, Cause::of);
                return Cause::Proxy(Box::new(below));
            }
            if let Some((_, cause)) = WORDS.iter().find(|(words, _)| *words == said) {
                return cause.clone();
            }
            // An error of input and output hides what it was made of from `source`.
            let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = inside.map(|inside| inside as &(dyn Error + 'static)).or_else(|| error.source());
        }
        Cause::Unknown
    }
}

fn known(error: &(dyn Error + 'static)) -> Option<Cause> {
    if let Some(NetworkError::NoAuthorities) = error.downcast_ref() {
        return Some(Cause::NoAuthorities);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    match error.downcast_ref::<io::Error>()?.kind() {
        ErrorKind::ConnectionRefused => Some(Cause::Refused),
        ErrorKind::TimedOut => Some(Cause::TimedOut),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Some(Cause::Unreachable)
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Some(Cause::Broken),
        _ => None,
    }
}

fn of_tls(error: &rustls::Error) -> Cause {
    let rustls::Error::InvalidCertificate(wrong) = error else { return Cause::Tls };
    match wrong {
        CertificateError::Other(other) => match other.0.downcast_ref::<UnknownIssuer>() {
            Some(unknown) => Cause::Untrusted { issuer: unknown.issuer.clone() },
            None => Cause::Tls,
        },
        CertificateError::UnknownIssuer => Cause::Untrusted { issuer: None },
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Cause::WrongName
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Cause::WrongTime,
        _ => Cause::Tls,
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = match self {
            Cause::Untrusted { issuer } => {
                f.write_str("its certificate is not trusted")?;
                if let Some(issuer) = issuer {
                    write!(f, ": it was issued by \"{issuer}\"")?;
                }
                "; if that is your company's own authority, set SSL_CERT_FILE to a file in PEM with its CA certificate \
                 and the others that are needed"
            }
            Cause::Proxy(cause) => {
                f.write_str("the proxy can't be reached: ")?;
                return cause.fmt(f);
            }
            Cause::NameNotFound => "the name was not found; check the address, and the DNS of this machine",
            Cause::Refused => "it was refused; check the address, and that nothing is in the way",
            Cause::TimedOut => {
                "nobody answered in time; check that a firewall lets this machine out, or set HTTPS_PROXY"
            }
            Cause::Unreachable => "there is no route; check the network of this machine, or set HTTPS_PROXY",
            Cause::Broken => "it broke at the start; check what is between this machine and the internet",
            Cause::WrongName => {
                "its certificate is for another name; check the address, and who answers there"
            }
            Cause::WrongTime => "its certificate is not valid at this time; check the clock of this machine",
            Cause::Tls => "TLS failed; check the address, and what is between this machine and the internet",
            Cause::NoAuthorities => return NetworkError::NoAuthorities.fmt(f),
            Cause::ProxyCredentials => {
                "the proxy wants a user name and a password, or other ones; write them in HTTPS_PROXY as \
                 http://user:password@host:port"
            }
            Cause::ProxyRefused => {
                "the proxy refused to connect there; have it allowed, or name the host in NO_PROXY"
            }
            Cause::Unknown => "the cause is not known",
        };
        f.write_str(said)
    }
}

/// Says why a call got no answer; `peer` is how people know the other side. Repeats nothing of the error's own text, which
/// may hold the address.
pub fn why(error: &reqwest::Error, peer: &str) -> String {
    if error.is_connect() || error.is_builder() {
        return format!("no connection to {peer} could be made: {}", Cause::of(error));
    }
    if error.is_timeout() {
        return format!("{peer} did not answer in time");
    }
    if error.is_body() || error.is_decode() {
        return format!("the answer of {peer} broke off");
    }
    format!("the connection to {peer} broke")
}
