//! Poses on their way to other programs and to files: at once, or once the moment of their frame is known.

use emit::EmittedFrame;

use crate::run::camera_share::PoseResult;
use crate::run::outputs;
use crate::run::results::ResultHandler;

impl ResultHandler {
    /// Hands poses to rules, where there are several cameras, to other programs and to files.
    pub(super) fn deliver(&mut self, result: PoseResult) {
        let returned = &result.returned;
        if self.camera.name().is_some() {
            let moment = result.moment();
            self.closed_loop
                .act(&result.prediction, &result.derived, returned, moment);
        }
        let frame = EmittedFrame {
            captured_us: returned.captured_us,
            clock: Some(returned.clock),
            moment: result.moment(),
        };
        self.emitter
            .pose(&result.prediction, &result.derived, frame);
        self.camera.delivered(&result);
        outputs::write(&self.outputs, result, self.camera.name());
    }

    /// Hands out results whose moments are decided by now.
    pub(crate) fn deliver_decided(&mut self) {
        while let Some(result) = self.camera.decided() {
            self.deliver(result);
        }
    }

    /// No further result comes: those that wait for other cameras do not any more.
    pub(crate) fn end_moments(&mut self) {
        self.camera.decide_all();
        self.deliver_decided();
        self.camera.ended();
    }
}
