//! Faults of the program itself. They are caught where work is handed out, so that each is one line that
//! names what was being done, and what others computed is kept.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::measured::error::Error;

/// A panic that was seen: what it says, and where it was.
type Seen = (String, String);

/// The panics that nobody has asked for yet: the one that reaches [`caught`] may come from another
/// thread, and says no more than that a thread panicked.
static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());

/// Keeps panics for [`caught`], and prints one only where `RUST_BACKTRACE` asks for its trace.
pub fn watch() {
    let print = std::panic::take_hook();
    let traced = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or("a panic without a message").to_owned();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        SEEN.lock().unwrap_or_else(PoisonError::into_inner).push((message, place));
        if traced {
            print(panic);
        }
    }));
}

/// What `work` gives.
///
/// # Errors
///
/// What `work` fails with; [`Error::Fault`] if it panics.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        Err(Error::Fault(described(&*payload, &mut seen)))
    })
}

/// The panic in one line, with its place if it was seen.
fn described(payload: &(dyn Any + Send), seen: &mut Vec<Seen>) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default();
    // Of what a thread inside said only that it panicked arrives; it is the one seen last.
    let index = seen.iter().position(|(message, _)| message == text).or(seen.len().checked_sub(1));
    let (message, place) = match index {
        Some(index) => seen.swap_remove(index),
        None => (text.to_owned(), String::new()),
    };
    let words: Vec<&str> = message.split_whitespace().collect();
    let place = if place.is_empty() { place } else { format!(", at {place}") };
    format!("{}{place}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_in_one_line() {
        let error = caught::<()>(|| panic!("left: {}\n right: {}", 1, 2)).unwrap_err().to_string();
        assert!(error.contains("left: 1 right: 2"), "{error}");
        assert!(!error.contains('\n') && error.contains("RUST_BACKTRACE"), "{error}");
        assert_eq!(caught(|| Ok(3)).unwrap(), 3);
    }

    #[test]
    fn the_place_is_that_of_the_panic_itself() {
        let seen = |message: &str| (message.to_owned(), format!("{message}.rs:1:1"));
        let mut all = vec![seen("other"), seen("inner")];
        let of = |text: &str, all: &mut Vec<Seen>| described(&text.to_owned(), all);
        assert_eq!(of("other", &mut all.clone()), "other, at other.rs:1:1");
        // What arrives is the scope's own panic.
        assert_eq!(of("a scoped thread panicked", &mut all), "inner, at inner.rs:1:1");
        assert_eq!(of("lone", &mut Vec::new()), "lone");
    }
}
