use super::*;

fn key(name: &str) -> JobKey {
    JobKey {
        sha256: "0".into(),
        name: FileName::new(name).unwrap(),
    }
}

impl JobQueue {
    fn put(&self, name: &str, waiting: usize, state: JobState, left: Duration) {
        let (sender, state) = watch::channel(state);
        let task = tokio::spawn(async move { sender.closed().await });
        let job = QueuedJob {
            number: self.begun.fetch_add(1, Relaxed),
            state,
            waiting,
            left: Instant::now().checked_sub(left).unwrap(),
            _task: AbortOnDropHandle::new(task),
        };
        self.jobs().insert(key(name), job);
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.jobs().keys().map(|key| key.name.to_string()).collect();
        names.sort();
        names
    }
}

fn ended() -> JobState {
    let predicted = JobPredictions {
        frames: 1,
        poses: 1,
        lacking: None,
    };
    JobState::Ended(Arc::new(FinishedJob {
        outcome: Ok(predicted),
        folder: None,
    }))
}

#[tokio::test]
async fn an_abandoned_job_goes_and_one_that_is_waited_for_stays() {
    let queue = JobQueue::new(1);
    let runs = || JobState::Runs(1, None);
    queue.put("runs", 0, runs(), CLIENT_TIMEOUT / 2);
    queue.put("ran", 0, ended(), CLIENT_TIMEOUT);
    queue.put("in the way", 0, runs(), CLIENT_TIMEOUT);
    queue.put("long waited for", 1, runs(), RETURN_TIMEOUT);
    queue.put("long done", 1, ended(), RETURN_TIMEOUT);
    queue.put("forgotten", 0, ended(), RETURN_TIMEOUT);
    queue.remove_abandoned();
    assert_eq!(
        queue.names(),
        ["in the way", "long done", "long waited for", "ran", "runs"]
    );
    queue.make_way();
    assert_eq!(
        queue.names(),
        ["long done", "long waited for", "ran", "runs"]
    );
    assert!(queue.make_room());
    assert_eq!(queue.names(), ["long done", "long waited for", "runs"]);
    assert!(!queue.make_room());
    queue.delivered(&key("long done"));
    queue.delivered(&key("runs"));
    assert_eq!(queue.names(), ["long done", "long waited for"]);
}

#[tokio::test]
async fn so_many_jobs_wait_for_their_clients_and_no_more() {
    let queue = JobQueue::new(1);
    queue.put("waited for", 1, JobState::Waits, 2 * RETURN_TIMEOUT);
    for minute in 1..MAX_ABANDONED as u64 {
        let left = Duration::from_secs(60 * minute);
        queue.put(&format!("{minute}"), 0, JobState::Waits, left);
    }
    JobQueue::remove_oldest(&mut queue.jobs());
    assert_eq!(queue.names().len(), MAX_ABANDONED);
    queue.put("oldest", 0, ended(), RETURN_TIMEOUT * 3);
    JobQueue::remove_oldest(&mut queue.jobs());
    assert_eq!(queue.names().len(), MAX_ABANDONED);
    assert!(!queue.names().contains(&"oldest".to_owned()));
}

#[tokio::test]
async fn a_client_hears_how_many_files_are_ahead() {
    let queue = Arc::new(JobQueue::new(2));
    let now = Duration::ZERO;
    queue.put("done", 1, ended(), now);
    queue.put("first", 1, JobState::Runs(1, None), now);
    queue.put("second", 1, JobState::Runs(1, None), now);
    queue.put("third", 1, JobState::Waits, now);
    queue.put("fourth", 1, JobState::Waits, now);
    assert_eq!(queue.ahead_of(&key("third")), 2);
    assert_eq!(queue.ahead_of(&key("fourth")), 3);
    let state = queue.jobs()[&key("fourth")].state.clone();
    let mut waiter = JobWaiter {
        queue: Arc::clone(&queue),
        key: key("fourth"),
        state,
        ahead: 0,
    };
    assert!(matches!(waiter.next().await, Ok(JobState::Waits)));
    assert_eq!(waiter.ahead(), 3);
    queue.jobs().remove(&key("third"));
    assert!(matches!(waiter.next().await, Ok(JobState::Waits)));
    assert_eq!(waiter.ahead(), 2);
}
