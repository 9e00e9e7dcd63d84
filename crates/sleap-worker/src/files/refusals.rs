//! What clients hear that want something of SLEAP-RTC's other services.

use protocol::Message;

/// What this worker is, instead.
const ADVICE: &str = "this worker runs one model over streams and videos and takes no jobs, scripts or paths; \
    a SLEAP-RTC worker does";

/// The refusal that a client waits for which says `text`; `None` where it waits for nothing.
pub(super) fn of(text: &str) -> Option<Message> {
    let word = text.split("::").next().unwrap_or_default();
    let answer = match word {
        "JOB_SUBMIT" => format!("JOB_REJECTED::{{\"errors\":[\"{ADVICE}\"]}}"),
        "USE_WORKER_PATH" => format!("WORKER_PATH_ERROR::{ADVICE}"),
        "JOB_STOP" | "JOB_CANCEL" | "CONTROL_COMMAND" | "ZMQ_CTRL" => {
            return Some(Message::FileError(ADVICE.into()));
        }
        _ if word.starts_with("FS_") => format!("FS_ERROR::INVALID_REQUEST::{ADVICE}"),
        _ => return None,
    };
    Some(Message::Unknown { text: answer })
}

/// What a client hears that sends a package for training, or one with scripts.
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
            ("JOB_SUBMIT::{\"type\":\"train\"}", "JOB_REJECTED::{"),
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
    fn rejected_jobs_have_errors_in_json() {
        let Some(Message::Unknown { text }) = of("JOB_SUBMIT::{}") else {
            panic!("no answer");
        };
        let json = text.strip_prefix("JOB_REJECTED::").unwrap();
        assert!(
            json.starts_with("{\"errors\":[\"") && json.ends_with("\"]}"),
            "{json}"
        );
    }
}
