//! What is around the content of every page: one file, which needs no other.

use std::fmt::{Result, Write};

use report::html::{SCRIPT, STYLE};

/// All before the page's heading.
pub(crate) fn write_head(page: &mut String, title: &str) -> Result {
    writeln!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>dither: {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">To the content</a>\n<header>"
    )
}

/// All after its content.
pub(crate) fn write_end(page: &mut String) -> Result {
    writeln!(page, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>")
}
