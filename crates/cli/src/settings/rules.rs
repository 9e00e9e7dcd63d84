//! Which options the settings file of the working directory may set.
//!
//! Users work in folders of others: shared drives, downloads, an archive that was just unpacked. A file there
//! may come from an attacker, whichever user owns it. So it may set how a stream looks, and nothing that
//! sends data elsewhere, admits others, or reads, writes or runs files. Every option of both programs
//! stands in this table; one that does not is refused there.

use clap::Command;

use super::flag;

/// The user's file, in the home folder.
pub(super) const USER_FILE: &str = ".sleap-rtc/config.toml";

/// Whether the working directory's file may set an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// At worst the stream looks otherwise, or ends.
    Harmless,
    /// Only the user may set it.
    UserOnly(Concern),
}

/// What an attacker could do with an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Another server, worker or receiver gets frames, poses or a login.
    Destination,
    /// The attacker is accepted as the worker, or as a client.
    Trust,
    /// A secret or key is replaced, or read from a file that the attacker selects.
    Credential,
    /// A file, an address or a camera is opened and sent.
    Source,
    /// A file is written or replaced, or the disk is filled.
    Writing,
    /// Others reach this machine, or receive its addresses.
    Network,
    /// Clients may store more here, elsewhere or longer.
    Uploads,
    /// A model of the attacker is run.
    Model,
}

impl Concern {
    /// The rest of a sentence that begins with the option.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Destination => "says where frames, poses or logins go",
            Self::Trust => "says who is trusted",
            Self::Credential => "says what the secret or key is",
            Self::Source => "says what is read and sent",
            Self::Writing => "says which files are written",
            Self::Network => "says how this machine is reached",
            Self::Uploads => "says what clients may send and store",
            Self::Model => "says which model is run",
        }
    }
}

use Concern::{Credential, Destination, Model, Network, Source, Trust, Uploads, Writing};
use Rule::{Harmless, UserOnly};

