//! What happens to a call that a device cannot run, where there are others. Pure.
//!
//! A call fails for its frames or for its device, and the error does not tell which. So it goes to the other devices, and
//! its own takes no new one until it is known: where another runs it, those that could not are taken out. Where none
//! can, the frames are at fault, and every device goes on.

/// A device, by its number.
pub(super) type DeviceNumber = usize;

/// A call that failed.
#[derive(Debug)]
pub(super) struct FailedCall<C> {
    pub(super) call: C,
    /// The devices that could not run it.
    failed_on: Vec<DeviceNumber>,
}

/// A call for a device to try.
#[derive(Debug)]
pub(super) struct Retry<C> {
    pub(super) call: FailedCall<C>,
    /// No device can run it: what this one makes of it is final.
    pub(super) is_last: bool,
}

/// The devices, and the calls that failed.
#[derive(Debug)]
pub(super) struct Failover<C> {
    devices: Vec<DeviceState>,
    /// They are calls of one server: what one cannot run, no other can.
    are_one_server: bool,
    calls: Vec<FailedCall<C>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct DeviceState {
    /// It takes no calls any more.
    is_out: bool,
    /// Calls that it could not run, of which it is not known whether others can.
    suspicions: usize,
}

impl<C> Failover<C> {
    /// So many devices, all in use.
    pub(super) fn new(devices: usize) -> Self {
        Self {
            devices: vec![DeviceState::default(); devices],
            are_one_server: false,
            calls: Vec::new(),
        }
    }

    /// So many calls of one server. None is taken out: it waits for the server by itself.
    pub(super) fn of_one_server(calls: usize) -> Self {
        Self {
            are_one_server: true,
            ..Self::new(calls)
        }
    }

    /// Whether a device is in use, and takes new calls.
    pub(super) fn takes_calls(&self, device: DeviceNumber) -> bool {
        let state = self.devices[device];
        !state.is_out && state.suspicions == 0
    }

    /// Whether a device was taken out.
    pub(super) fn is_out(&self, device: DeviceNumber) -> bool {
        self.devices[device].is_out
    }

    /// Whether each call that failed has run, or failed everywhere.
    pub(super) fn is_settled(&self) -> bool {
        self.devices.iter().all(|device| device.suspicions == 0)
    }

    /// Devices in use.
    pub(super) fn in_use(&self) -> usize {
        self.devices.iter().filter(|device| !device.is_out).count()
    }

    /// A call failed on a device: on others before, if there is a `before`. `None`: another device is to try it. Else it is
    /// given back: no other is in use.
    pub(super) fn fails(
        &mut self,
        device: DeviceNumber,
        call: C,
        before: Vec<DeviceNumber>,
    ) -> Option<FailedCall<C>> {
        let mut failed_on = before;
        failed_on.push(device);
        let call = FailedCall { call, failed_on };
        self.devices[device].suspicions += 1;
        let mut others = self.devices.iter().enumerate();
        if self.are_one_server || others.all(|(number, other)| number == device || other.is_out) {
            self.ends(&call.failed_on);
            return Some(call);
        }
        self.calls.push(call);
        None
    }

    /// A call that failed elsewhere, for this device to try.
    pub(super) fn retry(&mut self, device: DeviceNumber) -> Option<Retry<C>> {
        if self.devices[device].is_out {
            return None;
        }
        let is_tried = |call: &FailedCall<C>| {
            let mut devices = self.devices.iter().enumerate();
            devices.all(|(number, state)| state.is_out || call.failed_on.contains(&number))
        };
        let mut calls = self.calls.iter();
        let index = calls.position(|call| !call.failed_on.contains(&device) || is_tried(call))?;
        let is_last = is_tried(&self.calls[index]);
        let call = self.calls.remove(index);
        Some(Retry { call, is_last })
    }

    /// A device ran what failed on others: these are taken out, but for the last one in use.
    pub(super) fn succeeds(&mut self, failed_on: &[DeviceNumber]) {
        self.ends(failed_on);
        for &device in failed_on {
            if self.in_use() > 1 {
                self.devices[device].is_out = true;
            }
        }
    }

    /// No device could run it: its frames are at fault.
    pub(super) fn ends(&mut self, failed_on: &[DeviceNumber]) {
        for &device in failed_on {
            let state = &mut self.devices[device];
            state.suspicions = state.suspicions.saturating_sub(1);
        }
    }

