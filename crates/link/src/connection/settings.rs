//! The settings of a connection, as the WebRTC library takes them.

use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize;
use webrtc::peer_connection::{
    RTCConfiguration, RTCConfigurationBuilder, RTCIceServer, RTCIceTransportPolicy, SettingEngine,
    SettingEngineBuilder,
};

use super::config::ConnectionConfig;
use crate::udp::IceServers;

/// Longest message that a peer may send, as announced in `a=max-message-size`, in bytes.
pub(super) const MAX_MESSAGE_BYTES: u32 = 262_144;
/// Time that direct paths have before a relay is taken.
const RELAY_TIMEOUT: Duration = Duration::from_millis(700);
/// The same for paths between networks, which host candidates may be better than.
const BETWEEN_NETWORKS_TIMEOUT: Duration = Duration::from_millis(200);
/// Interval of connectivity checks, and of looks whether a path can be taken. The library's 200 ms are added to
/// every handshake, and again where a check is lost.
const CHECK_INTERVAL: Duration = Duration::from_millis(40);
/// Checks of one path, three seconds of them.
const MAX_CHECKS: u16 = 75;

pub(super) fn configuration(servers: &IceServers, relay_only: bool) -> RTCConfiguration {
    let servers = servers
        .urls()
        .map(|(url, username, credential)| RTCIceServer {
            urls: vec![url],
            username: username.to_owned(),
            credential: credential.to_owned(),
        });
    let policy = match relay_only {
        true => RTCIceTransportPolicy::Relay,
        false => RTCIceTransportPolicy::All,
    };
    RTCConfigurationBuilder::default()
        .with_ice_servers(servers.collect())
        .with_ice_transport_policy(policy)
        .build()
}

pub(super) fn setting_engine(config: &ConnectionConfig) -> SettingEngine {
    SettingEngineBuilder::new()
        .with_include_loopback_candidate(true)
        // With mDNS on, a host without a multicast route cannot connect at all.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        // Checks of a new connection go on for the sum of the first two.
        .with_ice_timeouts(
            Some(config.peer_timeout),
            Some(config.connect_timeout),
            Some(config.consent_interval),
        )
        .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(MAX_CHECKS))
        .with_srflx_acceptance_min_wait(Some(BETWEEN_NETWORKS_TIMEOUT))
        .with_prflx_acceptance_min_wait(Some(BETWEEN_NETWORKS_TIMEOUT))
        // The library would wait two seconds for a better path before it takes a relay.
        .with_relay_acceptance_min_wait(Some(match config.ice.relay_only {
            true => Duration::ZERO,
            false => RELAY_TIMEOUT,
        }))
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(MAX_MESSAGE_BYTES))
        .with_sctp_max_receive_buffer_size(config.sctp.receive_window_bytes.max(MAX_MESSAGE_BYTES))
        .with_sctp_mtu(config.sctp.mtu)
        .build()
}