/// The options of `sleap-stream` and `sleap-worker`, by their names in a file.
pub const RULES: &[(&str, Rule)] = &[
    // What is streamed.
    ("stream", UserOnly(Source)),
    ("webcam", UserOnly(Source)),
    ("camera", UserOnly(Source)),
    ("camera_name", UserOnly(Writing)),
    ("sync_tolerance", Harmless),
    ("camera_roi", Harmless),
    ("camera_binning", Harmless),
    ("trigger", Harmless),
    ("test_pattern", UserOnly(Source)),
    ("send_file", UserOnly(Source)),
    ("webcam_size", Harmless),
    ("allow_gaps", Harmless),
    // Commands of a camera may change it for good.
    ("camera_set", UserOnly(Source)),
    ("camera_format", Harmless),
    ("controls", Harmless),
    ("format", Harmless),
    ("size", Harmless),
    ("pixel_format", Harmless),
    ("seconds", Harmless),
    ("page", Harmless),
    ("frames", Harmless),
    ("sample_rate", Harmless),
    ("max_frames", Harmless),
    ("fps", Harmless),
    ("live", Harmless),
    ("every_frame", Harmless),
    // How.
    ("resize", Harmless),
    ("jpeg_quality", Harmless),
    ("max_latency", Harmless),
    ("batch_size", Harmless),
    ("ack_timeout", Harmless),
    ("wait", Harmless),
    ("reconnect_timeout", Harmless),
    ("lanes", Harmless),
    ("max_streams", Harmless),
    ("max_jobs", Harmless),
    ("min_live_rate", Harmless),
    // What becomes of poses and frames. `output` is a file of the client's and a folder of the worker's.
    ("output", UserOnly(Writing)),
    ("record", UserOnly(Writing)),
    ("snapshot", UserOnly(Writing)),
    ("overwrite", UserOnly(Writing)),
    ("save_every", UserOnly(Writing)),
    ("save_poses", UserOnly(Writing)),
    ("display", Harmless),
    // Of the process that reads files for a worker.
    ("gray", Harmless),
    ("emit", UserOnly(Destination)),
    // Rules send to addresses and switch what is at a serial port.
    ("rules", UserOnly(Destination)),
    ("rules_editable", UserOnly(Writing)),
    ("events", UserOnly(Writing)),
    ("on", Harmless),
    ("nodes", Harmless),
    ("predict_ahead", Harmless),
    ("actuator_delay", Harmless),
    ("smooth", Harmless),
    ("smooth_min_cutoff", Harmless),
    ("smooth_beta", Harmless),
    // The rendezvous.
    ("signal", UserOnly(Destination)),
    ("worker", UserOnly(Destination)),
    ("worker_id", UserOnly(Destination)),
    ("model_name", UserOnly(Destination)),
    ("room", UserOnly(Destination)),
    ("room_server", UserOnly(Destination)),
    ("room_silence", Harmless),
    ("auto_select", UserOnly(Destination)),
    ("min_gpu_memory", UserOnly(Destination)),
    ("ice_server", UserOnly(Destination)),
    ("ice_credentials", UserOnly(Credential)),
    ("relay_only", UserOnly(Network)),
    ("ports", UserOnly(Network)),
    ("interface", UserOnly(Network)),
    ("listen", UserOnly(Network)),
    ("view", UserOnly(Network)),
    ("view_links", UserOnly(Network)),
    ("metrics", UserOnly(Network)),
    // Who is let in.
    ("insecure", UserOnly(Trust)),
    ("auth_compat", UserOnly(Trust)),
    ("client_keys", UserOnly(Trust)),
    ("name", UserOnly(Trust)),
    ("secret", UserOnly(Credential)),
    ("secret_file", UserOnly(Credential)),
    ("new_secret", UserOnly(Credential)),
    ("client_key", UserOnly(Credential)),
    ("api_key_file", UserOnly(Credential)),
    // What clients may do.
    ("no_stream", UserOnly(Uploads)),
    ("max_upload", UserOnly(Uploads)),
    ("upload_quota", UserOnly(Uploads)),
    ("upload_dir", UserOnly(Uploads)),
    ("keep", UserOnly(Uploads)),
    ("drain_timeout", Harmless),
    // The model.
    ("model", UserOnly(Model)),
    ("device", Harmless),
    // Frames go to that server, and a token.
    ("engine", UserOnly(Destination)),
    ("engine_requests", Harmless),
    ("engine_wait", Harmless),
    ("engine_token_file", UserOnly(Credential)),
    ("threads", Harmless),
    ("spin", Harmless),
    ("fp16", Harmless),
    ("max_batch", Harmless),
    ("peak_threshold", Harmless),
    ("max_instances", Harmless),
    ("min_line_scores", Harmless),
    ("min_instance_peaks", Harmless),
    ("refine", Harmless),
    // Which animal is which.
    ("tracking", Harmless),
    ("tracker", Harmless),
    ("max_tracks", Harmless),
    ("tracking_window_size", Harmless),
    ("candidates_method", Harmless),
    ("features", Harmless),
    ("scoring_method", Harmless),
    ("scoring_reduction", Harmless),
    ("track_matching_method", Harmless),
    ("use_kalman", Harmless),
    ("kf_track_features", Harmless),
    ("kf_init_frame_count", Harmless),
    ("kf_node_indices", Harmless),
    ("kf_reset_gap_size", Harmless),
    ("oks_stddev", Harmless),
    ("use_flow", Harmless),
    ("of_img_scale", Harmless),
    ("of_window_size", Harmless),
    ("of_max_levels", Harmless),
    ("tracking_target_instance_count", Harmless),
    ("tracking_pre_cull_to_target", Harmless),
    ("link_tracklets", Harmless),
    ("tracking_pre_cull_iou_threshold", Harmless),
    ("tracking_clean_instance_count", Harmless),
    ("tracking_clean_iou_threshold", Harmless),
    ("post_connect_single_breaks", Harmless),
    // Messages and reports.
    ("json", Harmless),
    ("quiet", Harmless),
    ("verbose", Harmless),
    ("log_format", Harmless),
];

/// Whether the file of the working directory, called `shown`, may set an option; the error is the rest of
/// a sentence that begins with the option.
pub(super) fn may_say(rules: &[(&str, Rule)], name: &str, shown: &str) -> Result<(), String> {
    let concern = match of(rules, name) {
        Some(Harmless) => return Ok(()),
        Some(UserOnly(concern)) => concern.words(),
        None => "may do anything",
    };
    Err(format!(
        "{concern}, which a file that lies in the working directory may not: put it on the command line or \
         into ~/{USER_FILE}, or name the file with --config {shown} if all of it is yours"
    ))
}

/// The rule of an option; `None` where it does not stand in the table.
fn of(rules: &[(&str, Rule)], name: &str) -> Option<Rule> {
    rules.iter().find(|it| it.0 == name).map(|it| it.1)
}

/// The options of a command and of its subcommands that have no rule: for the test of each program.
pub fn without_rule(command: &Command, rules: &[(&str, Rule)]) -> Vec<String> {
    let commands = std::iter::once(command).chain(command.get_subcommands());
    let names = commands.flat_map(flag::all).map(|flag| flag.name());
    names.filter(|name| of(rules, name).is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_has_two_rules() {
        let mut names: Vec<_> = RULES.iter().map(|it| it.0).collect();
        names.sort_unstable();
        let pairs: Vec<_> = names.windows(2).filter(|it| it[0] == it[1]).collect();
        assert!(pairs.is_empty(), "{pairs:?}");
    }
}
