#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vision::fuzzing::camera_frame(data));
