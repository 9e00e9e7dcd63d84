//! A synthetic animal, rendered without any library.
