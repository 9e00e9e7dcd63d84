//! `[output.NAME]`.

use std::collections::HashMap;

use toml_edit::Value;

use super::section::{Section, SourceText};
use crate::error::RulesError;
use crate::rule::{Output, OutputForm, OutputTarget};

/// Bits a second of a serial port, where the file does not say it.
const DEFAULT_BAUD: u32 = 115_200;

/// Bytes that are sent at a switch at most: a port takes so many at once.
const MAX_MESSAGE_BYTES: usize = 255;

pub(super) fn read(section: Section<'_>, name: String) -> Result<Output, RulesError> {
    let place = section.place;
    let to = target(&section)?;
    let form = form(&section, &to)?;
    section.finish()?;
    Ok(Output {
        name,
        to,
        form,
        place,
    })
}

fn target(section: &Section<'_>) -> Result<OutputTarget, RulesError> {
    let (serial, url) = (section.word("serial")?, section.word("to")?);
    let baud = section.number("baud", 50.0..=10_000_000.0)?;
    match (serial, url) {
        (Some(port), None) if port.text.is_empty() => Err(section.error("serial", "is empty")),
        (Some(port), None) => Ok(OutputTarget::Serial {
            port: port.text,
            baud: baud.map_or(DEFAULT_BAUD, |baud| baud as u32),
        }),
        (None, Some(_)) if baud.is_some() => Err(section.error("baud", "goes with serial only")),
        (None, Some(url)) => Ok(OutputTarget::Url(url.text)),
        (Some(_), Some(_)) => {
            Err(section.error("to", "and serial cannot both be there: make two outputs"))
        }
        (None, None) => Err(section
            .missing("target: give serial = \"/dev/ttyACM0\" or to = \"udp://127.0.0.1:9000\"")),
    }
}

fn form(section: &Section<'_>, to: &OutputTarget) -> Result<OutputForm, RulesError> {
    let (on, off) = (bytes(section, "on")?, bytes(section, "off")?);
    match (on, off, to) {
        (Some(_), Some(_), OutputTarget::Url(url)) if takes_events_only(url) => Err(section.error(
            "on",
            "is not for osc:// and lsl://, which get a message for each event",
        )),
        (Some(on), Some(off), _) => Ok(OutputForm::Switch { on, off }),
        (Some(_), None, _) => Err(section.missing("off: what is sent when it is switched off")),
        (None, Some(_), _) => Err(section.missing("on: what is sent when it is switched on")),
        (None, None, OutputTarget::Serial { .. }) => Err(section
            .missing("on and off: what is sent to the port, such as on = \"1\", off = \"0\"")),
        (None, None, OutputTarget::Url(_)) => Ok(OutputForm::Events),
    }
}

/// Targets whose messages have a form of their own.
fn takes_events_only(url: &str) -> bool {
    ["osc:", "lsl:"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

/// A text, or a list of bytes.
fn bytes(section: &Section<'_>, key: &'static str) -> Result<Option<Vec<u8>>, RulesError> {
    let Some(item) = section.item(key) else {
        return Ok(None);
    };
    let byte = |value: &Value| u8::try_from(value.as_integer()?).ok();
    let bytes = match item.as_value() {
        Some(Value::String(text)) => Some(text.value().as_bytes().to_vec()),
        Some(Value::Array(list)) => list.iter().map(byte).collect(),
        _ => None,
    };
    match bytes {
        Some(bytes) if (1..=MAX_MESSAGE_BYTES).contains(&bytes.len()) => Ok(Some(bytes)),
        _ => Err(section.error(
            key,
            "has to be a text of 1 to 255 bytes (\"1\", \"on\\n\") or a list of bytes ([1])",
        )),
    }
}

/// A port has one speed.
pub(super) fn check_ports(source: &SourceText<'_>, outputs: &[Output]) -> Result<(), RulesError> {
    let mut speeds = HashMap::new();
    for output in outputs {
        let OutputTarget::Serial { port, baud } = &output.to else {
            continue;
        };
        let (first, speed) = *speeds.entry(port).or_insert((&output.name, baud));
        if speed != baud {
            let reason = format!("{port} has {speed} baud for the output {first}, and {baud} here");
            return Err(source.error(output.place, reason));
        }
    }
    Ok(())
}
