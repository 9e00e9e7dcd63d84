//! What a proof is bound to, and the vectors of the specification.

use super::*;
use crate::auth::legacy as legacy_form;
use crate::auth::proof::{Nonce, ProofRole, Transcript};

/// Every part of the transcript counts.
#[test]
fn a_proof_is_bound_to_nonces_certificates_role_and_secret() {
    let transcript = Transcript {
        worker_nonce: Nonce([3; 32]),
        client_nonce: Nonce([4; 32]),
        worker: WORKER,
        client: CLIENT,
    };
    let proof = transcript.prove(&secret(1), ProofRole::Client);
    assert!(transcript.verify(&secret(1), ProofRole::Client, &proof));
    assert!(!transcript.verify(&secret(1), ProofRole::Worker, &proof));
    assert!(!transcript.verify(&secret(2), ProofRole::Client, &proof));
    for other in [
        Transcript {
            worker_nonce: Nonce([4; 32]),
            ..transcript
        },
        Transcript {
            client_nonce: Nonce([3; 32]),
            ..transcript
        },
        Transcript {
            worker: [9; 32],
            ..transcript
        },
        Transcript {
            client: [9; 32],
            ..transcript
        },
        Transcript {
            worker: CLIENT,
            client: WORKER,
            ..transcript
        },
    ] {
        assert!(
            !other.verify(&secret(1), ProofRole::Client, &proof),
            "{other:?}"
        );
    }
    for damaged in ["", "A", &proof[1..], &proof.to_lowercase()] {
        assert!(!transcript.verify(&secret(1), ProofRole::Client, damaged));
    }
}

#[test]
fn the_vectors_of_the_specification_hold() {
    let vectors = vectors();
    let unhex = |text: &str| -> Vec<u8> {
        let octets = text.as_bytes().chunks(2);
        octets
            .map(|octet| u8::from_str_radix(std::str::from_utf8(octet).unwrap(), 16).unwrap())
            .collect()
    };
    let bound = vectors["bound"].as_array().expect("a list");
    assert_eq!(bound.len(), 3);
    for vector in bound {
        let text = |key: &str| vector[key].as_str().expect("a text");
        let after = |key: &str| text(key).split_once("::").expect("a word").1;
        let (client_nonce, client_proof) = after("answer").split_once(':').expect("two fields");
        let transcript = Transcript {
            worker_nonce: Nonce::parse(after("challenge")).expect("a nonce"),
            client_nonce: Nonce::parse(client_nonce).expect("a nonce"),
            worker: Fingerprints::of(&unhex(text("worker_certificate"))),
            client: Fingerprints::of(&unhex(text("client_certificate"))),
        };
        assert_eq!(transcript.bytes(), unhex(text("transcript")));
        let secret: Secret = text("secret").parse().expect("a secret");
        assert_eq!(transcript.prove(&secret, ProofRole::Client), client_proof);
        assert_eq!(
            transcript.prove(&secret, ProofRole::Worker),
            after("success")
        );
    }
    for vector in vectors["plain"].as_array().expect("a list") {
        let text = |key: &str| vector[key].as_str().expect("a text");
        let after = |key: &str| text(key).split_once("::").expect("a word").1;
        let by_secret = legacy(text("secret").parse().ok());
        let by_key = LegacyCredentials {
            key: text("private_key").parse().ok(),
            ..LegacyCredentials::default()
        };
        for (credentials, answer) in [(by_secret, "hmac_answer"), (by_key, "ed25519_answer")] {
            let given = legacy_form::answer(&credentials, after("challenge"));
            assert_eq!(given.as_deref(), Some(after(answer)));
        }
    }
}
