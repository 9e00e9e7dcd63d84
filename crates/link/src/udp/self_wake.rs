//! A task that wakes itself is polled again at once.
//!
//! The WebRTC library's loop keeps the reads of its sockets in a `FuturesUnordered`, which wakes its task each time that it
//! has polled all that it has: after every datagram where a connection has one socket, as lanes have. Tokio then puts
//! the task behind the others and wakes another thread for it, which costs more than the datagram.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Then the other tasks have their turn.
const MAX_POLLS: usize = 4;

/// A task whose wakes while it is polled stay here.
pub(crate) struct SelfWakingTask<F> {
    task: Pin<Box<F>>,
    wakes: Arc<Wakes>,
    waker: Waker,
}

#[derive(Default)]
struct Wakes {
    task: AtomicWaker,
    is_polled: AtomicBool,
    is_woken: AtomicBool,
}

impl<F> SelfWakingTask<F> {
    pub(crate) fn new(task: F) -> Self {
        let wakes = Arc::new(Wakes::default());
        Self {
            task: Box::pin(task),
            waker: wakes.clone().into(),
            wakes,
        }
    }
}

impl<F: Future> Future for SelfWakingTask<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { task, wakes, waker } = &mut *self;
        wakes.task.register(cx.waker());
        for _ in 0..MAX_POLLS {
            wakes.is_woken.store(false, Ordering::SeqCst);
            wakes.is_polled.store(true, Ordering::SeqCst);
            let polled = task.as_mut().poll(&mut Context::from_waker(waker));
            wakes.is_polled.store(false, Ordering::SeqCst);
            // A wake that comes later finds the task not being polled.
            if polled.is_ready() || !wakes.is_woken.load(Ordering::SeqCst) {
                return polled;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        if !self.is_polled.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Polls a task that wakes itself `times` times, once: whether it has ended, how often it was polled, and how often it
    /// was woken outside.
    fn poll_once(times: usize) -> (bool, usize, usize) {
        let mut polls = 0;
        let task = poll_fn(|cx| {
            polls += 1;
            if polls > times {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let mut task = SelfWakingTask::new(task);
        let polled = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
        drop(task);
        (polled.is_ready(), polls, count.0.load(Ordering::SeqCst))
    }

    #[test]
    fn a_task_that_wakes_itself_is_polled_again_some_times() {
        assert_eq!(poll_once(0), (true, 1, 0));
        assert_eq!(poll_once(2), (true, 3, 0));
        assert_eq!(poll_once(100), (false, MAX_POLLS, 1));
    }

    #[test]
    fn wakes_from_elsewhere_arrive() {
        let (count, mut inner) = (Arc::new(Count::default()), None);
        let waker = Waker::from(count.clone());
        let mut task = SelfWakingTask::new(poll_fn(|cx| {
            inner = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let polled = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(task);
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        inner.unwrap().wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_is_lost_between_threads() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let reader = tokio::spawn(SelfWakingTask::new(async move {
            let mut sum = 0_u64;
            while let Some(number) = receiver.recv().await {
                sum += number;
            }
            sum
        }));
        for number in 0..20_000 {
            sender.send(number).await.unwrap();
        }
        drop(sender);
        assert_eq!(reader.await.unwrap(), 20_000 * 19_999 / 2);
    }
}
