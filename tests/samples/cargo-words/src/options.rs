//! The command line.

use anyhow::Result;
use lexopt::prelude::*;

pub struct Options {
    pub folder: String,
    pub top: usize,
}

pub fn parse() -> Result<Options> {
    let mut options = Options { folder: ".".into(), top: 10 };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('n') | Long("top") => options.top = parser.value()?.parse()?,
            Value(folder) => options.folder = folder.string()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(options)
}