    /// A device's thread ends.
    pub(super) fn leaves(&mut self, device: DeviceNumber) {
        self.devices[device].is_out = true;
    }
}

impl<C> FailedCall<C> {
    /// The call, and the devices that could not run it.
    pub(super) fn into_parts(self) -> (C, Vec<DeviceNumber>) {
        (self.call, self.failed_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs calls on devices one after the other until none is left; `works` says whether a device can run a call.
    /// Returns what ran, and what failed in the end.
    fn settle(
        failover: &mut Failover<char>,
        works: impl Fn(DeviceNumber, char) -> bool,
    ) -> (String, String) {
        let (mut ran, mut failed) = (String::new(), String::new());
        let devices = failover.devices.len();
        for _ in 0..100 {
            for device in 0..devices {
                let Some(Retry { call, is_last }) = failover.retry(device) else {
                    continue;
                };
                let (call, failed_on) = call.into_parts();
                if works(device, call) {
                    ran.push(call);
                    failover.succeeds(&failed_on);
                } else if is_last {
                    failed.push(call);
                    failover.ends(&failed_on);
                } else if let Some(last) = failover.fails(device, call, failed_on) {
                    failed.push(last.call);
                }
            }
        }
        assert!(failover.calls.is_empty(), "every call is settled");
        (ran, failed)
    }

    fn out(failover: &Failover<char>) -> Vec<DeviceNumber> {
        let devices = 0..failover.devices.len();
        devices.filter(|device| failover.is_out(*device)).collect()
    }

    #[test]
    fn a_device_that_cannot_run_what_another_can_is_taken_out() {
        let mut failover = Failover::new(2);
        assert!(failover.fails(0, 'a', Vec::new()).is_none());
        assert!(!failover.takes_calls(0) && failover.takes_calls(1));
        assert!(failover.retry(0).is_none(), "it has failed there");
        let works = |device, _| device == 1;
        assert_eq!(settle(&mut failover, works), ("a".into(), String::new()));
        assert_eq!((out(&failover), failover.in_use()), (vec![0], 1));
        // The last device has no other.
        let last = failover.fails(1, 'b', Vec::new()).expect("given back");
        assert_eq!(last.call, 'b');
        assert!(failover.takes_calls(1));
    }

    #[test]
    fn frames_that_no_device_can_run_cost_none_its_place() {
        for devices in 2..5 {
            let mut failover = Failover::new(devices);
            assert!(failover.fails(0, 'a', Vec::new()).is_none());
            assert_eq!(
                settle(&mut failover, |_, _| false),
                (String::new(), "a".into())
            );
            assert_eq!(failover.in_use(), devices);
            assert!((0..devices).all(|device| failover.takes_calls(device)));
        }
    }

    #[test]
    fn devices_that_fail_at_the_same_time_do_not_wait_for_each_other() {
        // 0 is lost; the frames of `b` are at fault.
        let mut failover = Failover::new(2);
        assert!(failover.fails(0, 'a', Vec::new()).is_none());
        assert!(failover.fails(1, 'b', Vec::new()).is_none());
        let works = |device, call| device == 1 && call == 'a';
        assert_eq!(settle(&mut failover, works), ("a".into(), "b".into()));
        assert_eq!(out(&failover), [0]);
        assert!(failover.takes_calls(1));
        // Both are lost: all goes on as with one that is.
        let mut failover = Failover::new(2);
        assert!(failover.fails(0, 'a', Vec::new()).is_none());
        assert!(failover.fails(1, 'b', Vec::new()).is_none());
        let (ran, failed) = settle(&mut failover, |_, _| false);
        assert_eq!((ran, failed.len()), (String::new(), 2));
        assert_eq!(failover.in_use(), 2);
    }

    #[test]
    fn of_three_all_that_cannot_are_taken_out() {
        let mut failover = Failover::new(3);
        assert!(failover.fails(0, 'a', Vec::new()).is_none());
        assert!(failover.fails(1, 'b', Vec::new()).is_none());
        let works = |device, _| device == 2;
        let (ran, failed) = settle(&mut failover, works);
        assert_eq!((ran.len(), failed.as_str()), (2, ""));
        assert_eq!(out(&failover), [0, 1]);
    }

    #[test]
    fn what_one_call_of_a_server_cannot_run_fails_at_once_and_costs_none_its_place() {
        let mut failover = Failover::of_one_server(3);
        for device in 0..3 {
            let failed = failover.fails(device, 'a', Vec::new());
            assert_eq!(failed.expect("given back").call, 'a');
            assert!(failover.is_settled() && failover.takes_calls(device));
            assert!(failover.retry(device).is_none());
        }
        assert_eq!(failover.in_use(), 3);
    }

    #[test]
    fn a_call_is_not_left_where_the_others_end() {
        let mut failover = Failover::new(2);
        assert!(failover.fails(0, 'a', Vec::new()).is_none());
        failover.leaves(1);
        let retry = failover.retry(0).expect("there is no other");
        assert!(retry.is_last);
    }
}
