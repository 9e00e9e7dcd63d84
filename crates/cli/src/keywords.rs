//! Options that a program gives by their names, as another program gives them on its command line.

use clap::{Arg, ArgAction, Command};

use crate::similar::nearest;

/// Other names of options, for what may be given several times.
const PLURALS: [(&str, &str); 1] = [("outputs", "output")];

/// An option by its name, with `_` or `-` between words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyword {
    /// The name.
    pub name: String,
    /// What it is set to.
    pub value: KeywordValue,
}

/// What an option is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeywordValue {
    /// It is switched on or off, or has its default value.
    Switch(bool),
    /// Its values, as they are on a command line.
    Texts(Vec<String>),
}

impl Keyword {
    /// An option with one value.
    pub fn text(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: KeywordValue::Texts(vec![value.to_owned()]),
        }
    }

    /// A switch.
    pub fn switch(name: &str, is_on: bool) -> Self {
        Self {
            name: name.to_owned(),
            value: KeywordValue::Switch(is_on),
        }
    }
}

/// Why options cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeywordError {
    /// There is no such option.
    #[error("there is no option {name}{}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// As given.
        name: String,
        /// The option that may be meant.
        nearest: Option<String>,
    },
    /// The option has no meaning inside of a program.
    #[error("{name} is no option here: {why}")]
    NotHere {
        /// As given.
        name: String,
        /// Why it is none.
        why: &'static str,
    },
    /// A switch has a value, or an option has none.
    #[error("{name} {needs}")]
    Form {
        /// As given.
        name: String,
        /// What it needs.
        needs: &'static str,
    },
    /// Values that the command line refuses, too, in its words.
    #[error("{0}")]
    Values(String),
    /// Values that contradict each other.
    #[error("{0:#}")]
    Contradiction(anyhow::Error),
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(": {name} may be meant"))
}

/// The options of a command that a program may give.
pub struct KeywordOptions<'a> {
    /// The command.
    pub command: &'a Command,
    /// Whether an option has a meaning inside of a program.
    pub is_here: fn(&Arg) -> bool,
    /// Why the others have none.
    pub why_not: &'static str,
}

impl KeywordOptions<'_> {
    /// The names of the options, with `_` between words.
    pub fn names(&self) -> Vec<String> {
        let options = self
            .command
            .get_arguments()
            .filter(|arg| (self.is_here)(arg));
        let names = options.filter_map(Arg::get_long);
        names.map(|name| name.replace('-', "_")).collect()
    }

    /// An option as words of a command line.
    ///
    /// # Errors
    /// There is no such option here, or it has the wrong form.
    pub fn words(&self, option: &Keyword) -> Result<Vec<String>, KeywordError> {
        let name = option.name.clone();
        let plural = PLURALS.iter().find(|(plural, _)| *plural == name);
        let long = plural
            .map_or(name.as_str(), |(_, option)| option)
            .replace('_', "-");
        let is_called = |arg: &&Arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(&long) || aliases.contains(&long.as_str())
        };
        let Some(arg) = self.command.get_arguments().find(is_called) else {
            let nearest = nearest(&name.replace('-', "_"), self.names());
            return Err(KeywordError::Unknown { name, nearest });
        };
        if !(self.is_here)(arg) {
            let why = self.why_not;
            return Err(KeywordError::NotHere { name, why });
        }
        let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        let values = arg.get_num_args();
        let is_optional = values.is_some_and(|range| range.min_values() == 0);
        let form = |needs| Err(KeywordError::Form { name, needs });
        match &option.value {
            KeywordValue::Switch(_) if takes_value && !is_optional => form("needs a value"),
            KeywordValue::Switch(true) => Ok(vec![format!("--{long}")]),
            KeywordValue::Switch(false) if matches!(arg.get_action(), ArgAction::SetTrue) => {
                Ok(vec![format!("--{long}=false")])
            }
            // Nothing else is on by itself.
            KeywordValue::Switch(false) => Ok(Vec::new()),
            KeywordValue::Texts(_) if !takes_value => {
                form("is switched on and off: give true or false")
            }
            KeywordValue::Texts(texts) => {
                let word = |text: &String| format!("--{long}={text}");
                Ok(texts.iter().map(word).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::settings::test_program::Args;

    fn words(keyword: &Keyword) -> Result<Vec<String>, String> {
        let command = Args::command();
        let options = KeywordOptions {
            command: &command,
            is_here: |arg| arg.get_long() != Some("send"),
            why_not: "this is a test",
        };
        options.words(keyword).map_err(|error| error.to_string())
    }

    #[test]
    fn options_become_words_of_a_command_line() {
        let text = |name, value| words(&Keyword::text(name, value)).unwrap();
        assert_eq!(text("jpeg_quality", "80"), ["--jpeg-quality=80"]);
        assert_eq!(text("jpeg-quality", "80"), ["--jpeg-quality=80"]);
        assert_eq!(text("outputs", "a b"), ["--output=a b"]);
        let switch = |is_on| words(&Keyword::switch("insecure", is_on)).unwrap();
        assert_eq!(
            (switch(true), switch(false)),
            (
                vec!["--insecure".to_owned()],
                vec!["--insecure=false".to_owned()]
            )
        );
    }

    #[test]
    fn what_is_no_option_is_refused_with_the_one_that_is_meant() {
        for (keyword, words_of_error) in [
            (
                Keyword::text("jpeg_qualty", "80"),
                "jpeg_quality may be meant",
            ),
            (Keyword::text("zzz", "80"), "there is no option zzz"),
            (
                Keyword::text("send", "a"),
                "send is no option here: this is a test",
            ),
            (
                Keyword::switch("jpeg_quality", true),
                "jpeg_quality needs a value",
            ),
            (
                Keyword::text("insecure", "yes"),
                "insecure is switched on and off",
            ),
        ] {
            let error = words(&keyword).unwrap_err();
            assert!(error.contains(words_of_error), "{error}");
        }
    }
}
