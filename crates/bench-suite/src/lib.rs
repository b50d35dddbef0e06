//! Nearly empty.
