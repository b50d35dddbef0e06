//! Whether a page is well-formed, leads nowhere else, and is complete without scripts.

use super::super::tests::report;
use super::render;

/// Elements without an end.
const VOID: [&str; 5] = ["meta", "br", "input", "hr", "img"];

/// Checks that elements nest and attributes are quoted; scripts and styles hold no tags.
fn check(page: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            let end = comment.find("-->").ok_or("a comment does not end")?;
            rest = &comment[end + 3..];
            continue;
        }
        // No attribute of ours has a > in it: values are escaped.
        let end = rest.find('>').ok_or("a tag does not end")?;
        let tag = &rest[1..end];
        let here: String = rest.chars().take(80).collect();
        rest = &rest[end + 1..];
        if !tag.matches('"').count().is_multiple_of(2) {
            return Err(format!("quotes in {here}"));
        }
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(opened) if opened == name => {}
                opened => return Err(format!("</{name}> ends {opened:?} at {here}")),
            }
            continue;
        }
        let name = tag.split([' ', '\n', '/']).next().unwrap_or_default();
        let ends_itself = tag.ends_with('/') || tag.starts_with('!') || VOID.contains(&name);
        if !ends_itself {
            open.push(name);
        }
        if ["script", "style"].contains(&name) {
            let end = rest.find(&format!("</{name}>")).ok_or("a script does not end")?;
            rest = &rest[end..];
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} do not end")) }
}

/// The values of an attribute.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    page.split(start.as_str()).skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect()
}

/// Without what a script does, which may name anything.
fn without_script(page: &str) -> String {
    let (before, after) = page.split_once("<script>").unwrap();
    let (_, after) = after.split_once("</script>").unwrap();
    format!("{before}{after}")
}

#[test]
fn elements_nest() {
    check("<a b=\"c\"><br><d/><!-- <e> --></a>").unwrap();
    assert!(check("<a><b></a></b>").unwrap_err().contains("ends"));
    assert!(check("<a>").is_err() && check("<a b=\"c></a>").is_err());
    let about = report().about("Imprecise hardware & a network".to_owned());
    for page in [render(&report()), render(&about)] {
        check(&page).unwrap();
    }
}

#[test]
fn names_are_one_element_s_and_labels_have_theirs() {
    let page = without_script(&render(&report()));
    let ids = values(&page, "id");
    for (index, id) in ids.iter().enumerate() {
        assert!(!ids[..index].contains(id), "two elements are named {id}");
    }
    let labels = values(&page, "aria-labelledby");
    let links = values(&page, "href").into_iter().filter_map(|link| link.strip_prefix('#'));
    for id in labels.into_iter().chain(links) {
        assert!(ids.contains(&id), "nothing is named {id}");
    }
}

#[test]
fn nothing_is_loaded() {
    let page = render(&report());
    assert!(!page.contains("http"), "an address");
    assert!(!page.contains(" src=") && !page.contains("url(") && !page.contains("@import"));
    let page = without_script(&page);
    for link in values(&page, "href") {
        let is_here =
            ["#", "records/", "data:text/csv"].iter().any(|start| link.starts_with(start));
        assert!(is_here, "{link}");
    }
}

#[test]
fn every_claim_is_once_in_the_table() {
    let report = report();
    let page = without_script(&render(&report));
    let (_, table) = page.split_once("<h2 id=\"claims\">").unwrap();
    let (table, _) = table.split_once("</table>").unwrap();
    assert_eq!(table.matches("<tr>").count(), 1 + report.claims().count());
    for claim in report.claims() {
        let link = format!("href=\"#rasch2023-networks-claim-{}\"", claim.id);
        assert_eq!(table.matches(&link).count(), 1, "{}", claim.id);
    }
    assert!(!page.contains("<button") && !page.contains("<input"), "controls are the script's");
    // Every heading of a table says of what.
    assert_eq!(page.matches("<th>").count(), 0);
}

#[test]
fn what_does_not_hold_says_why_and_the_rest_does_not() {
    let page = render(&report());
    let row = |id: &str| {
        let (_, row) =
            page.split_once(&format!("<tr id=\"rasch2023-networks-claim-{id}\">")).unwrap();
        row[..row.find("</tr>").unwrap()].to_owned()
    };
    assert!(row("bad").contains("Why: The reason was not examined."), "{}", row("bad"));
    assert!(row("unclear").contains("Why: The interval contains the limit"));
    assert!(!row("good").contains("Why:"));
}
