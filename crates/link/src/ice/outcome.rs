//! What came of asking a STUN or TURN server.

use protocol::text;
use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::message::{Getter, Message, is_stun_message};
use thiserror::Error;

/// Characters of a server's reason that are kept.
const MAX_REASON: usize = 80;

/// What a STUN or TURN server answered, or why no request could be sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerOutcome {
    /// No response came.
    Silent,
    Answered,
    Fault(ServerFault),
}

impl ServerOutcome {
    /// Takes a later outcome over: what a server once granted stands, whatever it refuses later.
    pub(crate) fn note(&mut self, next: ServerOutcome) {
        if *self != ServerOutcome::Answered {
            *self = next;
        }
    }

    pub(crate) fn fault(&self) -> Option<ServerFault> {
        match self {
            Self::Silent => Some(ServerFault::Silent),
            Self::Answered => None,
            Self::Fault(fault) => Some(fault.clone()),
        }
    }
}

/// Why a STUN or TURN server is of no use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerFault {
    /// It does not answer.
    #[error("no answer")]
    Silent,
    /// It refuses the user name or the password.
    #[error("it refuses the user name or the password (401)")]
    Credentials,
    /// It answers with an error.
    #[error("it refuses with {code} {reason}")]
    Refused {
        /// The error's code (RFC 8489).
        code: u16,
        /// The error's reason phrase.
        reason: String,
    },
    /// Its name cannot be resolved.
    #[error("its name is not found: {0}")]
    Name(String),
    /// No local address leads to it.
    #[error("there is no route to it: {0}")]
    Route(String),
    /// The TCP or TLS connection to it failed.
    #[error("{0}")]
    Connection(String),
}

/// The outcome in a datagram of a server, if the datagram is the response to a request.
pub(crate) fn of_response(datagram: &[u8]) -> Option<ServerOutcome> {
    const CLASS: u8 = 0b0001_0000;
    if !is_stun_message(datagram) {
        return None;
    }
    // The two bits of the class lie in the type's two bytes: 10 is success, 11 is an error.
    match (datagram[0] & 1, datagram[1] & CLASS) {
        (1, 0) => return Some(ServerOutcome::Answered),
        (1, _) => {}
        _ => return None,
    }
    let mut message = Message::new();
    message.raw = datagram.to_vec();
    message.decode().ok()?;
    let mut error = ErrorCodeAttribute::default();
    error.get_from(&message).ok()?;
    let code = error.code.0;
    Some(ServerOutcome::Fault(match code {
        401 => ServerFault::Credentials,
        _ => {
            let reason = String::from_utf8_lossy(&error.reason);
            ServerFault::Refused {
                code,
                reason: text::cut(&reason, MAX_REASON).into_owned(),
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A response of `kind` with attributes; magic cookie and transaction id in between.
    fn response(kind: u16, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend((attributes.len() as u16).to_be_bytes());
        bytes.extend(0x2112_a442_u32.to_be_bytes());
        bytes.extend(*b"transaction!");
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn responses_are_told_from_everything_else() {
        let refused = |class: u8, number: u8, reason: &[u8; 4]| {
            let mut attribute = vec![0x00, 0x09, 0, 8, 0, 0, class, number];
            attribute.extend(reason);
            response(0x0113, &attribute)
        };
        let fault = |datagram: &[u8]| of_response(datagram).and_then(|outcome| outcome.fault());
        assert_eq!(
            of_response(&response(0x0103, &[])),
            Some(ServerOutcome::Answered)
        );
        assert_eq!(
            of_response(&response(0x0101, &[])),
            Some(ServerOutcome::Answered)
        );
        assert_eq!(
            fault(&refused(4, 1, b"nope")),
            Some(ServerFault::Credentials)
        );
        let full = ServerFault::Refused {
            code: 508,
            reason: "full".into(),
        };
        assert_eq!(fault(&refused(5, 8, b"full")), Some(full));
        // A request, an indication with data, channel data, a truncated header, nothing.
        assert_eq!(of_response(&response(0x0001, &[])), None);
        assert_eq!(of_response(&response(0x0017, &[])), None);
        assert_eq!(of_response(&[0x40, 0, 0, 4, 1, 2, 3, 4]), None);
        assert_eq!(of_response(&response(0x0103, &[])[..19]), None);
        assert_eq!(of_response(&[]), None);
        // An error without its code.
        assert_eq!(of_response(&response(0x0113, &[])), None);
    }

    #[test]
    fn a_granted_request_stands() {
        let refusal = ServerOutcome::Fault(ServerFault::Credentials);
        let mut outcome = ServerOutcome::Silent;
        assert_eq!(outcome.fault(), Some(ServerFault::Silent));
        outcome.note(refusal.clone());
        assert_eq!(outcome.fault(), Some(ServerFault::Credentials));
        outcome.note(ServerOutcome::Answered);
        outcome.note(refusal);
        assert_eq!(outcome.fault(), None);
    }
}
