//! What a program says to a person or to a pipe: its results on standard output, everything else on
//! standard error. Neither may end it, for what it computed matters more than who reads of it.

use std::fmt::Display;
use std::io::{ErrorKind, Stdout, Write};
use std::path::Path;

use crate::measured::error::Error;
use crate::program::as_typed;

/// Standard output. A reader that has seen enough, such as `head`, is no error; a full disk is one,
/// said once when the command is done.
#[derive(Debug)]
pub struct Output<W: Write = Stdout> {
    to: W,
    failed: Option<std::io::Error>,
}

impl Output {
    /// That of this process.
    pub fn standard() -> Self {
        Self::new(std::io::stdout())
    }
}

impl<W: Write> Output<W> {
    /// One that writes elsewhere.
    pub fn new(to: W) -> Self {
        Self { to, failed: None }
    }

    /// Says a line, unless an earlier one could not be said.
    pub fn line(&mut self, line: impl Display) {
        if self.failed.is_none() {
            self.failed = writeln!(self.to, "{}", as_typed(&line.to_string())).err();
        }
    }

    /// Whether everything was said that someone wanted to hear.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a line could not be written for another reason than that no one reads it.
    pub fn end(mut self) -> Result<(), Error> {
        let failed = self.failed.or_else(|| self.to.flush().err());
        match failed.filter(|error| error.kind() != ErrorKind::BrokenPipe) {
            Some(error) => Err(Error::io("write to", Path::new("standard output"))(error)),
            None => Ok(()),
        }
    }
}

/// Says a line on standard error; where that is closed or full there is no one to tell.
pub fn remark(line: impl Display) {
    drop(writeln!(std::io::stderr(), "{}", as_typed(&line.to_string())));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes some bytes and then fails in its way.
    struct Limited(usize, ErrorKind);

    impl Write for Limited {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(self.1.into());
            }
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn ended(room: usize, with: ErrorKind) -> Result<(), String> {
        let mut output = Output::new(Limited(room, with));
        ["first", "second", "third"].iter().for_each(|line| output.line(line));
        output.end().map_err(|error| error.to_string())
    }

    #[test]
    fn a_reader_that_leaves_is_no_error_and_a_full_disk_is_one() {
        assert_eq!(ended(8, ErrorKind::BrokenPipe), Ok(()));
        let full = ended(8, ErrorKind::StorageFull).unwrap_err();
        assert!(full.starts_with("cannot write to standard output: "), "{full}");
        assert_eq!(ended(100, ErrorKind::StorageFull), Ok(()));
    }
}
