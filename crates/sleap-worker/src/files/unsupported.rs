//! Refusals for clients that ask for SLEAP-RTC's other services.

use protocol::Message;
use serde_json::json;

/// What this worker does instead.
const ADVICE: &str = "this worker runs one model over streams and videos and takes no jobs, scripts or paths; \
    a SLEAP-RTC worker does";

/// The refusal for a client that sends `text`; `None` where the client waits for no reply.
pub(super) fn of(text: &str) -> Option<Message> {
    let mut parts = text.split("::");
    let word = parts.next().unwrap_or_default();
    let answer = match word {
        "JOB_SUBMIT" => {
            let id = parts.next().filter(|id| is_id(id)).unwrap_or("unknown");
            let errors = json!({"errors": [{"field": "type", "message": ADVICE}]});
            format!("JOB_REJECTED::{id}::{errors}")
        }
        "USE_WORKER_PATH" => format!("WORKER_PATH_ERROR::{ADVICE}"),
        "JOB_STOP" | "JOB_CANCEL" | "CONTROL_COMMAND" | "ZMQ_CTRL" => {
            return Some(Message::FileError(ADVICE.into()));
        }
        _ if word.starts_with("FS_") => format!("FS_ERROR::INVALID_REQUEST::{ADVICE}"),
        _ => return None,
    };
    Some(Message::Unknown { text: answer })
}

/// Whether a client may give a job this name; the refusal repeats it.
fn is_id(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=64).contains(&text.len()) && text.chars().all(known)
}

/// The refusal of a package for training, or with scripts.
pub(super) fn package() -> String {
    ADVICE.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Payload;

    #[test]
    fn each_service_is_refused_in_its_own_words() {
        for (text, begins) in [
            (
                "JOB_SUBMIT::job_1::{\"type\":\"train\"}",
                "JOB_REJECTED::job_1::{",
            ),
            ("JOB_SUBMIT::a b::{}", "JOB_REJECTED::unknown::{"),
            ("JOB_SUBMIT", "JOB_REJECTED::unknown::{"),
            ("FS_GET_MOUNTS", "FS_ERROR::INVALID_REQUEST::"),
            ("FS_LIST_DIR::/::0", "FS_ERROR::INVALID_REQUEST::"),
            ("USE_WORKER_PATH::/data/a.slp", "WORKER_PATH_ERROR::"),
            ("JOB_CANCEL", "ERROR::"),
        ] {
            let Some(Payload::Text(answer)) = of(text).map(|answer| answer.encode()) else {
                panic!("{text} has no answer");
            };
            assert!(answer.starts_with(begins), "{answer}");
        }
        for text in ["OUTPUT_DIR::models", "hello", "", "{\"type\":\"X\"}"] {
            assert!(of(text).is_none(), "{text}");
        }
    }

    #[test]
    fn rejected_jobs_say_why_where_their_clients_look_for_it() {
        let Some(Message::Unknown { text }) = of("JOB_SUBMIT::7::{}") else {
            panic!("no answer");
        };
        let json = text.splitn(3, "::").nth(2).unwrap();
        let errors: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(errors["errors"][0]["message"], ADVICE);
    }
}
