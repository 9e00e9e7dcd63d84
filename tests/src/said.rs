use serde_json::Value;

use crate::Finished;

/// What a run said in JSON, of one kind.
pub fn events<'a>(said: &'a [Value], kind: &str) -> Vec<&'a Value> {
    said.iter().filter(|event| event["event"] == kind).collect()
}

/// What a run said in JSON at its end.
#[track_caller]
pub fn summary(said: &[Value]) -> &Value {
    events(said, "summary").first().expect("a summary")
}

impl Finished {
    /// Fails unless this is a stream, with `--json`, that was interrupted and each of whose frames was
    /// answered until then; how many.
    #[track_caller]
    pub fn lost_nothing(&self) -> u64 {
        assert_eq!(self.code, Some(130), "{}", self.stderr);
        let said = self.predictions();
        let summary = summary(&said);
        for lost in ["failed", "dropped", "unanswered", "lost", "reconnections"] {
            assert_eq!(summary[lost], 0, "{lost}: {summary}");
        }
        summary["predictions"].as_u64().expect("a number")
    }
}
